#include "dashboard/operations.h"

#include <fmt/format.h>

#include "cli/server/status.h"

namespace millrace::dashboard {
namespace {

using nlohmann::json;

// Times as RFC 3339.
#define ISO(expression) "to_char(" expression ", 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"')"

constexpr const char* kRefreshes =
    "SELECT rollup::text AS rollup, percent::float8 AS percent, "
    "extract(epoch FROM running_for)::float8 AS running_seconds FROM millrace.refresh_progress "
    "ORDER BY 1";

constexpr const char* kJobs =
    "SELECT jobid AS job, schedule, command, active, last_status, " ISO("last_start")
    " AS last_start, (extract(epoch FROM last_duration) * 1000)::float8 AS duration_ms, "
    "last_message, CASE WHEN last_status = 'failed' THEN 'bad' ELSE 'ok' END AS state "
    "FROM millrace.cron_jobs() ORDER BY 1";

constexpr const char* kWorkers =
    "SELECT datname AS database, backend_type AS type, nullif(query, '') AS activity, "
    ISO("coalesce(query_start, backend_start)") " AS since "
    "FROM pg_stat_activity WHERE backend_type LIKE 'millrace %' ORDER BY 2, 1";

constexpr const char* kPartitions = R"(
  SELECT c.oid::regclass::text AS partition, pg_get_expr(c.relpartbound, c.oid) AS bounds,
         pg_total_relation_size(c.oid) AS size_bytes,
         CASE WHEN greatest(s.n_live_tup, c.reltuples) > 0 THEN greatest(s.n_live_tup, c.reltuples)::bigint
              WHEN c.reltuples >= 0 OR pg_relation_size(c.oid) = 0 THEN 0 END AS rows
  FROM pg_inherits i
  JOIN pg_class c ON c.oid = i.inhrelid
  LEFT JOIN pg_stat_user_tables s ON s.relid = c.oid
  WHERE i.inhparent = to_regclass($1)
  ORDER BY pg_get_expr(c.relpartbound, c.oid) = 'DEFAULT' DESC, 2 DESC LIMIT 50)";

constexpr const char* kRejects =
    "SELECT file, rows, " ISO("rejected_at") " AS at FROM millrace.reject ORDER BY rejected_at "
    "DESC LIMIT 20";

// Ids handed out so far for the events of declared rollups.
constexpr const char* kDeclaredEvents = R"(
  SELECT coalesce(sum(last), 0)::bigint AS events
  FROM (SELECT DISTINCT source, watermark + events_behind AS last FROM millrace.rollups
        WHERE source NOT IN (SELECT rollup FROM millrace.rollups)) s)";

// The same for hand-written ones.
constexpr const char* kHandWrittenEvents = R"(
  SELECT coalesce(sum(pg_sequence_last_value(s)), 0)::bigint AS events
  FROM (SELECT DISTINCT to_regclass(event_id_sequence_name) AS s FROM public.rollups) x)";

#undef ISO

json Tables(Database::Snapshot& snapshot, const json& status) {
  json tables = json::array();
  for (const json& table : status["tables"]) {
    const std::string name = table["name"];
    tables.push_back({{"table", name},
                      {"partitions", table["partitions"]},
                      {"size_bytes", table["size_bytes"]},
                      {"newest_ends", table["newest"]},
                      {"default_rows", table["default_rows"]},
                      {"state", table["default_rows"] > 0 ? "warning" : "ok"},
                      {"partition_list", snapshot.Rows(kPartitions, {name.c_str()})}});
  }
  return tables;
}

json HandWritten(const json& status) {
  json rollups = json::array();
  for (const json& rollup : status["rollups"]) {
    rollups.push_back({{"rollup", rollup["name"]},
                       {"source", rollup["events_table"]},
                       {"declared", false},
                       {"events_behind", rollup["behind"]},
                       {"seconds_behind", nullptr},
                       {"complete_through", nullptr},
                       {"rows", nullptr},
                       {"size_bytes", rollup["size_bytes"]},
                       {"refresh_interval_seconds", nullptr},
                       {"paused", false},
                       {"last_refresh", nullptr},
                       {"duration_ms", nullptr},
                       {"last_error", nullptr},
                       {"failed_at", nullptr},
                       {"retry_at", nullptr},
                       {"waits_for", nullptr},
                       {"failed_events", 0},
                       {"verified_through", nullptr},
                       {"verified_at", nullptr},
                       {"differences", 0},
                       {"condition", Condition().ToJson()},
                       {"state", "ok"}});
  }
  return rollups;
}

// What `millrace status` warns of, and what keeps the figures from being current besides.
json Warnings(const json& status, const RollupStates& states) {
  json warnings = status["warnings"];
  for (const Condition& condition : states.conditions) {
    const std::string& kind = condition.kind;
    if (kind != "failing" && kind != "set_aside" && kind != "differing") {
      warnings.push_back(condition.message);
    }
  }
  return warnings;
}

json Rejects(Database::Snapshot& snapshot) {
  const json sum =
      snapshot.Row("SELECT coalesce(sum(rows), 0)::bigint AS rows FROM millrace.reject");
  return {{"rows", sum["rows"]}, {"files", snapshot.Rows(kRejects)}};
}

}  // namespace

// Over some seconds: events come in batches.
double OperationsMaker::EventsPerSecond(long long events_so_far) {
  constexpr std::chrono::seconds kWindow{6}, kTooOld{60};
  const auto now = std::chrono::steady_clock::now();
  if (!samples_.empty() &&
      (events_so_far < samples_.back().events || now - samples_.back().time > kTooOld)) {
    samples_.clear();
  }
  samples_.push_back({now, events_so_far});
  while (samples_.size() > 2 && now - samples_[1].time >= kWindow) samples_.pop_front();
  const double passed = std::chrono::duration<double>(now - samples_.front().time).count();
  if (passed < 1) return 0;
  return static_cast<double>(events_so_far - samples_.front().events) / passed;
}

json OperationsMaker::Make(Database::Snapshot& snapshot, ConditionFinder& conditions) {
  const json status = cli::InspectServerNow(snapshot.connection());
  const bool extension =
      snapshot.Row("SELECT to_regclass('millrace.rollups') IS NOT NULL AS there")["there"];
  RollupStates states = conditions.FindAll(snapshot);
  json& rollups = states.rollups;
  long long events = 0;
  if (!rollups.empty()) {
    events = snapshot.Row(kDeclaredEvents)["events"];
  } else if (!status["rollups"].empty()) {
    events = snapshot.Row(kHandWrittenEvents)["events"];
  }
  for (const json& rollup : HandWritten(status)) rollups.push_back(rollup);
  const json& server = status["server"];
  return {{"generated_at",
           snapshot.Row("SELECT to_char(now(), 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"') AS t")["t"]},
          {"server",
           {{"version", server["version"]},
            {"database", server["database"]},
            {"size_bytes", server["size_bytes"]},
            {"connections", server["connections"]},
            {"uptime_seconds", server["uptime_seconds"]}}},
          {"ingest", {{"events_per_second", EventsPerSecond(events)}, {"state", "ok"}}},
          {"condition", states.condition.ToJson()},
          {"standby", states.replication.ToJson()},
          {"rollups", rollups},
          {"refreshes", extension ? snapshot.Rows(kRefreshes) : json::array()},
          {"tables", Tables(snapshot, status)},
          {"jobs", extension ? snapshot.Rows(kJobs) : json::array()},
          {"workers", snapshot.Rows(kWorkers)},
          {"rejects", extension ? Rejects(snapshot) : json{{"rows", 0}, {"files", json::array()}}},
          {"warnings", Warnings(status, states)}};
}

}  // namespace millrace::dashboard
