// Times that a file writes in a form of its own.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "ingest/moment.h"

namespace millrace::cli {

// A form of times, as the user describes it after --time-format:
// - seconds (or epoch), milliseconds (ms), microseconds (us), nanoseconds (ns): a number of them
//   since 1970 UTC, which may be negative and have decimals;
// - a pattern of strptime: %Y %y %m %d %e %b %B (English names of months, short or long) %a %A (of
//   days) %H %I %p %M %S (decimals may follow) %f (decimals of a second) %z (+01:00, +0100, +01, Z)
//   %s (seconds since 1970) %F (%Y-%m-%d) %T (%H:%M:%S) %R (%H:%M) %%. A blank stands for any
//   number of blanks, other characters for themselves. Letters may be large or small.
class TimeFormat {
 public:
  // Throws CliError, with examples, for a pattern that is not as above or has no year.
  explicit TimeFormat(const std::string& text);

  // Reads a time; a number is in UTC. What is finer than microseconds is cut off. False if the text
  // has another form, is a date that does not exist, or is not in the years 1 to 9999. Blanks at
  // both ends do not count.
  bool Read(std::string_view text, Moment* moment) const;
  // Appends the time as SQL reads it, as AppendMoment does. False, with nothing appended, as Read.
  bool Convert(std::string_view text, std::string* out) const;

  // As the user wrote it.
  const std::string& text() const { return text_; }

 private:
  std::string text_;
  std::string pattern_;          // empty: a number
  std::int64_t per_second_ = 0;  // units of the number
};

// Appends "2026-01-31 08:15:00.5+01:00", without an offset or hours if the moment has none.
// REQUIRES: it is in the years 1 to 9999.
void AppendMoment(const Moment& moment, std::string* out);

}  // namespace millrace::cli
