#include "monitor/server.h"

#include <fmt/format.h>

#include "client/text.h"

namespace millrace::monitor {
namespace {

using nlohmann::json;

// A role that may not see other sessions sees no worker either. A standby that gets its log from an
// archive is connected to no primary.
constexpr const char* kServerState =
    "SELECT current_database() AS database, s.standby, "
    "CASE WHEN s.standby THEN pg_get_wal_replay_pause_state() <> 'not paused' ELSE false END AS "
    "replay_paused, "
    "CASE WHEN s.standby THEN " MILLRACE_ISO("pg_last_xact_replay_timestamp()") " END AS replayed_through, "
    "NOT s.standby OR EXISTS (SELECT FROM pg_stat_wal_receiver w WHERE w.status IS NULL OR w.status "
    "= 'streaming') OR NOT EXISTS (SELECT FROM pg_settings WHERE name = 'primary_conninfo' AND "
    "setting <> '') AS connected, "
    "CASE WHEN s.standby THEN coalesce(pg_last_wal_replay_lsn() < pg_last_wal_receive_lsn() AND "
    "pg_last_xact_replay_timestamp() < clock_timestamp() - interval '15 seconds', false) "
    "ELSE false END AS lags, "
    "CASE WHEN s.standby THEN extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp())::float8 END AS lag_seconds, "
    "s.standby AND coalesce(pg_last_wal_receive_lsn() <= pg_last_wal_replay_lsn(), false) AS all_replayed, "
    "pg_has_role('pg_read_all_stats', 'USAGE') AS sees_workers, "
    "coalesce(current_setting('millrace.enable_worker', true), 'on') = 'on' AS worker_enabled, "
    "EXISTS (SELECT FROM pg_stat_activity WHERE backend_type = 'millrace launcher') AS launcher, "
    "EXISTS (SELECT FROM pg_stat_activity WHERE backend_type = 'millrace worker' "
    "AND datname = current_database()) AS worker, {} "
    "FROM (SELECT pg_is_in_recovery() AS standby) s";

// A sequence of an int4 column has used up more than half of its numbers.
constexpr const char* kSerials = R"(
  SELECT format('%s.%I', c.oid::regclass, a.attname) AS object, c.oid::regclass::text AS relation, quote_ident(a.attname) AS column,
         s.oid::regclass::text AS sequence, round(100.0 * v.last / 2147483647) AS percent
  FROM pg_class s
  JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = s.oid AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i')
  JOIN pg_class c ON c.oid = d.refobjid
  JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = d.refobjsubid
  CROSS JOIN LATERAL (SELECT CASE WHEN s.oid NOT IN )" MILLRACE_LOCKED
                                 R"( AND has_sequence_privilege(s.oid, 'USAGE, SELECT')
                                  THEN pg_sequence_last_value(s.oid) END AS last) v
  WHERE s.relkind = 'S' AND a.atttypid = 'int4'::regtype AND v.last > 2147483647 / 2)";

// What keeps vacuum from removing row versions that updates have left. Rollups are updated all the
// time.
constexpr const char* kOldRowVersions =
    R"(
  SELECT gid AS object, format('prepared transaction %L of %I, open since %s, keeps rollups waiting, and while it is open vacuum removes no old row versions, so that rollups grow',
                gid, owner, to_char(prepared, 'YYYY-MM-DD HH24:MI:SS')) AS message,
         format('ROLLBACK PREPARED %L or COMMIT PREPARED %L', gid, gid) AS hint, )" MILLRACE_ISO(
        "prepared") R"( AS since
  FROM pg_prepared_xacts WHERE database = current_database() AND prepared < now() - interval '1 minute'
  UNION ALL
  SELECT pid::text, format('process %s of %s has had a transaction open for %s: until it ends, vacuum removes no old row versions, so that rollups grow, and rollups wait for it if it wrote events',
                pid, coalesce(quote_ident(usename), 'the server'), date_trunc('second', now() - xact_start)),
         format('SELECT pg_terminate_backend(%s) ends it', pid), )" MILLRACE_ISO("xact_start") R"(
  FROM pg_stat_activity
  WHERE datname = current_database() AND pid <> pg_backend_pid() AND xact_start < now() - interval '1 minute'
    AND (backend_xmin IS NOT NULL OR backend_xid IS NOT NULL)
    AND coalesce(backend_type, '') NOT IN ('autovacuum worker', 'walsender') AND query !~* '^\s*vacuum'
  UNION ALL
  -- A slot tells no time. One that nobody uses stays as it is; one in use moves on by itself.
  SELECT slot_name, format('replication slot %s%s keeps vacuum from removing old row versions, so that rollups grow: it has not moved for %s transactions',
                quote_ident(slot_name), CASE WHEN active THEN '' ELSE ', which nobody uses,' END,
                greatest(age(xmin), age(catalog_xmin))),
         format('SELECT pg_drop_replication_slot(%L) drops it%s', slot_name, CASE WHEN active THEN ' once its standby is stopped' ELSE '' END), NULL
  FROM pg_replication_slots
  WHERE coalesce(xmin, catalog_xmin) IS NOT NULL
    AND (NOT active AND greatest(age(xmin), age(catalog_xmin)) > 0 OR greatest(age(xmin), age(catalog_xmin)) > 10000)
  UNION ALL
  SELECT application_name, format('standby %s, by process %s, keeps vacuum from removing old row versions, so that rollups grow: a query on it has been open for %s transactions',
                quote_ident(application_name), pid, age(backend_xmin)),
         'End it there, or set hot_standby_feedback = off there', NULL
  FROM pg_stat_replication
  WHERE backend_xmin IS NOT NULL AND age(backend_xmin) > 10000)";

// Autovacuum begins to freeze a database when its age is autovacuum_freeze_max_age. At twice that
// age, or halfway from that age to the end if that comes first, something must be keeping
// autovacuum from doing it. When only a quarter of the way is left somebody must act, because at
// the end writes are refused.
constexpr const char* kAges = R"(
  SELECT datname AS database, kind, age, begins, age > begins + (ends - begins) / 4 * 3 AS critical,
         round(100.0 * age / ends) AS percent
  FROM (SELECT datname, 'transaction ids' AS kind, age(datfrozenxid)::bigint AS age,
               current_setting('autovacuum_freeze_max_age')::bigint AS begins, 2144483647 AS ends FROM pg_database
        UNION ALL
        SELECT datname, 'multixact ids', mxid_age(datminmxid),
               current_setting('autovacuum_multixact_freeze_max_age')::bigint, 2144483647 FROM pg_database) d
  WHERE age > least(2 * begins, begins + (ends - begins) / 2) ORDER BY 1, 2)";

std::string Text(const json& value) {
  return value.is_null() ? std::string() : value.get<std::string>();
}

}  // namespace

std::string ServerStateSql(bool has_worker_state) {
  return fmt::format(fmt::runtime(kServerState),
                     has_worker_state ? "(SELECT w.preloaded FROM millrace.worker_state() w), "
                                        "(SELECT w.starved FROM millrace.worker_state() w)"
                                      : "true AS preloaded, false AS starved");
}

ServerState ReadServerState(const json& row) {
  ServerState state;
  state.database = row["database"];
  state.standby = row["standby"];
  state.replay_paused = row["replay_paused"];
  state.connected = row["connected"];
  state.lags = row["lags"];
  state.replayed_through = Text(row["replayed_through"]);
  if (!row["lag_seconds"].is_null()) state.lag_seconds = row["lag_seconds"].get<double>();
  state.all_replayed = row["all_replayed"];
  state.worker_enabled = row["worker_enabled"];
  state.preloaded = row["preloaded"];
  state.starved = row["starved"];
  state.sees_workers = row["sees_workers"];
  state.launcher = row["launcher"];
  state.worker = row["worker"];
  return state;
}

std::vector<Warning> JudgeStandby(const ServerState& state) {
  std::vector<Warning> found;
  if (!state.standby) return found;
  const std::string& through = state.replayed_through;
  auto add = [&](const char* code, const char* message, const char* hint) {
    found.push_back({code, Severity::kWarning, "", message, hint, through});
  };
  if (state.replay_paused) {
    add("replay_paused",
        "This is a standby, and its replay is paused: what was committed since is not here",
        "The superuser's SELECT pg_wal_replay_resume() lets it go on");
  }
  if (!state.connected) {
    add("standby_disconnected",
        "This is a standby, and nothing is received from its primary: what was committed since is "
        "not here",
        "The primary is down, or this standby cannot log in there, which the log says");
  }
  if (state.lags && !state.replay_paused) {
    add("standby_lags", "This is a standby that has not replayed all that it has received", "");
  }
  found.push_back({"standby", Severity::kInformation, "",
                   "This is a standby: it has what it has replayed", "", through});
  return found;
}

std::vector<Warning> JudgeWorker(const ServerState& state) {
  std::vector<Warning> found;
  if (state.standby) return found;
  if (!state.worker_enabled) {
    found.push_back(
        {"worker_off", Severity::kCritical, "",
         "Millrace's worker is switched off (millrace.enable_worker): nothing is refreshed",
         "ALTER SYSTEM RESET millrace.enable_worker; SELECT pg_reload_conf()", "", state.database});
  }
  if (state.starved) {
    found.push_back(
        {"worker_starved", Severity::kWarning, "",
         "A worker of Millrace found no place among the server's processes",
         "Raise max_worker_processes and restart the server: each database with rollups "
         "that are refreshed takes one of them",
         ""});
  }
  return found;
}

std::vector<Warning> JudgeSerials(Session& session) {
  std::vector<Warning> found;
  for (const json& row : session.Rows("ids of tables", kSerials)) {
    const std::string relation = row["relation"];
    found.push_back(
        {"id_runs_out", row["percent"] >= 90 ? Severity::kCritical : Severity::kWarning,
         row["object"],
         fmt::format("the ids of {} have used {}% of an integer: at 100% inserts fail",
                     row["object"].get<std::string>(), row["percent"].dump()),
         fmt::format("ALTER TABLE {} ALTER COLUMN {} TYPE bigint; ALTER SEQUENCE {} AS bigint",
                     relation, row["column"].get<std::string>(),
                     row["sequence"].get<std::string>()),
         ""});
  }
  return found;
}

std::vector<Warning> JudgeOldRowVersions(Session& session) {
  std::vector<Warning> found;
  for (const json& row : session.Rows("transactions that are open", kOldRowVersions)) {
    found.push_back({"old_row_versions", Severity::kWarning, Text(row["object"]), row["message"],
                     row["hint"], Text(row["since"])});
  }
  return found;
}

std::vector<Warning> JudgeAges(Session& session) {
  std::vector<Warning> found;
  for (const json& row : session.Rows("ages of databases", kAges)) {
    const std::string database = row["database"];
    const bool critical = row["critical"];
    Warning warning = {
        "xid_age",
        critical ? Severity::kCritical : Severity::kWarning,
        database,
        fmt::format("the oldest {} of database {} are {} old, {}% of the way to the end, at which "
                    "nothing can be written any more; autovacuum freezes at {} and does not get "
                    "through",
                    row["kind"].get<std::string>(), database, FormatCount(row["age"]),
                    row["percent"].dump(), FormatCount(row["begins"])),
        "End what keeps old row versions (open and prepared transactions, replication slots), then "
        "VACUUM (FREEZE) that database",
        ""};
    warning.database = database;
    found.push_back(warning);
  }
  return found;
}

std::vector<Warning> JudgeNodes(const json& nodes) {
  std::vector<Warning> found;
  for (const json& node : nodes) {
    const bool active = node["active"];
    if (active && node["answers"].get<bool>()) continue;
    found.push_back({"node_down", active ? Severity::kCritical : Severity::kWarning,
                     node["address"],
                     fmt::format("{} {} {}", node["role"].get<std::string>(),
                                 node["address"].get<std::string>(),
                                 active ? "does not answer" : "is disabled"),
                     "", ""});
  }
  return found;
}

std::vector<Warning> JudgeJobs(const json& jobs) {
  std::vector<Warning> found;
  for (const json& job : jobs) {
    if (job["last_status"] != "failed") continue;
    const std::string number = job["job"].dump();
    // A job that could not even be started has no start time.
    const std::string at = job["last_start"].is_null() ? "-" : job["last_start"].get<std::string>();
    found.push_back(
        {"job_failing", Severity::kWarning, number,
         fmt::format("cron job {} failed at {}: {}", number, at,
                     job["last_message"].is_null() ? "-" : job["last_message"].get<std::string>()),
         fmt::format("cron.job_run_details has its runs; SELECT cron.unschedule({}) ends it",
                     number),
         Text(job["last_start"])});
  }
  return found;
}

}  // namespace millrace::monitor
