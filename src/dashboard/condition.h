// Whether what is shown can be trusted to be current, and if not, why, in the page's words: what
// the checks of src/monitor found, of the rollup that is read and of all others.
#pragma once

#include <mutex>
#include <string>
#include <vector>

#include "dashboard/database.h"
#include "dashboard/rollup_tables.h"
#include "monitor/monitor.h"

namespace millrace::dashboard {

// As `Condition` in openapi.json.
struct Condition {
  std::string kind = "unknown";
  std::string state = "ok";
  std::string rollup;   // empty: it is not about one
  std::string message;  // what is wrong and what to do; empty where nothing is
  // RFC 3339 or null: up to when it was well, and when it is tried again.
  nlohmann::json since, retry_at;

  nlohmann::json ToJson() const;
};

// How far one table is.
struct Standing {
  bool known = false;            // it is a declared rollup
  long long behind = 0;          // events that may have come in and are not in its table
  std::string complete_through;  // RFC 3339; empty: not known
  std::string watermark;         // changes with each refresh
  monitor::ServerState server;
  Condition condition;                // the worst of it
  std::vector<std::string> warnings;  // whatever else keeps figures from being right, with other
                                      // rollups too
};

// The condition of a row of monitor/rollups.h, or of the whole database where it is null.
Condition ConditionOf(const nlohmann::json& rollup, const monitor::Report& report);

// How far the table that is read is, at the moment of a snapshot, and what was wrong with all
// others when somebody looked last. Thread-safe.
class ConditionFinder {
 public:
  explicit ConditionFinder(monitor::Monitor& monitor) : monitor_(monitor) {}

  // What was found by a look at all of the database.
  void Remember(const monitor::Report& report);
  // `table`: nullptr where there is none to read.
  Standing Find(Database::Snapshot& snapshot, const RollupTable* table);

 private:
  monitor::Monitor& monitor_;
  std::mutex mutex_;
  std::vector<monitor::Warning> everywhere_;
};

}  // namespace millrace::dashboard
