// What `millrace status` knows about a server.
#pragma once

#include <nlohmann/json.hpp>

#include "cli/connection.h"

namespace millrace::cli {

// Looks at a running server, taking about one second to see how many events come in:
//   server      version, address, uptime_seconds, database, size_bytes, connections
//   standby     null, or of a standby: replayed_to and lag_seconds (of the last transaction
//   replayed),
//               all_replayed (of what it has received), paused, receiving
//   nodes       of Citus: node (its group), address, role, active, shards, answers
//   tables      partitioned tables: name, partitions, size_bytes, default_rows (estimated), newest
//               (where the newest partition ends)
//   rollups     name, events_table, last_aggregated_id, behind (events by id), size_bytes
//   declared    declared rollups: name, source, watermark, behind, complete_through, refresh_ms,
//               paused, last_error, waits_for, size_bytes, seconds_behind
//   jobs        jobid, schedule, command, active, last_status, last_start, last_message
//   events_per_second
//   warnings    what somebody should look at, as sentences
nlohmann::json InspectServer(Connection& connection);
// The same at once, without events_per_second.
nlohmann::json InspectServerNow(Connection& connection);

// The same for people; with `dashboard`, the address of one that runs, where that is in it.
std::string FormatStatus(const nlohmann::json& status);

}  // namespace millrace::cli
