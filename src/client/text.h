// Numbers and names in a form for people.
#pragma once

#include <cstdint>
#include <string>

namespace millrace {

// 1234567 -> "1,234,567".
std::string FormatCount(std::int64_t count);
// A count with the words that follow it: "1 row is", "2,000 rows are".
std::string FormatCount(std::int64_t count, const char* one, const char* more);
// Seconds as "850 ms", "12.3 s", "4 min 10 s", "2 h 5 min".
std::string FormatDuration(double seconds);

// `text` as one word of a shell's command line, in quotes if needed.
std::string ShellWord(const std::string& text);

}  // namespace millrace
