// What somebody wants to see: a family, a span, a period to compare with, and filters.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace millrace::dashboard {

// The names and values of a request, in its order. Names may be repeated.
using Parameters = std::vector<std::pair<std::string, std::string>>;

// A value of a dimension as text; nullopt is SQL's NULL.
using Value = std::optional<std::string>;

// Only rows whose value is, or is not, one of these.
struct Filter {
  std::string dimension;
  bool negated = false;
  std::vector<Value> values;
};

// A length of time by the clock or by the calendar: a day may have 23 hours.
struct Length {
  enum class Unit { kSecond, kDay, kWeek, kMonth, kYear };
  Unit unit = Unit::kSecond;
  std::int64_t count = 0;

  // As an interval for PostgreSQL.
  std::string Interval() const;
  // In seconds, for a usual day, month or year.
  std::int64_t seconds() const;
};

struct OverviewRequest {
  std::string rollup;  // the family's id; empty: the first
  // Of the three: the last `length` up to now; or the present (`back` 0) or last (1) `length` of
  // the calendar, such as today; or from `from` to `to`, in seconds since 1970.
  enum class Kind { kLast, kCalendar, kBetween } kind = Kind::kLast;
  Length length = {Length::Unit::kSecond, 3600};
  int back = 0;
  std::int64_t from = 0, to = 0;
  std::string zone = "UTC";      // of days, weeks and months
  std::optional<Length> bucket;  // nullopt: by the length of the span
  enum class Compare { kNone, kBefore, kWeek, kCustom } compare = Compare::kBefore;
  std::int64_t compare_from = 0;     // kCustom: seconds since 1970
  std::vector<Filter> filters;       // one per dimension and direction
  std::vector<Value> tenants;        // of `tenant=`: the same as a filter by the tenant
  std::string sort;                  // a measure; empty: the first
  std::vector<std::string> columns;  // measures that breakdowns show; empty: the usual ones

  // Throws ApiError 400 for parameters that make no sense or that are not known.
  static OverviewRequest Parse(const Parameters& parameters);
  // Equal for requests that have the same answer.
  std::string Key() const;
};

// The one value of a name; empty if it is not there. Throws ApiError 400 if there are several.
std::string One(const Parameters& parameters, const std::string& name);

// Reads RFC 3339; seconds may be missing, and fractions of a second are ignored. -1 if it is no
// time.
std::int64_t ParseTime(const std::string& text);
std::string Iso(std::int64_t time);

}  // namespace millrace::dashboard
