// The forms in which files write times.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "ingest/time_format.h"

namespace millrace::cli {

// One bit each, so that a set of forms is a mask.
enum TimeForm : std::uint32_t {
  kTimeIso = 1 << 0,         // 2026-01-31 10:15:00.5+01, also with T, Z or no zone
  kTimeYearFirst = 1 << 1,   // 2026/01/31 10:15
  kTimeDotted = 1 << 2,      // 31.01.2026 10:15
  kTimeDayFirst = 1 << 3,    // 31/01/2026 10:15, 31-01-2026 10:15
  kTimeMonthFirst = 1 << 4,  // 01/31/2026 10:15
  kTimeSeconds = 1 << 5,     // since 1970 UTC: 1767225600, also with a fraction
  kTimeMillis = 1 << 6,      // 1767225600000
  kTimeMicros = 1 << 7,      // 1767225600000000
  kTimeLog = 1 << 8,         // 31/Jan/2026:10:15:00 +0100, as web servers write
  kTimeNamed = 1 << 9,       // 31 Jan 2026 10:15:00
  kTimeNamedPm = 1 << 10,    // Jan 31, 2026 10:15:00 AM
  kTimePm = 1 << 11,         // 01/31/2026 10:15:00 AM
  kTimeShortPm = 1 << 12,    // 01/31/2026 10:15 AM
  kTimeGiven = 1 << 13,      // in the format that the user has given
};
// Without kTimeGiven.
constexpr std::uint32_t kAllTimeForms = (1 << 13) - 1;
constexpr std::uint32_t kEpochForms = kTimeSeconds | kTimeMillis | kTimeMicros;

struct TimeReading {
  std::int64_t micros = 0;   // since 1970; read as UTC where there is no zone
  bool has_zone = false;     // numbers since 1970 have one
  bool has_clock = false;    // hours and minutes
  bool has_seconds = false;  // also seconds
  bool has_fraction = false;
  char separator = '-';  // between day, month and year
  char joint = ' ';      // between date and clock: ' ' or 'T'
};

// Reads `text` in one form. Dates from 1900 to 2199; numbers since 1970 only from 2000 to 2099, as
// others are hardly times. Empty if it is not in this form, or no such day or time exists. `given`
// is the format of kTimeGiven; REQUIRES: it is not null for that form.
std::optional<TimeReading> ReadTime(std::string_view text, TimeForm form,
                                    const TimeFormat* given = nullptr);

// Whether SQL reads this form as the same time whatever the session's DateStyle.
bool SqlReads(TimeForm form);

// The form as `millrace load --time-format` takes it: as strptime's format, or as the unit of a
// number. `reading` is of one of the texts. REQUIRES: not kTimeGiven.
std::string LoadFormat(TimeForm form, const TimeReading& reading);

// "2026-01-31 10:15" in UTC.
std::string ShowTime(std::int64_t micros);

}  // namespace millrace::cli
