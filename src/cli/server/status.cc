#include "cli/server/status.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <thread>

#include "cli/error.h"
#include "cli/output.h"
#include "cli/server/partition_health.h"

namespace millrace::cli {
namespace {

using nlohmann::json;

// Every row of a query as an object; PostgreSQL makes the JSON, so that numbers are numbers.
json Rows(Connection& connection, const std::string& sql) {
  const auto result = connection.Execute(
      "SELECT coalesce(pg_catalog.json_agg(pg_catalog.row_to_json(q)), '[]') FROM (" + sql + ") q");
  return json::parse(result.Value(0, 0));
}

bool HasTable(Connection& connection, const char* name) {
  return connection.Execute("SELECT FROM pg_catalog.to_regclass($1) t WHERE t IS NOT NULL", {name})
             .rows() == 1;
}

constexpr const char* kServer = R"(
  SELECT current_setting('server_version') AS version,
         coalesce(nullif(current_setting('listen_addresses'), ''), 'socket') || ':' || current_setting('port') AS address,
         extract(epoch FROM now() - pg_postmaster_start_time())::bigint AS uptime_seconds,
         current_database() AS database, pg_database_size(current_database()) AS size_bytes,
         (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend') AS connections)";

constexpr const char* kTables = R"(
  SELECT p.oid::regclass::text AS name,
         count(*) FILTER (WHERE pg_get_expr(c.relpartbound, c.oid) <> 'DEFAULT') AS partitions,
         coalesce(sum(pg_total_relation_size(c.oid)), 0)::bigint AS size_bytes,
         max(substring(pg_get_expr(c.relpartbound, c.oid) FROM $$ TO \(''?([^'')]+)$$)) AS newest,
         coalesce(sum(greatest(s.n_live_tup, c.reltuples)) FILTER (WHERE pg_get_expr(c.relpartbound, c.oid) = 'DEFAULT'), 0)::bigint AS default_rows
  FROM pg_class p
  LEFT JOIN pg_inherits i ON i.inhparent = p.oid
  LEFT JOIN pg_class c ON c.oid = i.inhrelid
  LEFT JOIN pg_stat_user_tables s ON s.relid = c.oid
  WHERE p.relkind = 'p' AND NOT p.relispartition
    AND p.relnamespace NOT IN (SELECT oid FROM pg_namespace WHERE nspname IN ('partman', 'cron', 'millrace'))
  GROUP BY p.oid ORDER BY 1)";

constexpr const char* kRollups = R"(
  SELECT r.name, r.event_table_name AS events_table, r.last_aggregated_id,
         greatest(coalesce(pg_sequence_last_value(to_regclass(r.event_id_sequence_name)), 0) - r.last_aggregated_id, 0) AS behind,
         coalesce(pg_total_relation_size(to_regclass(r.name)), 0) AS size_bytes
  FROM rollups r ORDER BY 1)";

constexpr const char* kDeclared = R"(
  SELECT rollup::text AS name, source::text AS source, watermark, events_behind AS behind,
         to_char(complete_through, 'YYYY-MM-DD HH24:MI:SS') AS complete_through,
         round(extract(epoch FROM duration) * 1000) AS refresh_ms, paused, last_error, failed_at IS NOT NULL AS fails, waits_for,
         pg_total_relation_size(rollup) AS size_bytes, seconds_behind,
         coalesce((to_jsonb(r)->>'failed_events')::bigint, 0) AS failed_events,
         coalesce((to_jsonb(r)->>'differences')::bigint, 0) AS differences,
         NOT EXISTS (SELECT FROM millrace.rollup d WHERE d.relation = r.rollup AND d.parent IS NOT NULL) AS over_events
  FROM millrace.rollups r ORDER BY 1)";

// Of a database that Citus shards.
constexpr const char* kNodes = R"(
  SELECT n.groupid AS node, n.nodename || ':' || n.nodeport AS address,
         CASE n.groupid WHEN 0 THEN 'coordinator' ELSE 'worker' END AS role, n.isactive AS active,
         (SELECT count(*) FROM pg_dist_placement p WHERE p.groupid = n.groupid) AS shards,
         coalesce(r.success, false) AS answers
  FROM pg_dist_node n LEFT JOIN run_command_on_all_nodes('SELECT 1', true, true) r USING (nodeid)
  WHERE n.noderole = 'primary' ORDER BY 1)";

// What tables have on all nodes; the coordinator's own files are empty.
constexpr const char* kSizesOnNodes = R"(
  SELECT coalesce(pg_partition_root(table_name), table_name)::regclass::text AS name, sum(shard_size)::bigint AS size_bytes
  FROM citus_shards GROUP BY 1)";

constexpr const char* kJobs = R"(
  SELECT jobid, schedule, command, active, last_status,
         to_char(last_start, 'YYYY-MM-DD HH24:MI:SS') AS last_start, last_message
  FROM millrace.cron_jobs() ORDER BY jobid)";

// A sequence behind an int4 column has used up more than half of it.
constexpr const char* kSerials = R"(
  SELECT format('the ids of %s.%s have used %s%% of an integer: at 100%% inserts fail (ALTER TABLE %s ALTER COLUMN %I TYPE bigint; ALTER SEQUENCE %s AS bigint)',
                c.oid::regclass, a.attname, round(100.0 * v.last / 2147483647), c.oid::regclass, a.attname, s.oid::regclass) AS warning
  FROM pg_class s
  JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = s.oid AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i')
  JOIN pg_class c ON c.oid = d.refobjid
  JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = d.refobjsubid
  CROSS JOIN LATERAL (SELECT CASE WHEN has_sequence_privilege(s.oid, 'USAGE, SELECT') THEN pg_sequence_last_value(s.oid) END AS last) v
  WHERE s.relkind = 'S' AND a.atttypid = 'int4'::regtype AND v.last > 2147483647 / 2)";

// What keeps vacuum from removing row versions that updates have left. Rollups are updated all the
// time.
constexpr const char* kBlockers = R"(
  SELECT format('prepared transaction %L of %I, open since %s, keeps rollups waiting, and while it is open vacuum removes no old row versions, so that rollups grow (ROLLBACK PREPARED or COMMIT PREPARED %L)',
                gid, owner, to_char(prepared, 'YYYY-MM-DD HH24:MI:SS'), gid) AS warning
  FROM pg_prepared_xacts WHERE database = current_database() AND prepared < now() - interval '1 minute'
  UNION ALL
  SELECT format('process %s of %s has had a transaction open for %s: until it ends, vacuum removes no old row versions, so that rollups grow, and rollups wait for it if it wrote events (SELECT pg_terminate_backend(%s) ends it)',
                pid, coalesce(quote_ident(usename), 'the server'), date_trunc('second', now() - xact_start), pid)
  FROM pg_stat_activity
  WHERE datname = current_database() AND pid <> pg_backend_pid() AND xact_start < now() - interval '1 minute'
    AND (backend_xmin IS NOT NULL OR backend_xid IS NOT NULL)
    AND coalesce(backend_type, '') NOT IN ('autovacuum worker', 'walsender') AND query !~* '^\s*vacuum'
  UNION ALL
  -- A slot tells no time. One that nobody uses stays as it is; one in use moves on by itself.
  SELECT format('replication slot %s%s keeps vacuum from removing old row versions, so that rollups grow: it has not moved for %s transactions (SELECT pg_drop_replication_slot(%L) drops it%s)',
                quote_ident(slot_name), CASE WHEN active THEN '' ELSE ', which nobody uses,' END,
                greatest(age(xmin), age(catalog_xmin)), slot_name, CASE WHEN active THEN ' once its standby is stopped' ELSE '' END)
  FROM pg_replication_slots
  WHERE coalesce(xmin, catalog_xmin) IS NOT NULL
    AND (NOT active AND greatest(age(xmin), age(catalog_xmin)) > 0 OR greatest(age(xmin), age(catalog_xmin)) > 10000)
  UNION ALL
  SELECT format('standby %s, by process %s, keeps vacuum from removing old row versions, so that rollups grow: a query on it has been open for %s transactions (end it there, or set hot_standby_feedback = off there)',
                quote_ident(application_name), pid, age(backend_xmin))
  FROM pg_stat_replication
  WHERE backend_xmin IS NOT NULL AND age(backend_xmin) > 10000)";

// Nothing on a server that is none. `received` is replayed: what is on its way is not known here.
constexpr const char* kStandby = R"(
  SELECT extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp()) AS lag_seconds,
         to_char(pg_last_xact_replay_timestamp(), 'YYYY-MM-DD HH24:MI:SS') AS replayed_to,
         coalesce(pg_last_wal_receive_lsn() <= pg_last_wal_replay_lsn(), false) AS all_replayed,
         pg_is_wal_replay_paused() AS paused,
         EXISTS (SELECT FROM pg_stat_wal_receiver) AS receiving
  WHERE pg_is_in_recovery())";

// Whether public.rollups is the workshop's table, and not another of that name.
bool HasRollups(Connection& connection) {
  return connection
             .Execute(R"(SELECT FROM pg_attribute
               WHERE attrelid = to_regclass('public.rollups') AND NOT attisdropped
                 AND attname IN ('name', 'event_table_name', 'event_id_sequence_name', 'last_aggregated_id'))")
             .rows() == 4;
}

// Ids handed out so far by the sequences that rollups follow.
std::int64_t EventsSoFar(Connection& connection) {
  const auto result = connection.Execute(
      "SELECT coalesce(sum(pg_sequence_last_value(s)), 0) FROM (SELECT DISTINCT "
      "to_regclass(event_id_sequence_name) AS s FROM rollups) x");
  return std::stoll(std::string(result.Value(0, 0)));
}

double EventsPerSecond(Connection& connection) {
  using Clock = std::chrono::steady_clock;
  const auto start = Clock::now();
  const std::int64_t before = EventsSoFar(connection);
  std::this_thread::sleep_for(std::chrono::seconds(1));
  const std::int64_t after = EventsSoFar(connection);
  return static_cast<double>(after - before) /
         std::chrono::duration<double>(Clock::now() - start).count();
}

std::string Text(const json& value) {
  if (value.is_null()) return "-";
  if (value.is_string()) return value;
  if (value.is_boolean()) return value.get<bool>() ? "yes" : "no";
  if (value.is_number_integer()) return FormatCount(value);
  return value.dump();
}

void FillSizesOnNodes(Connection& connection, json& status) {
  json sizes;
  try {
    for (const auto& row : Rows(connection, kSizesOnNodes)) {
      sizes[row["name"].get<std::string>()] = row["size_bytes"];
    }
  } catch (const CliError&) {
    // A node is down, which is said among the warnings.
    return;
  }
  for (const char* section : {"tables", "rollups", "declared"}) {
    for (auto& row : status[section]) {
      const auto found = sizes.find(row["name"].get<std::string>());
      if (found != sizes.end()) row["size_bytes"] = *found;
    }
  }
}

std::vector<std::string> StandbyWarnings(const json& standby) {
  std::vector<std::string> warnings;
  if (standby["paused"].get<bool>()) {
    warnings.emplace_back(
        "replay is paused: what is shown here goes no further (the superuser's SELECT "
        "pg_wal_replay_resume() goes on)");
  }
  if (!standby["receiving"].get<bool>()) {
    warnings.emplace_back(
        "nothing is received from the primary: it is down, or this standby cannot log in there, "
        "which the log says");
  }
  return warnings;
}

std::string DescribeStandby(const json& standby) {
  if (standby["replayed_to"].is_null()) return "A standby, which has replayed no transaction yet\n";
  const double lag = standby["lag_seconds"];
  const std::string replayed =
      fmt::format("A standby: the last transaction it has replayed is of {}, {} ago",
                  standby["replayed_to"].get<std::string>(), FormatDuration(std::max(lag, 0.0)));
  return replayed + (standby["paused"].get<bool>() ? "; replay is paused\n"
                     : standby["all_replayed"].get<bool>() && standby["receiving"].get<bool>()
                         ? "; nothing that it has received is left\n"
                         : "\n");
}

json Warnings(Connection& connection, const json& status) {
  json warnings = json::array();
  for (const char* sql : {kSerials, kBlockers}) {
    for (const auto& row : Rows(connection, sql)) warnings.push_back(row["warning"]);
  }
  // A standby has what its primary makes.
  if (status["standby"].is_null()) {
    for (const auto& warning : PartitionWarnings(connection, status["tables"])) {
      warnings.push_back(warning);
    }
  } else {
    for (const auto& warning : StandbyWarnings(status["standby"])) warnings.push_back(warning);
  }
  for (const auto& node : status["nodes"]) {
    if (!node["answers"].get<bool>() || !node["active"].get<bool>()) {
      warnings.push_back(fmt::format(
          "{} {} {}", node["role"].get<std::string>(), node["address"].get<std::string>(),
          node["active"].get<bool>() ? "does not answer" : "is disabled"));
    }
  }
  for (const auto& job : status["jobs"]) {
    if (job["last_status"] == "failed") {
      warnings.push_back(
          // A job that could not even start has no time of start.
          fmt::format("cron job {} failed at {}: {}", job["jobid"].dump(), Text(job["last_start"]),
                      Text(job["last_message"])));
    }
  }
  for (const auto& rollup : status["declared"]) {
    const std::string name = rollup["name"];
    if (rollup["fails"]) {
      warnings.push_back(fmt::format("rollup {} could not be refreshed: {}", name,
                                     rollup["last_error"].is_null()
                                         ? "why is shown to its owner and to pg_read_all_stats"
                                         : Text(rollup["last_error"])));
    } else if (!rollup["waits_for"].is_null() && rollup["seconds_behind"] > 60) {
      warnings.push_back(fmt::format("rollup {} has waited for {} s for {} to end its transaction",
                                     name, static_cast<long long>(rollup["seconds_behind"]),
                                     Text(rollup["waits_for"])));
    }
    // Those over it are told the same.
    if (rollup["failed_events"] > 0 && rollup["over_events"]) {
      warnings.push_back(fmt::format(
          "{} events are set aside and not counted in rollup {} (millrace.failed_events says why)",
          FormatCount(rollup["failed_events"]), name));
    }
    if (rollup["differences"] > 0) {
      warnings.push_back(
          fmt::format("{} differences found by verification in rollup {} (millrace.differences "
                      "lists them, millrace.rebuild_rollup mends them)",
                      FormatCount(rollup["differences"]), name));
    }
  }
  return warnings;
}

std::string Size(const json& bytes) {
  const double value = bytes;
  if (value < 1024 * 1024) return fmt::format("{:.0f} kB", value / 1024);
  if (value < 1024.0 * 1024 * 1024) return fmt::format("{:.1f} MB", value / (1024 * 1024));
  return fmt::format("{:.1f} GB", value / (1024.0 * 1024 * 1024));
}

}  // namespace

json InspectServerNow(Connection& connection) {
  connection.Execute("SET search_path = public, pg_catalog");
  json status;
  status["server"] = Rows(connection, kServer)[0];
  const json standby = Rows(connection, kStandby);
  status["standby"] = standby.empty() ? json(nullptr) : standby[0];
  status["tables"] = Rows(connection, kTables);
  const bool rollups = HasRollups(connection);
  status["rollups"] = rollups ? Rows(connection, kRollups) : json::array();
  status["declared"] =
      HasTable(connection, "millrace.rollups") ? Rows(connection, kDeclared) : json::array();
  status["jobs"] =
      HasTable(connection, "millrace.rollups") ? Rows(connection, kJobs) : json::array();
  status["nodes"] =
      HasTable(connection, "pg_catalog.pg_dist_node") ? Rows(connection, kNodes) : json::array();
  if (!status["nodes"].empty()) FillSizesOnNodes(connection, status);
  status["warnings"] = Warnings(connection, status);
  return status;
}

json InspectServer(Connection& connection) {
  json status = InspectServerNow(connection);
  status["events_per_second"] = HasRollups(connection) ? EventsPerSecond(connection) : 0.0;
  return status;
}

std::string FormatStatus(const json& status) {
  const json& server = status["server"];
  std::string out = fmt::format(
      "PostgreSQL {} at {}, up {}, database {} with {}, {} connections, {} events/s\n",
      server["version"].get<std::string>(), server["address"].get<std::string>(),
      FormatDuration(server["uptime_seconds"]), server["database"].get<std::string>(),
      Size(server["size_bytes"]), server["connections"].get<int>(),
      FormatCount(static_cast<std::int64_t>(status["events_per_second"].get<double>() + 0.5)));
  if (!status["standby"].is_null()) out += DescribeStandby(status["standby"]);
  if (status.contains("dashboard") && !status["dashboard"].is_null()) {
    out += fmt::format("Dashboard at {}\n", status["dashboard"].get<std::string>());
  }
  auto section = [&](const char* title, const char* key, std::vector<std::string> heading,
                     std::vector<std::string> fields, std::vector<bool> right) {
    if (status[key].empty()) return;
    std::vector<std::vector<std::string>> rows;
    for (const auto& row : status[key]) {
      auto& cells = rows.emplace_back();
      for (const auto& field : fields) {
        cells.push_back(field == "size_bytes" ? Size(row[field]) : Text(row[field]));
      }
    }
    out += fmt::format("\n{}\n{}", title, FormatTable(heading, rows, right));
  };
  section("Nodes", "nodes", {"node", "at", "role", "shards", "active", "answers"},
          {"node", "address", "role", "shards", "active", "answers"}, {true, false, false, true});
  section("Partitioned tables", "tables",
          {"table", "partitions", "size", "newest ends", "rows in default"},
          {"name", "partitions", "size_bytes", "newest", "default_rows"},
          {false, true, true, false, true});
  section("Rollups", "rollups", {"rollup", "of", "through id", "events behind", "size"},
          {"name", "events_table", "last_aggregated_id", "behind", "size_bytes"},
          {false, false, true, true, true});
  section("Declared rollups", "declared",
          {"rollup", "of", "through id", "events behind", "complete through", "last refresh, ms",
           "paused", "size"},
          {"name", "source", "watermark", "behind", "complete_through", "refresh_ms", "paused",
           "size_bytes"},
          {false, false, true, true, false, true, false, true});
  section("Jobs", "jobs", {"job", "schedule", "command", "active", "last result", "at"},
          {"jobid", "schedule", "command", "active", "last_status", "last_start"}, {true});
  for (const auto& warning : status["warnings"]) {
    out += "\nWarning: " + warning.get<std::string>() + "\n";
  }
  return out;
}

}  // namespace millrace::cli
