// Whether what is shown is current, and if not, why, in the page's words. It comes from the checks
// of src/monitor, for the rollup that is read and for all others.
#pragma once

#include <mutex>
#include <string>
#include <vector>

#include "dashboard/database.h"
#include "dashboard/family.h"
#include "monitor/monitor.h"

namespace millrace::dashboard {

// As `Condition` in openapi.json.
struct Condition {
  std::string kind = "unknown";
  std::string state = "ok";
  std::string rollup;   // empty: it is about no single rollup
  std::string message;  // what is wrong and what to do; empty if nothing is wrong
  // RFC 3339 or null: up to when all was well, and when it is tried again.
  nlohmann::json since, retry_at;

  nlohmann::json ToJson() const;
};

// How up to date one table is.
struct Standing {
  bool known = false;            // whether it is a declared rollup
  long long behind = 0;          // events that may have come in and are not in its table
  std::string complete_through;  // RFC 3339; empty: not known
  std::string watermark;         // changes with each refresh
  monitor::ServerState server;
  Condition condition;                // the worst that was found
  std::vector<std::string> warnings;  // what else keeps figures from being right, in any rollup
};

// The condition of a row of monitor/rollups.h; if it is null, of the whole database.
Condition ConditionOf(const nlohmann::json& rollup, const monitor::Report& report);

// How up to date the table that is read is, in one snapshot, and what the last look at all others
// has found. Thread-safe.
class ConditionFinder {
 public:
  explicit ConditionFinder(monitor::Monitor& monitor) : monitor_(monitor) {}

  // Keeps the result of a look at the whole database.
  void Remember(const monitor::Report& report);
  // `table`: nullptr if there is none to read.
  Standing Find(Database::Snapshot& snapshot, const RollupTable* table);

 private:
  monitor::Monitor& monitor_;
  std::mutex mutex_;
  std::vector<monitor::Warning> everywhere_;
};

}  // namespace millrace::dashboard
