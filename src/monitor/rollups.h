// Declared rollups: the state of each, and what is wrong with it.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "monitor/memory.h"
#include "monitor/server.h"
#include "monitor/session.h"

namespace millrace::monitor {

// A query with one row per declared rollup, by name:
//   rollup, name (with its schema, for to_regclass), root (the rollup over events that it follows),
//   root_literal, over_events, source, watermark, events_behind, seconds_behind (null: not known),
//   complete_through, refresh_interval_seconds, paused, last_refresh, duration_ms, last_error,
//   failed_at, retry_at, waits_for, failed_events, failed_refreshes, verified_through, verified_at,
//   differences
// and with `sizes` size_bytes (null while somebody has locked it) and rows (null: not known). Times
// are RFC 3339. `which`: a condition, or empty for all.
std::string RollupsSql(bool sizes, const std::string& which = "");

// All rollups, with sizes. Rollups that do not answer because somebody has locked what they read
// are left out, and the session has a warning for them.
nlohmann::json LookAtRollups(Session& session);

// For how many seconds a rollup may lack events before it counts as behind.
double PatienceOf(const nlohmann::json& rollup);

// What is wrong with one rollup: rollup_failing, rollup_paused, rollup_behind, no_worker,
// failed_events, rollup_differs, worker_off, worker_starved; the worst first. A warning about the
// rollup that it follows has that one as its `object`. REQUIRES: `memory` was told about it.
std::vector<Warning> JudgeRollup(const nlohmann::json& rollup, const ServerState& state,
                                 Memory& memory);

}  // namespace millrace::monitor
