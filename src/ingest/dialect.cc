#include "ingest/dialect.h"

#include <fmt/format.h>

#include "client/error.h"
#include "client/text.h"

namespace millrace::cli {
namespace {

bool IsAscii(char c) { return static_cast<unsigned char>(c) < 0x80; }

}  // namespace

char ParseDelimiter(const std::string& text) {
  if (text == "\\t" || text == "tab") return '\t';
  if (text.size() == 1 && IsAscii(text[0]) && text[0] != '\n' && text[0] != '\r' &&
      text[0] != '\0') {
    return text[0];
  }
  throw CliError(fmt::format("--delimiter {}: not one character", ShellWord(text)),
                 "Write --delimiter ';', --delimiter '|' or --delimiter tab.");
}

char ParseQuote(const std::string& text) {
  if (text == "none") return '\0';
  if (text.size() == 1 && IsAscii(text[0]) && text[0] != '\n' && text[0] != '\r' &&
      text[0] != '\0') {
    return text[0];
  }
  throw CliError(fmt::format("--quote {}: not one character", ShellWord(text)),
                 "Write --quote '\"', --quote \"'\", or --quote none if no field is in quotes.");
}

void CheckDialect(const Dialect& dialect) {
  // A file without quotes is sent with double quotes where they are needed.
  const char quote = dialect.quote == '\0' ? '"' : dialect.quote;
  if (quote == dialect.delimiter) {
    throw CliError(fmt::format("{} cannot be both the delimiter and the quote",
                               DelimiterWord(dialect.delimiter)));
  }
  for (const char c : dialect.null_text) {
    const bool line_end = c == '\n' || c == '\r' || c == '\0';
    if (!line_end && c != dialect.delimiter && c != quote) {
      continue;
    }
    throw CliError(fmt::format("--null {}: has {} in it", ShellWord(dialect.null_text),
                               line_end                 ? "a line end"
                               : c == dialect.delimiter ? "the delimiter"
                                                        : "the quote"));
  }
}

std::string DelimiterWord(char delimiter) {
  return delimiter == '\t' ? "tab" : fmt::format("'{}'", delimiter);
}

}  // namespace millrace::cli
