#include "monitor/rollups.h"

#include <fmt/format.h>

#include <algorithm>

#include "client/text.h"

namespace millrace::monitor {
namespace {

using nlohmann::json;

constexpr double kFewIntervals = 3;
constexpr double kLeastPatience = 10;  // seconds
// If there are not enough processes, databases take turns. Then worker_starved says that this
// database has no worker at the moment.
constexpr double kTurnPatience = 60;  // seconds
// When rollups are asked about one by one, each waits at most this long for a lock, because there
// are others to ask about.
constexpr std::chrono::milliseconds kLockOfOne{100};

// {sizes}: further columns. Columns that an older extension does not have are NULL.
constexpr const char* kRollups =
    "SELECT format('%I.%I', n.nspname, c.relname) AS name, root.root, quote_literal(root.root) AS "
    "root_literal, root.root = r.rollup::text AS over_events, r.rollup::text AS rollup, "
    "r.source::text AS source, r.watermark, r.events_behind, r.seconds_behind, " 
    MILLRACE_ISO("r.complete_through") " AS complete_through, "
    "extract(epoch FROM r.refresh_interval)::float8 AS refresh_interval_seconds, r.paused, "
    MILLRACE_ISO("r.refreshed_at") " AS last_refresh, "
    "(extract(epoch FROM r.duration) * 1000)::float8 AS duration_ms, r.last_error, "
    MILLRACE_ISO("r.failed_at") " AS failed_at, " MILLRACE_ISO("r.retry_at") " AS retry_at, r.waits_for, "
    "coalesce((to_jsonb(r)->>'failed_events')::bigint, 0) AS failed_events, "
    "coalesce((to_jsonb(r)->>'failed_refreshes')::bigint, 0) AS failed_refreshes, "
    MILLRACE_ISO("(to_jsonb(r)->>'verified_through')::timestamptz") " AS verified_through, "
    MILLRACE_ISO("(to_jsonb(r)->>'verified_at')::timestamptz") " AS verified_at, "
    "coalesce((to_jsonb(r)->>'differences')::bigint, 0) AS differences {sizes} "
    "FROM millrace.rollups r CROSS JOIN LATERAL (WITH RECURSIVE up AS ("
    "SELECT relation, parent FROM millrace.rollup WHERE relation = r.rollup UNION ALL "
    "SELECT p.relation, p.parent FROM millrace.rollup p JOIN up ON p.relation = up.parent) "
    "SELECT relation::text AS root FROM up WHERE parent IS NULL) root "
    "JOIN pg_class c ON c.oid = r.rollup JOIN pg_namespace n ON n.oid = c.relnamespace "
    "CROSS JOIN LATERAL (SELECT pg_stat_get_live_tuples(c.oid) AS n_live_tup) t ";

// A table that was never analyzed has an estimate of its rows only if all of them came since
// statistics are kept. Shards are on other nodes.
constexpr const char* kSizes =
    ", CASE WHEN c.oid NOT IN " MILLRACE_LOCKED
    " THEN pg_total_relation_size(c.oid) END AS size_bytes, "
    "CASE WHEN r.rows IS NULL THEN NULL "
    "WHEN greatest(c.reltuples, t.n_live_tup) > 0 THEN greatest(c.reltuples, t.n_live_tup)::bigint "
    "WHEN c.reltuples >= 0 THEN 0 "
    "WHEN c.oid NOT IN " MILLRACE_LOCKED " AND pg_relation_size(c.oid) = 0 THEN 0 END AS rows";

std::string Text(const json& value) {
  return value.is_null() ? std::string() : value.get<std::string>();
}

}  // namespace

std::string RollupsSql(bool sizes, const std::string& which) {
  return fmt::format(fmt::runtime(kRollups), fmt::arg("sizes", sizes ? kSizes : "")) +
         (which.empty() ? "" : "WHERE " + which) + " ORDER BY r.rollup::text";
}

json LookAtRollups(Session& session) {
  if (auto rows = session.Try(RollupsSql(true))) return *rows;
  // One by one.
  const json names = session.Rows(
      "declared rollups",
      "SELECT relation::oid::text AS oid, relation::text AS name FROM millrace.rollup ORDER BY 2");
  json rows = json::array();
  session.LimitLocks(kLockOfOne);
  for (const json& name : names) {
    const std::string oid = name["oid"];
    const json found =
        session.Rows("rollup " + name["name"].get<std::string>(),
                     RollupsSql(true, "r.rollup = $1::oid::regclass"), {oid.c_str()});
    rows.insert(rows.end(), found.begin(), found.end());
  }
  session.LimitLocks(Limits().lock);
  return rows;
}

double PatienceOf(const json& rollup) {
  const json& interval = rollup["refresh_interval_seconds"];
  return std::max(kLeastPatience, kFewIntervals * interval.get<double>());
}

namespace {

// No worker refreshes the rollup.
Warning NoWorker(const json& rollup, const ServerState& state) {
  Warning warning = {"no_worker", Severity::kCritical, "", "", "", Text(rollup["last_refresh"])};
  warning.database = state.database;
  if (!state.preloaded) {
    warning.message =
        "No worker of Millrace runs, and rollups are behind: millrace is not in "
        "shared_preload_libraries";
    warning.hint = "Add it there, and restart the server";
  } else {
    warning.message = fmt::format(
        "No worker of Millrace runs in database {}, and rollups are behind: nothing is refreshed",
        state.database);
    warning.hint = "The server's log says why";
  }
  return warning;
}

Warning Behind(const json& rollup, double seconds) {
  const std::string root = rollup["root"];
  std::string message =
      fmt::format("Rollup {} is far behind, for {}", root, FormatDuration(seconds));
  std::string hint;
  if (!rollup["waits_for"].is_null()) {
    message += fmt::format(". It waits for {} to end", rollup["waits_for"].get<std::string>());
    hint = "pg_stat_activity shows what a process does, SELECT pg_terminate_backend(pid) ends it";
  } else {
    hint = "millrace.refresh_progress shows refreshes at work";
  }
  return {
      "rollup_behind", Severity::kWarning, root, message, hint, Text(rollup["complete_through"])};
}

Warning Failing(const json& rollup) {
  const std::string why = rollup["last_error"].is_null()
                              ? "why is shown to members of pg_read_all_stats and to its owner"
                              : rollup["last_error"].get<std::string>();
  return {"rollup_failing",
          Severity::kCritical,
          rollup["root"],
          fmt::format("Rollup {} cannot be refreshed: {}", rollup["root"].get<std::string>(), why),
          fmt::format("SELECT millrace.refresh_rollup({}) tries it now",
                      rollup["root_literal"].get<std::string>()),
          Text(rollup["last_refresh"])};
}

}  // namespace

std::vector<Warning> JudgeRollup(const json& rollup, const ServerState& state, Memory& memory) {
  const std::string root = rollup["root"], literal = rollup["root_literal"];
  const bool paused = rollup["paused"];
  std::vector<Warning> found;
  if (!rollup["failed_at"].is_null()) found.push_back(Failing(rollup));
  if (paused) {
    found.push_back({"rollup_paused", Severity::kWarning, root,
                     fmt::format("Rollup {} is paused", root),
                     fmt::format("SELECT millrace.resume_rollup({}) lets it go on", literal),
                     Text(rollup["last_refresh"])});
  } else {
    const double behind = memory.SecondsBehind(rollup).value_or(0);
    AppendNew(found, JudgeWorker(state));
    if (behind > PatienceOf(rollup)) {
      const bool missing = state.worker_enabled && state.has_no_worker();
      if (missing && (!state.starved || behind > kTurnPatience)) {
        found.push_back(NoWorker(rollup, state));
      }
      found.push_back(Behind(rollup, behind));
    }
  }
  if (rollup["differences"] > 0) {
    const std::string name = rollup["rollup"];
    found.push_back(
        {"rollup_differs", Severity::kCritical, name,
         fmt::format("{} found by verification in rollup {}",
                     FormatCount(rollup["differences"], "difference", "differences"), name),
         "millrace.differences lists them, millrace.rebuild_rollup mends them", ""});
  }
  if (rollup["failed_events"] > 0) {
    found.push_back(
        {"failed_events", Severity::kWarning, root,
         fmt::format("{} set aside and not counted in rollup {}",
                     FormatCount(rollup["failed_events"], "event is", "events are"), root),
         fmt::format(
             "millrace.failed_events says why; SELECT millrace.retry_failed_events({}) takes "
             "them in after a repair",
             literal),
         ""});
  }
  for (Warning& warning : found) {
    if (warning.database.empty()) warning.database = state.database;
  }
  SortWorstFirst(found);
  return found;
}

}  // namespace millrace::monitor
