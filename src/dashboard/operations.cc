#include "dashboard/operations.h"

#include <algorithm>
#include <map>

namespace millrace::dashboard {
namespace {

using monitor::Report;
using monitor::Session;
using nlohmann::json;

constexpr const char* kRefreshes =
    "SELECT rollup::text AS rollup, percent::float8 AS percent, "
    "extract(epoch FROM running_for)::float8 AS running_seconds FROM millrace.refresh_progress "
    "ORDER BY 1";

constexpr const char* kWorkers =
    "SELECT datname AS database, backend_type AS type, nullif(query, '') AS activity, "
    MILLRACE_ISO("coalesce(query_start, backend_start)") " AS since "
    "FROM pg_stat_activity WHERE backend_type LIKE 'millrace %' ORDER BY 2, 1";

// For every partitioned table: the default partition and the newest.
constexpr const char* kPartitions = R"(
  WITH locked AS MATERIALIZED )" MILLRACE_LOCKED R"(, numbered AS (
    SELECT i.inhparent, c.oid, c.reltuples, b.text AS bounds,
           row_number() OVER (PARTITION BY i.inhparent ORDER BY b.text = 'DEFAULT' DESC, b.text DESC) AS number
    FROM pg_inherits i JOIN pg_class p ON p.oid = i.inhparent AND p.relkind = 'p' AND NOT p.relispartition
    JOIN pg_class c ON c.oid = i.inhrelid
    CROSS JOIN LATERAL (SELECT pg_get_expr(c.relpartbound, 0) AS text) b
  ), sized AS (
    SELECT n.*, CASE WHEN l.relation IS NULL THEN pg_total_relation_size(n.oid) END AS size_bytes,
           CASE WHEN l.relation IS NULL THEN pg_relation_size(n.oid) END AS main_bytes
    FROM numbered n LEFT JOIN locked l ON l.relation = n.oid WHERE n.number <= 50
  )
  SELECT z.inhparent::regclass::text AS table, z.oid::regclass::text AS partition, z.bounds, z.size_bytes,
         CASE WHEN greatest(s.live, z.reltuples) > 0 THEN greatest(s.live, z.reltuples)::bigint
              WHEN z.reltuples >= 0 OR z.main_bytes = 0 THEN 0 END AS rows
  FROM sized z CROSS JOIN LATERAL (SELECT pg_stat_get_live_tuples(z.oid) AS live) s
  ORDER BY z.inhparent, z.number)";

constexpr const char* kRejects =
    "SELECT file, rows, " MILLRACE_ISO("rejected_at") " AS at FROM millrace.reject ORDER BY rejected_at "
    "DESC LIMIT 20";

json Tables(Session& session, const Report& report, monitor::Memory& memory) {
  json all = memory
                 .Keep("partitions of " + report.state.database, "",
                       [&] { return session.Ask("partitions", kPartitions); })
                 .value_or(json::array());
  std::map<std::string, json> partitions;
  for (json& partition : all) {
    const std::string table = partition["table"];
    json& list = partitions.emplace(table, json::array()).first->second;
    partition.erase("table");
    list.push_back(partition);
  }
  json tables = json::array();
  for (const json& table : report.sections["tables"]) {
    const std::string name = table["name"];
    const auto found = partitions.find(name);
    tables.push_back(
        {{"table", name},
         {"partitions", table["partitions"]},
         {"size_bytes", table["size_bytes"]},
         {"newest_ends", table["newest"]},
         {"newest_ends_seconds", table["newest_epoch"]},
         {"default_rows", table["default_rows"]},
         {"state", table["default_rows"] > 0 ? "warning" : "ok"},
         {"partition_list", found == partitions.end() ? json::array() : found->second}});
  }
  return tables;
}

json HandWritten(const Report& report) {
  json rollups = json::array();
  for (const json& rollup : report.sections["rollups"]) {
    json& made = rollups.emplace_back(json::object());
    for (const char* unknown :
         {"seconds_behind", "complete_through", "rows", "refresh_interval_seconds", "last_refresh",
          "duration_ms", "last_error", "failed_at", "retry_at", "waits_for", "verified_through",
          "verified_at"}) {
      made[unknown] = nullptr;
    }
    for (const char* none : {"failed_events", "failed_refreshes", "differences"}) made[none] = 0;
    made.update({{"rollup", rollup["name"]},
                 {"source", rollup["events_table"]},
                 {"declared", false},
                 {"over_events", true},
                 {"watermark", rollup["last_aggregated_id"]},
                 {"events_behind", rollup["behind"]},
                 {"size_bytes", rollup["size_bytes"]},
                 {"paused", false},
                 {"condition", Condition().ToJson()},
                 {"state", "ok"}});
  }
  return rollups;
}

json Rollups(const Report& report) {
  json rollups = report.sections["declared"];
  for (json& rollup : rollups) {
    const Condition condition = ConditionOf(rollup, report);
    rollup["declared"] = true;
    rollup["condition"] = condition.ToJson();
    rollup["state"] = condition.state;
    for (const char* internal : {"name", "root", "root_literal"}) rollup.erase(internal);
  }
  for (const json& rollup : HandWritten(report)) rollups.push_back(rollup);
  return rollups;
}

// How many ids were handed out for the events of all rollups.
long long EventsSoFar(const json& rollups) {
  std::map<std::string, long long> last;
  for (const json& rollup : rollups) {
    if (!rollup["over_events"].get<bool>() || rollup["events_behind"].is_null()) continue;
    long long& most = last[rollup["source"]];
    most = std::max(
        most, rollup["watermark"].get<long long>() + rollup["events_behind"].get<long long>());
  }
  long long sum = 0;
  for (const auto& [source, events] : last) sum += events;
  return sum;
}

json Jobs(const Report& report) {
  json jobs = report.sections["jobs"];
  for (json& job : jobs) job["state"] = job["last_status"] == "failed" ? "bad" : "ok";
  return jobs;
}

json Standby(const monitor::ServerState& state) {
  if (!state.standby) return nullptr;
  const std::string& through = state.replayed_through;
  return {{"replay_paused", state.replay_paused},
          {"connected", state.connected},
          {"replayed_through", through.empty() ? json(nullptr) : json(through)}};
}

json Rejects(Session& session) {
  const json sum =
      session.Rows("rows that loads rejected",
                   "SELECT coalesce(sum(rows), 0)::bigint AS rows FROM millrace.reject");
  return {{"rows", sum.empty() ? json(0) : sum[0]["rows"]},
          {"files", session.Rows("rows that loads rejected", kRejects)}};
}

// The warnings of the report, and what was asked after it and was not answered.
json Warnings(const Session& session, const Report& report) {
  std::vector<monitor::Warning> warnings = report.warnings;
  AppendNew(warnings, session.unanswered());
  json found = json::array();
  for (const monitor::Warning& warning : warnings) found.push_back(warning.ToJson());
  return found;
}

}  // namespace

// Measured over some seconds, because events come in batches.
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

json OperationsMaker::Make(Lookout& lookout, ConditionFinder& conditions) {
  json made;
  lookout.Look([&](Session& session, const Report& report) {
    conditions.Remember(report);
    const json& sections = report.sections;
    const json& server = sections["server"];
    const json has = session.Rows(
        "catalog", "SELECT to_regclass('millrace.rollups') IS NOT NULL AS there, " MILLRACE_ISO(
                       "now()") " AS now");
    const bool extension = !has.empty() && has[0]["there"].get<bool>();
    const json rollups = Rollups(report);
    made = {
        {"generated_at", has.empty() ? server["started_at"] : has[0]["now"]},
        {"server",
         {{"version", server["version"]},
          {"database", server["database"]},
          {"size_bytes", server["size_bytes"]},
          {"connections", server["connections"]},
          {"uptime_seconds", server["uptime_seconds"]},
          {"volumes", sections["volumes"]}}},
        {"ingest", {{"events_per_second", EventsPerSecond(EventsSoFar(rollups))}, {"state", "ok"}}},
        {"condition", ConditionOf(nullptr, report).ToJson()},
        {"standby", Standby(report.state)},
        {"rollups", rollups},
        {"refreshes", extension ? session.Rows("refreshes", kRefreshes) : json::array()},
        {"tables", Tables(session, report, lookout.monitor().memory())},
        {"kafka", sections["kafka"]},
        {"jobs", Jobs(report)},
        {"workers", session.Rows("workers", kWorkers)},
        {"rejects", extension ? Rejects(session) : json{{"rows", 0}, {"files", json::array()}}}};
    made["warnings"] = Warnings(session, report);
  });
  return made;
}

}  // namespace millrace::dashboard
