#include "monitor/monitor.h"

#include <fmt/format.h>

#include <algorithm>

#include "client/error.h"
#include "monitor/kafka.h"
#include "monitor/partitions.h"
#include "monitor/publications.h"
#include "monitor/rollups.h"
#include "monitor/volumes.h"

namespace millrace::monitor {
namespace {

using nlohmann::json;

// What the database has that can be looked at. public.rollups may be another table of that name.
constexpr const char* kHas = R"(
  SELECT to_regclass('millrace.rollups') IS NOT NULL AS millrace, to_regclass('pg_catalog.pg_dist_node') IS NOT NULL AS citus,
         to_regprocedure('millrace.worker_state()') IS NOT NULL AS worker_state,
         coalesce(has_function_privilege(to_regprocedure('millrace.volumes()'), 'EXECUTE'), false) AS volumes,
         (SELECT count(*) = 4 FROM pg_attribute WHERE attrelid = to_regclass('public.rollups') AND NOT attisdropped
          AND attname IN ('name', 'event_table_name', 'event_id_sequence_name', 'last_aggregated_id')) AS rollups)";

constexpr const char* kServer = R"(
  SELECT current_setting('server_version') AS version,
         coalesce(nullif(current_setting('listen_addresses'), ''), 'socket') || ':' || current_setting('port') AS address,
         )" MILLRACE_ISO("pg_postmaster_start_time()") R"( AS started_at,
         extract(epoch FROM now() - pg_postmaster_start_time())::bigint AS uptime_seconds,
         current_database() AS database,
         (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend') AS connections)";

// Asking for the size of a table opens it and its indexes and looks at all of their files. So of a
// table with more than a thousand partitions, those that were vacuumed or analyzed count with the
// pages that they had then. The view pg_stat_user_tables would look at all tables and indexes too.
constexpr const char* kTables = R"(
  WITH locked AS MATERIALIZED )" MILLRACE_LOCKED R"(, bound AS MATERIALIZED (
    SELECT p.oid AS parent, c.oid AS part, p.timed, b.text = 'DEFAULT' AS rest, c.reltuples, c.relpages, c.reltoastrelid,
           count(*) OVER (PARTITION BY p.oid) > 1000 AND c.reltuples >= 0 AND c.relkind = 'r' AS by_pages,
           CASE WHEN NOT p.timed THEN substring(b.text FROM $$ TO \(''?([^'')]+)$$)
                WHEN b.text LIKE '% TO (MAXVALUE)' THEN 'MAXVALUE'
                WHEN b.text LIKE '% FROM (MINVALUE)%' THEN split_part(b.text, $$'$$, 2) ELSE nullif(split_part(b.text, $$'$$, 4), '') END AS upto,
           CASE WHEN p.timed AND b.text LIKE $$% FROM ('%$$ THEN split_part(b.text, $$'$$, 2)::timestamptz END AS begins
    FROM (SELECT p.oid, coalesce(t.partstrat = 'r' AND t.partnatts = 1 AND a.atttypid IN ('timestamptz'::regtype, 'timestamp'::regtype, 'date'::regtype), false) AS timed
          FROM pg_class p JOIN pg_partitioned_table t ON t.partrelid = p.oid
          LEFT JOIN pg_attribute a ON a.attrelid = p.oid AND a.attnum = t.partattrs[0]
          WHERE NOT p.relispartition AND p.relnamespace NOT IN (SELECT oid FROM pg_namespace WHERE nspname IN ('partman', 'cron', 'millrace'))) p
    LEFT JOIN pg_inherits i ON i.inhparent = p.oid
    LEFT JOIN pg_class c ON c.oid = i.inhrelid
    LEFT JOIN LATERAL (SELECT pg_get_expr(c.relpartbound, 0) AS text) b ON true
  ), beside AS MATERIALIZED (
    SELECT x.parent, sum(i.relpages) AS pages
    FROM (SELECT parent, part AS owner FROM bound WHERE by_pages
          UNION ALL SELECT parent, reltoastrelid FROM bound WHERE by_pages AND reltoastrelid <> 0) x
    JOIN (SELECT d.indrelid AS owner, c.relpages FROM pg_index d JOIN pg_class c ON c.oid = d.indexrelid
          UNION ALL SELECT oid, relpages FROM pg_class WHERE relkind = 't') i USING (owner)
    WHERE EXISTS (SELECT FROM bound WHERE by_pages)
    GROUP BY x.parent
  ), summed AS (
    SELECT b.parent, bool_or(b.timed) AS timed, count(*) FILTER (WHERE NOT b.rest) AS partitions,
           CASE WHEN NOT coalesce(bool_or(l.relation IS NOT NULL), false)
                THEN coalesce(sum(CASE WHEN b.by_pages THEN b.relpages * current_setting('block_size')::bigint
                                       WHEN l.relation IS NULL THEN pg_total_relation_size(b.part) END), 0)::bigint END AS size_bytes,
           max(upto) AS upto, max(CASE WHEN timed AND upto <> 'MAXVALUE' THEN upto::timestamptz END) AS ends, max(begins) AS begins,
           coalesce(sum(CASE WHEN b.rest THEN greatest(pg_stat_get_live_tuples(b.part), b.reltuples) END), 0)::bigint AS default_rows
    FROM bound b LEFT JOIN locked l ON l.relation = b.part
    GROUP BY b.parent
  )
  SELECT s.parent::regclass::text AS name, quote_ident(n.nspname) || '.' || quote_ident(c.relname) AS full_name, partitions,
         size_bytes + coalesce((SELECT pages FROM beside x WHERE x.parent = s.parent) * current_setting('block_size')::bigint, 0) AS size_bytes, default_rows,
         CASE WHEN timed AND isfinite(ends) THEN )" MILLRACE_ISO(
    "ends") R"( ELSE upto END AS newest,
         CASE WHEN isfinite(ends) THEN floor(extract(epoch FROM ends))::bigint END AS newest_epoch,
         CASE WHEN isfinite(ends) AND isfinite(begins) THEN extract(epoch FROM ends - begins)::bigint END AS newest_width,
         {of_events} AS of_events, extract(epoch FROM now())::bigint AS now
  FROM summed s JOIN pg_class c ON c.oid = s.parent JOIN pg_namespace n ON n.oid = c.relnamespace ORDER BY 1)";

// pg_database_size looks at each file. Where there are very many, their pages are counted as vacuum
// last did.
constexpr const char* kDatabaseSize = R"(
  SELECT CASE WHEN count(*) > 10000 THEN (sum(greatest(relpages, 0)) * current_setting('block_size')::bigint)::bigint
              ELSE pg_database_size(current_database()) END AS size_bytes FROM pg_class)";

constexpr const char* kRollups = R"(
  SELECT r.name, r.event_table_name AS events_table, r.last_aggregated_id,
         greatest(coalesce(pg_sequence_last_value(to_regclass(r.event_id_sequence_name)), 0) - r.last_aggregated_id, 0) AS behind,
         coalesce(pg_total_relation_size(to_regclass(r.name)), 0) AS size_bytes
  FROM public.rollups r ORDER BY 1)";

constexpr const char* kJobs =
    "SELECT jobid AS job, schedule, command, active, last_status, " MILLRACE_ISO("last_start") " AS last_start, "
    "(extract(epoch FROM last_duration) * 1000)::float8 AS duration_ms, last_message "
    "FROM millrace.cron_jobs() ORDER BY 1";

// For a database that Citus shards.
constexpr const char* kNodes = R"(
  SELECT n.groupid AS node, n.nodename || ':' || n.nodeport AS address,
         CASE n.groupid WHEN 0 THEN 'coordinator' ELSE 'worker' END AS role, n.isactive AS active,
         (SELECT count(*) FROM pg_dist_placement p WHERE p.groupid = n.groupid) AS shards,
         coalesce(r.success, false) AS answers
  FROM pg_dist_node n LEFT JOIN run_command_on_all_nodes('SELECT 1', true, true) r USING (nodeid)
  WHERE n.noderole = 'primary' ORDER BY 1)";

// The sizes of tables on all nodes; the coordinator's own files are empty.
constexpr const char* kSizesOnNodes = R"(
  SELECT coalesce(pg_partition_root(table_name), table_name)::regclass::text AS name, sum(shard_size)::bigint AS size_bytes
  FROM citus_shards GROUP BY 1)";

constexpr const char* kWorkers =
    "SELECT DISTINCT datname AS database FROM pg_stat_activity "
    "WHERE backend_type = 'millrace worker' AND datname IS NOT NULL ORDER BY 1";

// Who holds locks, for more than an instant, that keep us from reading the catalog, tables of
// events, their partitions, and the relations whose names are given. Each row says what cannot be
// read.
constexpr const char* kLocks = R"(
  SELECT c.oid::regclass::text AS object, a.pid, l.granted, )" MILLRACE_ISO(
    "a.xact_start") R"( AS since
  FROM pg_locks l JOIN pg_class c ON c.oid = l.relation JOIN pg_stat_activity a USING (pid)
  WHERE l.locktype = 'relation' AND l.mode = 'AccessExclusiveLock' AND l.pid <> pg_backend_pid()
    AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND a.xact_start < clock_timestamp() - interval '1 second' AND c.relkind IN ('r', 'p', 'S')
    AND (c.relispartition OR c.relkind = 'p' OR c.relnamespace = to_regnamespace('millrace')
         OR c.oid::regclass::text IN (SELECT jsonb_array_elements_text($1::jsonb)))
  ORDER BY 1, 3 DESC, 2 LIMIT 20)";

void FillSizesOnNodes(Session& session, json* sections) {
  // There is a warning of its own for a node that is down.
  const auto rows = session.Try(kSizesOnNodes);
  if (!rows) return;
  json sizes;
  for (const json& row : *rows) sizes[row["name"].get<std::string>()] = row["size_bytes"];
  for (const auto& [section, field] : {std::pair("tables", "name"), std::pair("rollups", "name"),
                                       std::pair("declared", "rollup")}) {
    for (json& row : (*sections)[section]) {
      const auto found = sizes.find(row[field].get<std::string>());
      if (found != sizes.end()) row["size_bytes"] = *found;
    }
  }
}

std::string TablesSql(bool millrace) {
  std::string sql = kTables;
  const std::string of_events = "{of_events}";
  return sql.replace(sql.find(of_events), of_events.size(),
                     millrace ? "s.parent IN (SELECT source FROM millrace.rollup)" : "false");
}

std::vector<Warning> JudgeLocks(Session& session, const json& sections) {
  json names = {"rollups"};
  for (const json& rollup : sections["declared"]) {
    names.push_back(rollup["rollup"]);
    names.push_back(rollup["source"]);
  }
  const std::string list = names.dump();
  std::vector<Warning> found;
  for (const json& row : session.Rows("locks", kLocks, {list.c_str()})) {
    const std::string object = row["object"], pid = row["pid"].dump();
    found.push_back({"not_checked", Severity::kWarning, object,
                     fmt::format("{} could not be checked: process {} {}", object, pid,
                                 row["granted"].get<bool>() ? "has locked it" : "waits to lock it"),
                     fmt::format("SELECT pg_terminate_backend({}) ends that process", pid),
                     row["since"]});
  }
  return found;
}

}  // namespace

int Report::Count(Severity severity) const {
  return static_cast<int>(std::count_if(warnings.begin(), warnings.end(), [&](const Warning& one) {
    return one.severity == severity && one.code != "not_checked";
  }));
}

void Monitor::LookAtSections(Session& session, const json& has, Report* report) {
  json& sections = report->sections;
  const bool millrace = has["millrace"];
  const auto tables = memory_.Keep("tables of " + report->state.database, "", [&] {
    return session.Ask("partitioned tables", TablesSql(millrace));
  });
  sections["tables"] = tables.value_or(json::array());
  sections["rollups"] = has["rollups"] ? session.Rows("rollups", kRollups) : json::array();
  sections["declared"] = millrace ? LookAtRollups(session) : json::array();
  sections["kafka"] = millrace ? LookAtKafka(session) : json::array();
  sections["jobs"] = millrace ? session.Rows("jobs", kJobs) : json::array();
  sections["nodes"] = json::array();
  if (has["citus"]) {
    const auto nodes = memory_.Keep("nodes of " + report->state.database, "",
                                    [&] { return session.Ask("nodes", kNodes); });
    if (nodes) sections["nodes"] = *nodes;
    if (!sections["nodes"].empty()) FillSizesOnNodes(session, &sections);
  }
  sections["volumes"] = has["volumes"] ? session.Rows("volumes", kVolumesSql) : json::array();
  sections["workers"] = session.Rows("workers", kWorkers);
  const auto size = memory_.Keep("size of " + report->state.database, "",
                                 [&] { return session.Try(kDatabaseSize); });
  sections["server"]["size_bytes"] = size ? (*size)[0]["size_bytes"] : json(nullptr);
}

void Monitor::Judge(Session& session, Report* report) {
  const json& sections = report->sections;
  // First what keeps everything from being current.
  std::vector<Warning>& warnings = report->warnings = JudgeStandby(report->state);
  for (const json& rollup : sections["declared"]) {
    memory_.NoteCaughtUp(rollup);
    AppendNew(warnings, JudgeRollup(rollup, report->state, memory_));
  }
  AppendNew(warnings, JudgeKafka(session, sections["kafka"]));
  AppendNew(warnings, JudgeVolumes(sections["volumes"]));
  AppendNew(warnings, JudgeAges(session));
  AppendNew(warnings, JudgeSerials(session));
  AppendNew(warnings, JudgeOldRowVersions(session));
  // On a standby partitions and publications are made by its primary.
  if (!report->state.standby) {
    AppendNew(warnings, JudgePartitions(session, memory_, sections["tables"]));
    AppendNew(warnings, JudgePublications(session));
  }
  AppendNew(warnings, JudgeNodes(sections["nodes"]));
  AppendNew(warnings, JudgeJobs(sections["jobs"]));
  SortWorstFirst(warnings);
  AppendNew(warnings, JudgeLocks(session, sections));
  AppendNew(warnings, session.unanswered());
  report->complete = std::none_of(warnings.begin(), warnings.end(),
                                  [](const Warning& one) { return one.code == "not_checked"; });
}

Report Monitor::Examine(Session& session) {
  Report report;
  const json has = session.Rows("catalog", kHas);
  const json state =
      has.empty() ? json::array()
                  : session.Rows("state of the server", ServerStateSql(has[0]["worker_state"]));
  if (state.empty()) throw CliError(session.unanswered().back().message);
  report.state = ReadServerState(state[0]);
  const json server = session.Rows("server", kServer);
  if (server.empty()) throw CliError(session.unanswered().back().message);
  report.sections["server"] = server[0];
  LookAtSections(session, has[0], &report);
  Judge(session, &report);
  return report;
}

Report Monitor::Examine(Connection& connection, Deadline deadline) {
  Session session(connection, deadline);
  return Examine(session);
}

}  // namespace millrace::monitor
