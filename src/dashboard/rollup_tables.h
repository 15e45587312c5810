// Which tables the dashboard reads.
#pragma once

#include <chrono>
#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "dashboard/database.h"

namespace millrace::dashboard {

// A table of sketches, and its live view, which has the newest events too.
struct RollupSource {
  std::string name;  // as it can be used in a statement
  std::string live;  // empty if it has none
};

// A rollup with the columns of the workshop's: customer_id, event_type, country, browser, a bucket,
// and event_count, device_distinct_count, session_distinct_count, top_devices_1000.
struct RollupTable : RollupSource {
  std::string bucket;  // the column: `minute` or `hour`
  int bucket_seconds;
  // Rollups declared over it with fewer keys, by the end of their names: NAME_total (only the
  // bucket, all measures) and NAME_by_COLUMN (one more key, events and devices).
  std::map<std::string, RollupSource> summaries;
};

struct RollupTables {
  std::optional<RollupTable> minutes;
  std::optional<RollupTable> hours;
};

// Finds the rollups of a database, and looks again from time to time, because they may be made
// while the page is open. Thread-safe.
class RollupFinder {
 public:
  // Names of tables, as an SQL statement has them; empty: found by their columns, of those that
  // may be read; declared ones before others, those with more summaries first, then by name.
  RollupFinder(std::string minutes, std::string hours)
      : minutes_(std::move(minutes)), hours_(std::move(hours)) {}

  // Throws ApiError with the reason when a given table does not exist, has other columns than the
  // workshop's rollups, or cannot be read; or when one that was found cannot be read.
  void Check(Database::Snapshot& snapshot);
  // Throws ApiError 503 when a given table no longer exists.
  RollupTables Find(Database::Snapshot& snapshot);

 private:
  const std::string minutes_;
  const std::string hours_;
  std::mutex mutex_;
  RollupTables found_;
  std::chrono::steady_clock::time_point expires_;
};

}  // namespace millrace::dashboard
