// The times of a request, resolved: from when to when, cut into which buckets, compared with what.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "dashboard/database.h"
#include "dashboard/family.h"
#include "dashboard/request.h"

namespace millrace::dashboard {

// All times are in seconds since 1970, and bounds of buckets of the family's first table.
struct Span {
  double now = 0;  // by the database's clock, when the snapshot was taken
  std::int64_t from = 0, to = 0;
  bool open = false;  // it ends with the bucket that is open now, so `to` may be after `now`
  std::string zone;
  Length bucket;
  bool compared = false;
  std::int64_t before_from = 0, before_to = 0;
  // By how much a time of the other period is before its counterpart in the span, as an interval;
  // by the calendar of the zone, unless `shift_seconds` is not 0.
  std::string shift;
  std::int64_t shift_seconds = 0;
  // How far the zone is ahead of UTC in these times, in seconds: two values where a clock changes.
  std::vector<std::int64_t> offsets;

  // An expression for the bucket of the time that an expression is.
  std::string BucketSql(const std::string& time) const;
  // The end of the bucket that begins at a time.
  std::string BucketEndSql(const std::string& time) const;
  // The counterpart in the span of a time of the other period; and the other way round.
  std::string ForwardSql(const std::string& time) const;
  std::string BackSql(const std::string& time) const;
  // Whether buckets can be put together from a table's: no bound of a bucket is inside one of them.
  bool Fits(const RollupTable& table) const;
  // "5m", "1h", "day": as in requests.
  std::string BucketName() const;
};

// Throws ApiError 400 for a zone that does not exist, and for more than 5,000 buckets.
Span ResolveSpan(Database::Snapshot& snapshot, const Family& family,
                 const OverviewRequest& request);

// The last bound of a table's buckets at or before a time, and the first at or after it. The same
// time where buckets have no fixed width.
std::int64_t Floor(const RollupTable& table, std::int64_t time);
std::int64_t Ceil(const RollupTable& table, std::int64_t time);

}  // namespace millrace::dashboard
