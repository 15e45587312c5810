#include "dashboard/request.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <ctime>
#include <set>

#include "dashboard/database.h"

namespace millrace::dashboard {
namespace {

constexpr std::int64_t kMinute = 60, kHour = 60 * kMinute, kDay = 24 * kHour;
constexpr std::int64_t kLongest = 3 * 366 * kDay;
constexpr std::size_t kMostValues = 200;

using Unit = Length::Unit;

[[noreturn]] void Refuse(const std::string& message, const std::string& hint) {
  throw ApiError(400, "bad_request", message, hint);
}

// A number of exactly `digits` digits at `*at`, which moves past it; -1 if there is none.
int TakeNumber(const std::string& text, std::size_t* at, std::size_t digits) {
  if (*at + digits > text.size()) return -1;
  int value = 0;
  for (std::size_t i = 0; i < digits; ++i) {
    const char c = text[*at + i];
    if (c < '0' || c > '9') return -1;
    value = value * 10 + (c - '0');
  }
  *at += digits;
  return value;
}

bool TakeOneOf(const std::string& text, std::size_t* at, std::string_view characters) {
  if (*at >= text.size() || characters.find(text[*at]) == std::string_view::npos) return false;
  ++*at;
  return true;
}

// "15m", "48h", "7d", "2w"; nullopt for anything else.
std::optional<Length> ParseLength(const std::string& text) {
  std::int64_t count = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (error != std::errc() || end + 1 != text.data() + text.size() || count < 1 ||
      count > 1'000'000) {
    return std::nullopt;
  }
  switch (*end) {
    case 'm':
      return Length{Unit::kSecond, count * kMinute};
    case 'h':
      return Length{Unit::kSecond, count * kHour};
    case 'd':
      return Length{Unit::kDay, count};
    case 'w':
      return Length{Unit::kWeek, count};
    default:
      return std::nullopt;
  }
}

void ParseSpan(const std::string& text, OverviewRequest* request) {
  static const std::map<std::string, std::pair<Unit, int>> calendar = {
      {"today", {Unit::kDay, 0}},   {"yesterday", {Unit::kDay, 1}},
      {"week", {Unit::kWeek, 0}},   {"last-week", {Unit::kWeek, 1}},
      {"month", {Unit::kMonth, 0}}, {"last-month", {Unit::kMonth, 1}},
      {"year", {Unit::kYear, 0}},   {"last-year", {Unit::kYear, 1}}};
  const auto known = calendar.find(text);
  if (known != calendar.end()) {
    request->kind = OverviewRequest::Kind::kCalendar;
    request->length = {known->second.first, 1};
    request->back = known->second.second;
    return;
  }
  const auto length = ParseLength(text);
  if (!length) {
    Refuse("span is none that is known",
           "It is a number with m, h, d or w, such as 15m, 24h or 7d, or one of today, yesterday, "
           "week, last-week, month, last-month, year, last-year.");
  }
  if (length->seconds() > kLongest) Refuse("span is longer than three years", "Ask for less.");
  request->length = *length;
}

void ParseBucket(const std::string& text, OverviewRequest* request) {
  if (text.empty() || text == "auto") return;
  static const std::map<std::string, Length> known = {{"5m", {Unit::kSecond, 5 * kMinute}},
                                                      {"10m", {Unit::kSecond, 10 * kMinute}},
                                                      {"15m", {Unit::kSecond, 15 * kMinute}},
                                                      {"30m", {Unit::kSecond, 30 * kMinute}},
                                                      {"1h", {Unit::kSecond, kHour}},
                                                      {"day", {Unit::kDay, 1}},
                                                      {"week", {Unit::kWeek, 1}},
                                                      {"month", {Unit::kMonth, 1}}};
  const auto found = known.find(text);
  if (found == known.end()) {
    Refuse("bucket is none that is known",
           "It is one of auto, 5m, 10m, 15m, 30m, 1h, day, week, month.");
  }
  request->bucket = found->second;
}

std::int64_t TimeOf(const Parameters& parameters, const char* name) {
  const std::int64_t time = ParseTime(One(parameters, name));
  if (time < 0) {
    Refuse(fmt::format("{} is not a time", name),
           "Give from and to, both as 2026-01-31T12:00:00Z.");
  }
  return time;
}

void ParseCompare(const std::string& text, OverviewRequest* request) {
  using Compare = OverviewRequest::Compare;
  if (text.empty() || text == "before") {
    request->compare = Compare::kBefore;
  } else if (text == "week") {
    request->compare = Compare::kWeek;
  } else if (text == "none") {
    request->compare = Compare::kNone;
  } else {
    request->compare = Compare::kCustom;
    request->compare_from = ParseTime(text);
    if (request->compare_from < 0) {
      Refuse("compare is none that is known",
             "It is one of before, week, none, or the time at which the other period begins, such "
             "as 2026-01-31T00:00:00Z.");
    }
  }
}

void AddFilter(const std::string& dimension, bool negated, Value value, OverviewRequest* request) {
  for (Filter& each : request->filters) {
    if (each.dimension != dimension || each.negated != negated) continue;
    if (each.values.size() >= kMostValues) {
      Refuse("too many values of " + dimension, "Give 200 at most.");
    }
    if (std::find(each.values.begin(), each.values.end(), value) == each.values.end()) {
      each.values.push_back(std::move(value));
    }
    return;
  }
  request->filters.push_back({dimension, negated, {std::move(value)}});
}

// Reads a filter; false if the parameter is none.
bool ParseFilter(const std::string& name, const std::string& value, OverviewRequest* request) {
  if (name.starts_with("is.")) {
    AddFilter(name.substr(3), false, value, request);
  } else if (name.starts_with("not.")) {
    AddFilter(name.substr(4), true, value, request);
  } else if (name.starts_with("null.")) {
    if (value != "is" && value != "not") {
      Refuse(name + " is neither is nor not", "null.country=is: only rows without a country.");
    }
    AddFilter(name.substr(5), value == "not", std::nullopt, request);
  } else {
    return false;
  }
  return true;
}

void ParseBetween(const Parameters& parameters, OverviewRequest* request) {
  request->kind = OverviewRequest::Kind::kBetween;
  request->from = TimeOf(parameters, "from");
  request->to = TimeOf(parameters, "to");
  request->length = {Unit::kSecond, request->to - request->from};
  if (request->length.count <= 0) Refuse("from is not before to", "Exchange the two.");
  if (request->length.count > kLongest) {
    Refuse("from and to are more than three years apart", "Ask for a shorter span.");
  }
}

}  // namespace

std::int64_t ParseTime(const std::string& text) {
  std::size_t at = 0;
  std::tm time = {};
  auto number = [&](std::size_t digits, int low, int high, int* to) {
    *to = TakeNumber(text, &at, digits);
    return *to >= low && *to <= high;
  };
  int year, month;
  if (!number(4, 1970, 9999, &year) || !TakeOneOf(text, &at, "-") || !number(2, 1, 12, &month) ||
      !TakeOneOf(text, &at, "-") || !number(2, 1, 31, &time.tm_mday) ||
      !TakeOneOf(text, &at, "Tt ") || !number(2, 0, 23, &time.tm_hour) ||
      !TakeOneOf(text, &at, ":") || !number(2, 0, 59, &time.tm_min)) {
    return -1;
  }
  if (TakeOneOf(text, &at, ":") && !number(2, 0, 60, &time.tm_sec)) return -1;
  if (TakeOneOf(text, &at, ".")) {
    const std::size_t start = at;
    while (TakeOneOf(text, &at, "0123456789")) {
    }
    if (at == start) return -1;
  }
  time.tm_year = year - 1900;
  time.tm_mon = month - 1;
  const int day = time.tm_mday;
  std::int64_t seconds = timegm(&time);
  if (time.tm_mday != day) return -1;  // such as February 30
  if (!TakeOneOf(text, &at, "Zz")) {
    const bool ahead = at < text.size() && text[at] == '+';
    int hours, minutes;
    if (!TakeOneOf(text, &at, "+-") || !number(2, 0, 23, &hours) || !TakeOneOf(text, &at, ":") ||
        !number(2, 0, 59, &minutes)) {
      return -1;
    }
    seconds += (ahead ? -1 : 1) * (hours * kHour + minutes * kMinute);
  }
  return at == text.size() ? seconds : -1;
}

std::string Iso(std::int64_t time) {
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(static_cast<std::time_t>(time)));
}

std::string Length::Interval() const {
  switch (unit) {
    case Unit::kSecond:
      return fmt::format("{} seconds", count);
    case Unit::kDay:
      return fmt::format("{} days", count);
    case Unit::kWeek:
      return fmt::format("{} days", 7 * count);
    case Unit::kMonth:
      return fmt::format("{} months", count);
    case Unit::kYear:
      return fmt::format("{} years", count);
  }
  return "";
}

std::int64_t Length::seconds() const {
  switch (unit) {
    case Unit::kSecond:
      return count;
    case Unit::kDay:
      return count * kDay;
    case Unit::kWeek:
      return count * 7 * kDay;
    case Unit::kMonth:
      return count * 30 * kDay;
    case Unit::kYear:
      return count * 365 * kDay;
  }
  return 0;
}

std::string One(const Parameters& parameters, const std::string& name) {
  const std::string* found = nullptr;
  for (const auto& [each, value] : parameters) {
    if (each != name) continue;
    if (found != nullptr) Refuse(name + " is given twice", "Give it once.");
    found = &value;
  }
  return found == nullptr ? "" : *found;
}

OverviewRequest OverviewRequest::Parse(const Parameters& parameters) {
  static const std::set<std::string> known = {"rollup", "span",    "from", "to",     "zone",
                                              "bucket", "compare", "sort", "tenant", "column"};
  OverviewRequest request;
  bool has_from = false, has_to = false, has_span = false;
  for (const auto& [name, value] : parameters) {
    has_from |= name == "from";
    has_to |= name == "to";
    has_span |= name == "span";
    if (ParseFilter(name, value, &request)) continue;
    if (!known.contains(name)) {
      Refuse("there is no such parameter: " + name, "/api/openapi.json lists them.");
    }
    if (name == "tenant" && !value.empty()) request.tenants.emplace_back(value);
    if (name == "column") request.columns.push_back(value);
  }
  request.rollup = One(parameters, "rollup");
  request.sort = One(parameters, "sort");
  const std::string zone = One(parameters, "zone");
  if (!zone.empty()) request.zone = zone;
  if (has_from || has_to) {
    if (has_span) Refuse("span and from exclude each other", "Give span, or from and to.");
    ParseBetween(parameters, &request);
  } else if (has_span) {
    ParseSpan(One(parameters, "span"), &request);
  }
  ParseBucket(One(parameters, "bucket"), &request);
  ParseCompare(One(parameters, "compare"), &request);
  return request;
}

std::string OverviewRequest::Key() const {
  // Values are preceded by their length, so that no value can look like another filter.
  const auto text = [](const Value& value) {
    return value ? fmt::format("{}:{}", value->size(), *value) : std::string("null");
  };
  std::string key =
      fmt::format("{}|{}|{}|{}|{}|{}|{}|{}|{}|{}|{}", text(rollup), static_cast<int>(kind),
                  length.Interval(), back, from, to, text(zone), bucket ? bucket->Interval() : "",
                  static_cast<int>(compare), compare_from, text(sort));
  for (const Value& each : tenants) key += "|tenant " + text(each);
  for (const std::string& each : columns) key += "|column " + text(each);
  for (const Filter& filter : filters) {
    key += fmt::format("|{} {}", filter.negated ? "not" : "is", text(filter.dimension));
    for (const Value& each : filter.values) key += " " + text(each);
  }
  return key;
}

}  // namespace millrace::dashboard
