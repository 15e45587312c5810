// Whether what is shown can be trusted to be current, and if not, why: rollups that fail, wait or
// are paused, a worker that does not run, a standby that does not follow.
#pragma once

#include <chrono>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "dashboard/database.h"
#include "dashboard/rollup_tables.h"

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
  // 0: nothing is wrong; more is worse.
  int severity() const { return state == "bad" ? 2 : state == "warning" ? 1 : 0; }
};

// How far the server is that the dashboard reads from.
struct Replication {
  bool standby = false;
  bool replay_paused = false;
  bool connected = true;         // to its primary, as far as that can be told
  bool lags = false;             // it has not replayed what it received a while ago
  std::string replayed_through;  // RFC 3339; empty: not known, or no standby

  // As `standby` of `Operations` in openapi.json: null where it is none.
  nlohmann::json ToJson() const;
  // Nothing that is committed is kept from being seen here, as far as that can be told.
  bool follows() const { return !standby || (!replay_paused && connected && !lags); }
};

// How far one table is.
struct Standing {
  bool known = false;            // it is a declared rollup
  long long behind = 0;          // events that may have come in and are not in its table
  std::string complete_through;  // RFC 3339; empty: not known
  std::string watermark;         // changes with each refresh
  Replication replication;
  Condition condition;                // the worst of it
  std::vector<std::string> warnings;  // whatever else is wrong, with other rollups too
};

// All declared rollups.
struct RollupStates {
  Replication replication;
  Condition condition;                // the worst
  std::vector<Condition> conditions;  // that are not well, the worst first
  nlohmann::json rollups;             // as in `Operations` in openapi.json
};

// Looks at the rollups, and remembers what it saw: events that have just come in, after hours
// without any, have not been waiting for hours. Thread-safe.
class ConditionFinder {
 public:
  // `table`: nullptr where there is none to read.
  Standing Find(Database::Snapshot& snapshot, const RollupTable* table);
  RollupStates FindAll(Database::Snapshot& snapshot);

 private:
  using Clock = std::chrono::steady_clock;
  struct Server;

  Server LookAtServer(Database::Snapshot& snapshot);
  void NoteCaughtUp(const nlohmann::json& rollup);
  bool IsFarBehind(const nlohmann::json& rollup);
  std::vector<Condition> ConditionsOf(const nlohmann::json& rollup, const Server& server);
  std::vector<Condition> Everywhere(Database::Snapshot& snapshot);

  std::mutex mutex_;
  // When each rollup was last seen to have all events, or first of all.
  struct Seen {
    Clock::time_point time;
    bool caught_up;
  };
  std::map<std::string, Seen> seen_;
  // Since when there was no worker.
  std::optional<Clock::time_point> no_worker_;
  // Of all rollups, for a while.
  std::vector<Condition> everywhere_;
  Clock::time_point everywhere_expires_;
};

}  // namespace millrace::dashboard
