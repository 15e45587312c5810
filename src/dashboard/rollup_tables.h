// Which tables the dashboard reads.
#pragma once

#include <chrono>
#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "dashboard/database.h"

namespace millrace::dashboard {

// A table of sketches, and the view of the same with the newest events.
struct RollupSource {
  std::string name;  // as it can stand in a statement
  std::string live;  // empty where it has none
};

// A rollup of the workshop's shape: customer_id, event_type, country, browser, a bucket, and
// event_count, device_distinct_count, session_distinct_count, top_devices_1000.
struct RollupTable : RollupSource {
  std::string bucket;  // the column: `minute` or `hour`
  int bucket_seconds;
  // Rollups declared over it that have fewer keys, by what they are named after it: NAME_total (the
  // bucket alone, all measures) and NAME_by_COLUMN (one key besides, events and devices).
  std::map<std::string, RollupSource> summaries;
};

struct RollupTables {
  std::optional<RollupTable> minutes;
  std::optional<RollupTable> hours;
};

// Finds the rollups of a database, and looks again now and then: they may be made while the page is
// open. Thread-safe.
class RollupFinder {
 public:
  // Names of tables, as an SQL statement has them; empty: found by their columns, of those that
  // may be read; declared ones before others, those with more summaries first, then by name.
  RollupFinder(std::string minutes, std::string hours)
      : minutes_(std::move(minutes)), hours_(std::move(hours)) {}

  // Throws ApiError, saying why, when a table that was named is not there, has other columns than a
  // rollup of the workshop's shape, or cannot be read; or when one that was found cannot.
  void Check(Database::Snapshot& snapshot);
  // Throws ApiError 503 when a table that was named is not there any more.
  RollupTables Find(Database::Snapshot& snapshot);

 private:
  const std::string minutes_;
  const std::string hours_;
  std::mutex mutex_;
  RollupTables found_;
  std::chrono::steady_clock::time_point expires_;
};

}  // namespace millrace::dashboard
