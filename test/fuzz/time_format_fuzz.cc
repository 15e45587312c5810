// Patterns and times given to the loader, a line each: what is read is a date that exists, in a
// form that SQL reads, and nothing is written otherwise.

#include <chrono>
#include <cstdio>

#include "client/error.h"
#include "fuzz.h"
#include "ingest/time_format.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  const std::size_t end = text.find('\n');
  if (end == std::string::npos) return 0;
  std::string out = "x";
  try {
    if (!millrace::cli::TimeFormat(text.substr(0, end)).Convert(text.substr(end + 1), &out)) {
      FUZZ_CHECK(out == "x");
      return 0;
    }
  } catch (const millrace::CliError&) {
    return 0;
  }
  FUZZ_CHECK(out.starts_with("x") && out.size() >= 11 && out.size() <= 40);
  FUZZ_CHECK(out.find_first_not_of("0123456789-:+. ", 1) == std::string::npos);
  int year = 0;
  unsigned month = 0, day = 0;
  FUZZ_CHECK(std::sscanf(out.c_str(), "x%4d-%2u-%2u", &year, &month, &day) == 3);
  FUZZ_CHECK(year >= 1 &&
             (std::chrono::year(year) / std::chrono::month(month) / std::chrono::day(day)).ok());
  if (out.size() == 11) return 0;
  unsigned hour = 0, minute = 0, second = 0;
  FUZZ_CHECK(std::sscanf(out.c_str() + 11, " %2u:%2u:%2u", &hour, &minute, &second) == 3);
  FUZZ_CHECK(hour < 24 && minute < 60 && second <= 60);
  return 0;
}
