// The server as a whole: whether it is a standby that follows its primary, and whether it has what
// is needed to refresh rollups.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "monitor/session.h"

namespace millrace::monitor {

struct ServerState {
  std::string database;
  bool standby = false;
  bool replay_paused = false;
  bool connected = true;              // to its primary, as far as we can know
  bool lags = false;                  // it has not replayed what it received some time ago
  std::string replayed_through;       // RFC 3339; empty: not known, or no standby
  std::optional<double> lag_seconds;  // since that time
  bool all_replayed = false;          // of what a standby has received
  bool worker_enabled = true;         // millrace.enable_worker
  bool preloaded = true;              // in shared_preload_libraries, as far as we can know
  bool starved = false;               // a worker found no free process of the server
  bool sees_workers = false;  // the role may see other sessions; if not, the next two are unknown
  bool launcher = false;
  bool worker = false;  // of this database

  // Everything that is committed can be seen here, as far as we can know.
  bool follows() const { return !standby || (!replay_paused && connected && !lags); }
  // Nobody refreshes rollups, as far as we can know.
  bool has_no_worker() const {
    return !standby && (!preloaded || (sees_workers && (!launcher || !worker)));
  }
};

// The query that returns the row for ReadServerState. `has_worker_state`: the extension has the
// function millrace.worker_state.
std::string ServerStateSql(bool has_worker_state);
ServerState ReadServerState(const nlohmann::json& row);

// replay_paused, standby_disconnected, standby_lags, and `standby` itself.
std::vector<Warning> JudgeStandby(const ServerState& state);
// worker_off and worker_starved, for a database with rollups to refresh.
std::vector<Warning> JudgeWorker(const ServerState& state);

// id_runs_out, old_row_versions, xid_age, node_down, job_failing.
std::vector<Warning> JudgeSerials(Session& session);
std::vector<Warning> JudgeOldRowVersions(Session& session);
std::vector<Warning> JudgeAges(Session& session);
std::vector<Warning> JudgeNodes(const nlohmann::json& nodes);
std::vector<Warning> JudgeJobs(const nlohmann::json& jobs);

}  // namespace millrace::monitor
