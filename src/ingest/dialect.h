// How a text file writes its rows: the characters between and around fields, what is NULL, and the
// encoding.
#pragma once

#include <string>

namespace millrace::cli {

struct Dialect {
  char delimiter = ',';
  // '\0': no character quotes fields, so a record is a line and a field may have any character but
  // the delimiter.
  char quote = '"';
  // A field that is this text, without quotes, is NULL.
  std::string null_text;
  // Of the file's bytes, as the user named it (text_encoding.h). Empty: what a byte order mark
  // says, or else UTF-8. What has been read (byte_source.h) is UTF-8 in any case.
  std::string encoding;

  bool operator==(const Dialect&) const = default;
};

// "," or ";" and so on; "\t" and "tab" are a tab. Throws CliError unless it is one ASCII character
// that can separate fields.
char ParseDelimiter(const std::string& text);
// One ASCII character; "none" is '\0'. Throws CliError.
char ParseQuote(const std::string& text);
// Throws CliError for characters that cannot be used together: a quote that is the delimiter, or a
// text for NULL that has one of them or a line end in it.
void CheckDialect(const Dialect& dialect);

// The character as a user types it after --delimiter: ';' in quotes of the shell, or tab.
std::string DelimiterWord(char delimiter);

}  // namespace millrace::cli
