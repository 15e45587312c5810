#include "dashboard/span.h"

#include <fmt/format.h>

#include <algorithm>

namespace millrace::dashboard {
namespace {

using nlohmann::json;
using Kind = OverviewRequest::Kind;
using Compare = OverviewRequest::Compare;
using Unit = Length::Unit;

constexpr std::int64_t kMinute = 60, kHour = 60 * kMinute, kDay = 24 * kHour;
constexpr std::int64_t kMostBuckets = 5'000;

const char* UnitName(Unit unit) {
  switch (unit) {
    case Unit::kSecond:
      return "second";
    case Unit::kDay:
      return "day";
    case Unit::kWeek:
      return "week";
    case Unit::kMonth:
      return "month";
    case Unit::kYear:
      return "year";
  }
  return "";
}

std::int64_t FloorTo(std::int64_t time, std::int64_t width, std::int64_t origin) {
  const std::int64_t since = time - origin;
  const std::int64_t rest = since % width;
  return time - (rest < 0 ? rest + width : rest);
}

// The width of buckets that suits the length of a span.
Length UsualBucket(const OverviewRequest& request) {
  const std::int64_t length = request.length.seconds();
  if (request.length.unit == Unit::kYear) return {Unit::kMonth, 1};
  if (length <= 12 * kHour) return {Unit::kSecond, 5 * kMinute};
  if (length <= 14 * kDay) return {Unit::kSecond, kHour};
  if (length <= 100 * kDay) return {Unit::kDay, 1};
  return {Unit::kWeek, 1};
}

// Buckets cannot be narrower than the table's, and are put together from whole ones.
Length ChooseBucket(const OverviewRequest& request, const RollupTable& table) {
  Length bucket = request.bucket.value_or(UsualBucket(request));
  if (bucket.unit != Unit::kSecond || table.width == 0) return bucket;
  if (table.width >= kDay) return {Unit::kDay, 1};
  if (bucket.count % table.width != 0) {
    bucket.count = (bucket.count / table.width + 1) * table.width;
  }
  return bucket;
}

std::string At(std::int64_t time) { return fmt::format("'{}'::timestamptz", Iso(time)); }

std::int64_t Epoch(Database::Snapshot& snapshot, const std::string& time) {
  return snapshot.Row(
      fmt::format("SELECT floor(extract(epoch FROM {}))::bigint AS epoch", time))["epoch"];
}

// A time moved by an interval of the calendar.
std::string MovedSql(const std::string& time, const char* sign, const std::string& interval,
                     const std::string& zone) {
  return fmt::format("(({0} AT TIME ZONE {3} {1} interval '{2}') AT TIME ZONE {3})", time, sign,
                     interval, Literal(zone));
}

// The beginning of a span that ends now, or of one of the calendar.
std::int64_t BeginningOf(Database::Snapshot& snapshot, const OverviewRequest& request,
                         const Span& span) {
  const std::string zone = Literal(span.zone);
  if (request.kind == Kind::kCalendar) {
    const char* unit = UnitName(request.length.unit);
    return Epoch(snapshot, fmt::format("((date_trunc('{0}', now() AT TIME ZONE {1}) - {2} * "
                                       "interval '1 {0}') AT TIME ZONE {1})",
                                       unit, zone, request.back));
  }
  if (span.bucket.unit != Unit::kSecond) {
    // Whole days, weeks or months of which the last is the present one.
    return Epoch(snapshot,
                 fmt::format("(date_trunc('{0}', now() AT TIME ZONE {1} - interval '{2}' + "
                             "interval '1 day') AT TIME ZONE {1})",
                             UnitName(span.bucket.unit), zone, request.length.Interval()));
  }
  const auto now = static_cast<std::int64_t>(span.now);
  const std::int64_t width = span.bucket.count;
  const std::int64_t length = std::max(request.length.seconds() / width * width, width);
  return FloorTo(now, width, 0) + width - length;
}

void ResolveBounds(Database::Snapshot& snapshot, const OverviewRequest& request,
                   const RollupTable& table, Span* span) {
  const auto now = static_cast<std::int64_t>(span->now);
  if (request.kind == Kind::kBetween) {
    span->from = Floor(table, request.from);
    span->to = Ceil(table, request.to);
    span->open = false;
    return;
  }
  span->from = Floor(table, BeginningOf(snapshot, request, *span));
  span->open = request.kind == Kind::kLast || request.back == 0;
  if (span->open) {
    span->to = table.width == 0 ? now + 1 : Floor(table, now) + table.width;
    return;
  }
  OverviewRequest next = request;
  --next.back;
  span->to = Ceil(table, BeginningOf(snapshot, next, *span));
}

void ResolveComparison(Database::Snapshot& snapshot, const OverviewRequest& request,
                       const RollupTable& table, Span* span) {
  span->compared = request.compare != Compare::kNone;
  if (!span->compared) return;
  Length shift = {Unit::kDay, 7};
  if (request.compare == Compare::kBefore) shift = request.length;
  if (request.compare == Compare::kCustom) {
    shift = {Unit::kSecond, span->from - Floor(table, request.compare_from)};
  }
  if (request.compare == Compare::kBefore && request.kind == Kind::kBetween) {
    shift = {Unit::kSecond, span->to - span->from};
  }
  if (request.compare == Compare::kBefore && shift.unit == Unit::kSecond &&
      request.kind == Kind::kLast) {
    shift.count = std::max(shift.count, span->bucket.count);
  }
  if (shift.unit == Unit::kSecond) {
    span->before_from = span->from - shift.count;
    span->before_to = span->to - shift.count;
    span->shift_seconds = shift.count;
    span->shift = fmt::format("{} seconds", shift.count);
    return;
  }
  const auto before = [&](std::int64_t time) {
    return Floor(table, Epoch(snapshot, MovedSql(At(time), "-", shift.Interval(), span->zone)));
  };
  span->before_from = before(span->from);
  span->before_to = before(span->to);
  // In days: a month does not have as many days as the one before.
  span->shift = snapshot.Row(
      fmt::format("SELECT (({0} AT TIME ZONE {2}) - ({1} AT TIME ZONE {2}))::text AS shift",
                  At(span->from), At(span->before_from), Literal(span->zone)))["shift"];
}

void ReadOffsets(Database::Snapshot& snapshot, Span* span) {
  if (span->bucket.unit == Unit::kSecond) return;
  const std::int64_t first = span->compared ? std::min(span->before_from, span->from) : span->from;
  for (const json& row : snapshot.Rows(fmt::format(
           "SELECT DISTINCT extract(epoch FROM (t AT TIME ZONE {0}) - (t AT TIME ZONE "
           "'UTC'))::bigint AS ahead FROM generate_series({1}, {2}, interval '1 day') t",
           Literal(span->zone), At(first), At(std::max(span->to, span->before_to))))) {
    span->offsets.push_back(row["ahead"]);
  }
}

}  // namespace

std::int64_t Floor(const RollupTable& table, std::int64_t time) {
  return table.width == 0 ? time : FloorTo(time, table.width, table.origin);
}

std::int64_t Ceil(const RollupTable& table, std::int64_t time) {
  const std::int64_t floor = Floor(table, time);
  return floor == time ? time : floor + table.width;
}

Span ResolveSpan(Database::Snapshot& snapshot, const Family& family,
                 const OverviewRequest& request) {
  const RollupTable& table = family.tables.front();
  Span span;
  // Fails if there is no such zone.
  span.now = snapshot.Row(
      fmt::format("SELECT extract(epoch FROM now())::float8 AS now, now() AT TIME ZONE {} AS local",
                  Literal(request.zone)))["now"];
  // Whole days are those of UTC, if the family has no finer buckets.
  span.zone = table.width >= kDay ? "UTC" : request.zone;
  span.bucket = ChooseBucket(request, table);
  ResolveBounds(snapshot, request, table, &span);
  if ((span.to - span.from) / span.bucket.seconds() > kMostBuckets) {
    throw ApiError(400, "bad_request", "the span has more than 5,000 buckets",
                   "Ask for wider buckets or a shorter span.");
  }
  ResolveComparison(snapshot, request, table, &span);
  ReadOffsets(snapshot, &span);
  return span;
}

std::string Span::BucketSql(const std::string& time) const {
  if (bucket.unit == Unit::kSecond) {
    return fmt::format("date_bin('{}', {}, 'epoch')", bucket.Interval(), time);
  }
  return fmt::format("date_trunc('{}', {}, {})", UnitName(bucket.unit), time, Literal(zone));
}

std::string Span::BucketEndSql(const std::string& time) const {
  if (bucket.unit == Unit::kSecond) {
    return fmt::format("({} + interval '{}')", time, bucket.Interval());
  }
  return MovedSql(time, "+", bucket.Interval(), zone);
}

std::string Span::ForwardSql(const std::string& time) const {
  if (shift_seconds != 0) return fmt::format("({} + interval '{}')", time, shift);
  return MovedSql(time, "+", shift, zone);
}

std::string Span::BackSql(const std::string& time) const {
  if (shift_seconds != 0) return fmt::format("({} - interval '{}')", time, shift);
  return MovedSql(time, "-", shift, zone);
}

bool Span::Fits(const RollupTable& table) const {
  if (table.width == 0) return false;
  if (bucket.unit == Unit::kSecond) {
    return bucket.count % table.width == 0 && table.origin % table.width == 0 &&
           shift_seconds % table.width == 0;
  }
  // A day of the zone begins `offset` seconds before one of UTC, so these must be whole buckets
  // too.
  return kDay % table.width == 0 && shift_seconds % table.width == 0 &&
         table.origin % table.width == 0 &&
         std::all_of(offsets.begin(), offsets.end(),
                     [&](std::int64_t offset) { return offset % table.width == 0; });
}

std::string Span::BucketName() const {
  if (bucket.unit != Unit::kSecond) return UnitName(bucket.unit);
  return bucket.count % kHour == 0 ? fmt::format("{}h", bucket.count / kHour)
                                   : fmt::format("{}m", bucket.count / kMinute);
}

}  // namespace millrace::dashboard
