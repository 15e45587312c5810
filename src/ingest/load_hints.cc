#include "ingest/load_hints.h"

#include <fmt/format.h>

#include <algorithm>

#include "client/text.h"
#include "ingest/sniff.h"

namespace millrace::cli {
namespace {

// The value in double quotes that the server's message names, in any language; "" if it is an empty
// text or none is named.
std::string_view QuotedValue(std::string_view message) {
  // The column, which CopySender puts behind the message, has the value too.
  message = message.substr(0, message.find(", column "));
  // So may the detail, which comes before it in brackets.
  const std::size_t detail = message.find("\" (");
  if (detail != std::string_view::npos) message = message.substr(0, detail + 1);
  const std::size_t first = message.find('"');
  const std::size_t last = message.rfind('"');
  return first == last ? "" : message.substr(first + 1, last - first - 1);
}

bool AllDigits(std::string_view text) {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

// Apart from its end.
bool HasCarriageReturn(std::string_view record) {
  const std::size_t at = record.find('\r');
  return at < record.find_last_not_of("\r\n") + 1;
}

bool IsWithComma(std::string_view value) {
  const std::size_t comma = value.find(',');
  return comma != std::string_view::npos && AllDigits(value.substr(comma + 1)) &&
         value.find_first_not_of("0123456789.-") == comma;
}

std::string HintForTime(std::string_view value) {
  const std::size_t point = value.find('.');
  const std::string_view whole = value.substr(0, point);
  if (AllDigits(whole) && (point == std::string_view::npos || AllDigits(value.substr(point + 1)))) {
    const char* const unit = whole.size() <= 11   ? "seconds"
                             : whole.size() <= 14 ? "milliseconds"
                             : whole.size() <= 17 ? "microseconds"
                                                  : "nanoseconds";
    return fmt::format("If this is a number of {} since 1970: --time-format {}", unit, unit);
  }
  return "--time-format says how times are written, as '%d.%m.%Y %H:%M'.";
}

}  // namespace

std::string HintFor(std::string_view sqlstate, std::string_view message, std::string_view record) {
  if (sqlstate == "22021") {
    if (record.find('\0') != std::string_view::npos) {
      return "Zero bytes: if the file is UTF-16, give --encoding utf-16le or utf-16be.";
    }
    const std::string encoding = SniffEncoding(record);
    return fmt::format(
        "This line is not UTF-8, or not in the encoding that was given: give --encoding {}, or the "
        "one that the file is in.",
        encoding.empty() || encoding.starts_with("utf") ? "latin1" : encoding);
  }
  const bool wrong_value = sqlstate == "22P02" || sqlstate == "22007" || sqlstate == "22008";
  const std::string_view value = QuotedValue(message);
  if (wrong_value && message.find("\"\"") != std::string_view::npos) {
    return "--empty-as-null reads \"\" as NULL where no value can be an empty text.";
  }
  if (sqlstate == "22P04" && HasCarriageReturn(record)) {
    return "There is a carriage return in this line. If lines of the file end with one, make line "
           "feeds of them: tr '\\r' '\\n'.";
  }
  if (sqlstate == "22P04") {
    return "This row has more or fewer fields than there are columns. If a text has the delimiter "
           "in "
           "it, --quote says what encloses it.";
  }
  const bool digits = value.find_first_of("0123456789") != std::string_view::npos;
  if (wrong_value && !value.empty() && !digits) {
    return fmt::format("If this stands for NULL: --null {}", ShellWord(std::string(value)));
  }
  if (sqlstate == "22P02" && IsWithComma(value)) {
    return "Numbers with a decimal comma are not read: write them with a point, or load them into "
           "a "
           "column of text.";
  }
  if (sqlstate == "22007" || sqlstate == "22008") return HintForTime(value);
  return "";
}

}  // namespace millrace::cli
