// Declared rollups: how each is, and what is wrong with it.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "monitor/memory.h"
#include "monitor/server.h"
#include "monitor/session.h"

namespace millrace::monitor {

// A query with one row for each declared rollup, by name:
//   rollup, name (with its schema, for to_regclass), root (the rollup over events that it follows),
//   root_literal, over_events, source, watermark, events_behind, seconds_behind (null: not known),
//   complete_through, refresh_interval_seconds, paused, last_refresh, duration_ms, last_error,
//   failed_at, retry_at, waits_for, failed_events, failed_refreshes, verified_through, verified_at,
//   differences
// and with `sizes` size_bytes (null while somebody has locked it) and rows (null: not known). Times
// are RFC 3339. `which`: a condition, or empty for all.
std::string RollupsSql(bool sizes, const std::string& which = "");

// All of them, sizes too. Those that do not answer, as somebody has locked what they read, are left
// out, and said to be by the session.
nlohmann::json LookAtRollups(Session& session);

// A rollup is behind when it has been for longer than this.
double PatienceOf(const nlohmann::json& rollup);

// What is wrong with one: rollup_failing, rollup_paused, rollup_behind, no_worker, failed_events,
// rollup_differs, worker_off, worker_starved; the worst first. What is said of the rollup that it
// follows is said of that one (`object`). REQUIRES: `memory` was told of it.
std::vector<Warning> JudgeRollup(const nlohmann::json& rollup, const ServerState& state,
                                 Memory& memory);

}  // namespace millrace::monitor
