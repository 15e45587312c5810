// What is wrong with a server and its rollups, found in one place for all who report it: `millrace
// status`, the dashboard's page, /metrics.
#pragma once

#include <nlohmann/json.hpp>
#include <vector>

#include "monitor/memory.h"
#include "monitor/server.h"
#include "monitor/session.h"

namespace millrace::monitor {

// One look at a database. If a section could not be read it is empty, and a warning `not_checked`
// says why. Times are RFC 3339.
struct Report {
  // server      version, address, started_at, uptime_seconds, database, connections,
  //             size_bytes (of the database, or null)
  // tables      partitioned tables: name, full_name (as SQL writes it anywhere), partitions,
  //             size_bytes (null while one is locked), default_rows (estimated), newest (where the
  //             newest partition ends: a time, or what its bound says), newest_epoch (seconds since
  //             1970, or null), newest_width (seconds, or null), of_events (declared rollups read
  //             it), now (seconds since 1970)
  // rollups     hand-written ones: name, events_table, last_aggregated_id, behind (events by id),
  //             size_bytes
  // declared    declared ones, as in rollups.h
  // kafka       partitions of topics, as in kafka.h
  // jobs        of pg_cron: job, schedule, command, active, last_status, last_start, duration_ms,
  //             last_message
  // nodes       of Citus: node (its group), address, role, active, shards, answers
  // volumes     as in volumes.h
  // workers     databases in which a worker of Millrace runs: database
  nlohmann::json sections;
  ServerState state;
  // The worst first; those about what could not be checked last.
  std::vector<Warning> warnings;
  // No warning is `not_checked`.
  bool complete = true;

  // How many warnings have that severity, not counting those that are `not_checked`.
  int Count(Severity severity) const;
};

// Looks at databases, and remembers what it saw. Thread-safe.
class Monitor {
 public:
  // Looks at the database of the connection. Returns by `deadline`, even if tables are locked or
  // the server sends nothing. Throws CliError if the database could not be asked anything.
  // Afterwards the connection is read-only and has other settings. REQUIRES: no transaction is
  // open.
  Report Examine(Connection& connection, Deadline deadline);
  // The same in a session that is used for more queries. The report contains what that session left
  // unanswered until then.
  Report Examine(Session& session);

  Memory& memory() { return memory_; }

 private:
  void LookAtSections(Session& session, const nlohmann::json& has, Report* report);
  void Judge(Session& session, Report* report);

  Memory memory_;
};

}  // namespace millrace::monitor
