// What `millrace status` knows about a server.
#pragma once

#include <nlohmann/json.hpp>

#include "client/connection.h"

namespace millrace::cli {

// The version of the JSON below. It grows when a field is removed or its meaning changes, not when
// a field is added.
constexpr int kStatusVersion = 1;

// Looks at a running server, at most until the deadline. What cannot be found out by then, or
// because somebody has locked it, is left out, and the result says so. Times are RFC 3339.
//   version     kStatusVersion
//   complete    whether everything could be told
//   server      version, address, started_at, uptime_seconds, database, size_bytes, connections
//   standby     null, or of a standby: replayed_to and lag_seconds (of the last transaction
//               replayed), all_replayed (of what it has received), paused, receiving
//   nodes       of Citus: node (its group), address, role, active, shards, answers
//   tables      partitioned tables: name, partitions, size_bytes, default_rows (estimated), newest
//               (where the newest partition ends)
//   rollups     hand-written: name, events_table, last_aggregated_id, behind (events by id),
//               size_bytes
//   declared    declared rollups: name, source, watermark, behind, seconds_behind,
//   complete_through,
//               last_refresh, refresh_ms, paused, last_error, failed_at, waits_for, failed_events,
//               differences, size_bytes
//   kafka       partitions of topics of Kafka, as in monitor/kafka.h
//   jobs        jobid, schedule, command, active, last_status, last_start, last_message
//   volumes     name, device, size_bytes, free_bytes
//   events_per_second  into hand-written rollups, looked at for a second; null: not known
//   warnings    what somebody should look at, the worst first, as in monitor/warning.h
// Throws CliError where the server could not be asked anything.
nlohmann::json InspectServer(Connection& connection, Deadline deadline);

// The same for people. If a dashboard runs, the field `dashboard` of the JSON has its address.
std::string FormatStatus(const nlohmann::json& status);

// The same for Nagios and similar systems: one line with performance data, and 0 (OK), 1 (WARNING),
// 2 (CRITICAL) or 3 (UNKNOWN: something could not be checked, and nothing worse was found).
struct CheckResult {
  int exit_code;
  std::string line;
};
CheckResult FormatCheck(const nlohmann::json& status);

}  // namespace millrace::cli
