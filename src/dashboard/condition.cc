#include "dashboard/condition.h"

#include <fmt/format.h>

#include <algorithm>

namespace millrace::dashboard {
namespace {

using nlohmann::json;

// A rollup is far behind after so many of its intervals, and not before kPatience.
constexpr int kFewIntervals = 5;
constexpr double kPatience = 15;
// A worker that was ended is replaced by another within seconds.
constexpr std::chrono::seconds kWithoutWorker{10};
// The other rollups are looked at so often.
constexpr std::chrono::seconds kLookAgain{5};

// Times as RFC 3339.
#define ISO(expression) "to_char(" expression ", 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"')"

// {columns}: further ones. Columns that an older extension does not have are NULL.
constexpr const char* kRollups =
    "SELECT format('%I.%I', n.nspname, c.relname) AS name, root.root, quote_literal(root.root) AS "
    "root_literal, r.rollup::text AS rollup, r.source::text AS source, true AS declared, "
    "r.watermark::text AS watermark, r.events_behind, r.seconds_behind, " 
    ISO("r.complete_through") " AS complete_through, "
    "extract(epoch FROM r.refresh_interval)::float8 AS refresh_interval_seconds, r.paused, "
    ISO("r.refreshed_at") " AS last_refresh, "
    "(extract(epoch FROM r.duration) * 1000)::float8 AS duration_ms, r.last_error, "
    ISO("r.failed_at") " AS failed_at, " ISO("r.retry_at") " AS retry_at, r.waits_for, "
    "coalesce((to_jsonb(r)->>'failed_events')::bigint, 0) AS failed_events, "
    ISO("(to_jsonb(r)->>'verified_through')::timestamptz") " AS verified_through, "
    ISO("(to_jsonb(r)->>'verified_at')::timestamptz") " AS verified_at, "
    "coalesce((to_jsonb(r)->>'differences')::bigint, 0) AS differences {columns} "
    "FROM millrace.rollups r CROSS JOIN LATERAL (WITH RECURSIVE up AS ("
    "SELECT relation, parent FROM millrace.rollup WHERE relation = r.rollup UNION ALL "
    "SELECT p.relation, p.parent FROM millrace.rollup p JOIN up ON p.relation = up.parent) "
    "SELECT relation::text AS root FROM up WHERE parent IS NULL) root "
    "JOIN pg_class c ON c.oid = r.rollup JOIN pg_namespace n ON n.oid = c.relnamespace "
    "LEFT JOIN pg_stat_user_tables t ON t.relid = c.oid ";

// A table that was never analyzed has no estimate of its rows, unless all of them came in since
// statistics are kept. Shards are elsewhere.
constexpr const char* kSizes =
    ", pg_total_relation_size(r.rollup) AS size_bytes, "
    "CASE WHEN r.rows IS NULL THEN NULL "
    "WHEN greatest(c.reltuples, t.n_live_tup) > 0 THEN greatest(c.reltuples, t.n_live_tup)::bigint "
    "WHEN c.reltuples >= 0 OR pg_relation_size(c.oid) = 0 THEN 0 END AS rows";

// Whoever may not see other sessions sees no worker either. A standby that gets its log from an
// archive has no primary to be connected to.
constexpr const char* kServer =
    "SELECT s.standby, "
    "CASE WHEN s.standby THEN pg_get_wal_replay_pause_state() <> 'not paused' ELSE false END AS "
    "replay_paused, "
    "CASE WHEN s.standby THEN " ISO("pg_last_xact_replay_timestamp()") " END AS replayed_through, "
    "NOT s.standby OR EXISTS (SELECT FROM pg_stat_wal_receiver w WHERE w.status IS NULL OR w.status "
    "= 'streaming') OR NOT EXISTS (SELECT FROM pg_settings WHERE name = 'primary_conninfo' AND "
    "setting <> '') AS connected, "
    "CASE WHEN s.standby THEN coalesce(pg_last_wal_replay_lsn() < pg_last_wal_receive_lsn() AND "
    "pg_last_xact_replay_timestamp() < clock_timestamp() - interval '15 seconds', false) "
    "ELSE false END AS lags, "
    "pg_has_role('pg_read_all_stats', 'USAGE') AS sees_workers, "
    "coalesce(current_setting('millrace.enable_worker', true), 'on') = 'on' AS enabled, "
    "EXISTS (SELECT FROM pg_stat_activity WHERE backend_type = 'millrace launcher') AS launcher, "
    "EXISTS (SELECT FROM pg_stat_activity WHERE backend_type = 'millrace worker' "
    "AND datname = current_database()) AS worker "
    "FROM (SELECT pg_is_in_recovery() AS standby) s";

#undef ISO

bool HasExtension(Database::Snapshot& snapshot) {
  return snapshot.Row("SELECT to_regclass('millrace.rollups') IS NOT NULL AS there")["there"];
}

std::string RollupsSql(const char* columns, const char* rest) {
  return fmt::format(fmt::runtime(kRollups), fmt::arg("columns", columns)) + rest;
}

std::string TextOr(const json& value, const char* otherwise) {
  return value.is_null() ? otherwise : value.get<std::string>();
}

std::vector<Condition> OfStandby(const Replication& replication) {
  std::vector<Condition> found;
  auto add = [&](const char* kind, const char* message) {
    const json through =
        replication.replayed_through.empty() ? json(nullptr) : json(replication.replayed_through);
    found.push_back({kind, "warning", "", message, through, nullptr});
  };
  if (replication.replay_paused) {
    add("replay_paused",
        "This is a standby whose replay is paused: what was committed since is not here. SELECT "
        "pg_wal_replay_resume() lets it go on.");
  }
  if (!replication.connected) {
    add("disconnected",
        "This is a standby that is not connected to its primary: what was committed since is not "
        "here.");
  }
  if (replication.lags && !replication.replay_paused) {
    add("behind", "This is a standby that has not replayed all that it has received.");
  }
  return found;
}

void SortWorstFirst(std::vector<Condition>& conditions) {
  std::stable_sort(
      conditions.begin(), conditions.end(),
      [](const Condition& a, const Condition& b) { return a.severity() > b.severity(); });
}

// Those that are not there yet: rollups share roots, and all of them the worker.
void AppendNew(std::vector<Condition>& to, const std::vector<Condition>& more) {
  for (const Condition& one : more) {
    auto is_same = [&](const Condition& other) { return other.message == one.message; };
    if (std::none_of(to.begin(), to.end(), is_same)) to.push_back(one);
  }
}

Condition Well(const Replication& replication, bool declared) {
  Condition condition;
  condition.kind = replication.standby ? "standby" : declared ? "live" : "unknown";
  return condition;
}

}  // namespace

json Condition::ToJson() const {
  return {{"kind", kind},
          {"state", state},
          {"rollup", rollup.empty() ? json(nullptr) : json(rollup)},
          {"message", message},
          {"since", since},
          {"retry_at", retry_at}};
}

json Replication::ToJson() const {
  if (!standby) return nullptr;
  return {{"replay_paused", replay_paused},
          {"connected", connected},
          {"replayed_through", replayed_through.empty() ? json(nullptr) : json(replayed_through)}};
}

struct ConditionFinder::Server {
  Replication replication;
  bool worker_is_missing = false;
  bool enabled = true;    // millrace.enable_worker
  bool preloaded = true;  // or that is not known
};

ConditionFinder::Server ConditionFinder::LookAtServer(Database::Snapshot& snapshot) {
  const json row = snapshot.Row(kServer);
  Server server;
  server.replication = {row["standby"], row["replay_paused"], row["connected"], row["lags"],
                        TextOr(row["replayed_through"], "")};
  server.enabled = row["enabled"];
  const bool sees = row["sees_workers"];
  server.preloaded = !sees || row["launcher"];
  const bool missing =
      sees && server.preloaded && !row["worker"].get<bool>() && !server.replication.standby;
  const auto now = Clock::now();
  const std::lock_guard lock(mutex_);
  if (!missing) {
    no_worker_.reset();
  } else if (!no_worker_) {
    no_worker_ = now;
  }
  server.worker_is_missing = missing && (!server.enabled || now - *no_worker_ >= kWithoutWorker);
  return server;
}

void ConditionFinder::NoteCaughtUp(const json& rollup) {
  const bool caught_up = rollup["events_behind"] == 0;
  const Seen now = {Clock::now(), caught_up};
  const std::lock_guard lock(mutex_);
  const auto [found, added] = seen_.emplace(rollup["name"], now);
  if (!added && caught_up) found->second = now;
}

// Events that were there all the time, and not since somebody looked who saw none.
bool ConditionFinder::IsFarBehind(const json& rollup) {
  if (rollup["events_behind"].is_null() || rollup["events_behind"] == 0) return false;
  Seen seen;
  {
    const std::lock_guard lock(mutex_);
    seen = seen_.at(rollup["name"]);
  }
  const double watched = std::chrono::duration<double>(Clock::now() - seen.time).count();
  const json& told = rollup["seconds_behind"];
  double seconds = told.is_null() ? watched : told.get<double>();
  if (seen.caught_up) seconds = std::min(seconds, watched);
  const json& interval = rollup["refresh_interval_seconds"];
  return seconds > std::max(kPatience, kFewIntervals * interval.get<double>());
}

std::vector<Condition> ConditionFinder::ConditionsOf(const json& rollup, const Server& server) {
  // What is said of a rollup goes for those over it.
  const std::string name = rollup["root"];
  const json& refreshed = rollup["last_refresh"];
  std::vector<Condition> found;
  auto add = [&](const char* kind, const char* state, std::string message, const json& since) {
    found.push_back({kind, state, name, std::move(message), since, nullptr});
  };
  if (!rollup["failed_at"].is_null()) {
    add("failing", "bad",
        fmt::format("Rollup {} cannot be refreshed: {}", name,
                    TextOr(rollup["last_error"],
                           "why is shown to members of pg_read_all_stats and to its owner")),
        refreshed);
    found.back().retry_at = rollup["retry_at"];
  }
  const bool paused = rollup["paused"];
  if (paused) {
    add("paused", "warning",
        fmt::format("Rollup {} is paused: SELECT millrace.resume_rollup({}) lets it go on.", name,
                    rollup["root_literal"].get<std::string>()),
        refreshed);
  } else if (server.worker_is_missing) {
    add("no_worker", "bad",
        server.enabled ? "No worker of Millrace runs in this database: nothing is refreshed. The "
                         "server's log says why."
                       : "Millrace's worker is switched off (millrace.enable_worker): nothing is "
                         "refreshed.",
        refreshed);
    found.back().rollup = "";
  }
  if (!paused && IsFarBehind(rollup)) {
    std::string message = fmt::format("Rollup {} is far behind.", name);
    if (!rollup["waits_for"].is_null()) {
      message += fmt::format(" It waits for {} to end.", rollup["waits_for"].get<std::string>());
    }
    if (!server.preloaded) {
      message += " No worker refreshes it: millrace is not in shared_preload_libraries.";
    }
    add("behind", "warning", message, rollup["complete_through"]);
  }
  if (rollup["differences"] > 0) {
    add("differing", "bad",
        fmt::format("{} differences found by verification in rollup {}: millrace.differences lists "
                    "them, millrace.rebuild_rollup mends them.",
                    rollup["differences"].dump(), rollup["rollup"].get<std::string>()),
        nullptr);
    found.back().rollup = rollup["rollup"];
  }
  if (rollup["failed_events"] > 0) {
    add("set_aside", "warning",
        fmt::format("{} events are set aside and not counted in rollup {}: millrace.failed_events "
                    "says why.",
                    rollup["failed_events"].dump(), name),
        nullptr);
  }
  SortWorstFirst(found);
  return found;
}

RollupStates ConditionFinder::FindAll(Database::Snapshot& snapshot) {
  const Server server = LookAtServer(snapshot);
  RollupStates states;
  states.replication = server.replication;
  states.rollups = HasExtension(snapshot)
                       ? snapshot.Rows(RollupsSql(kSizes, "ORDER BY r.rollup::text"))
                       : json::array();
  states.conditions = OfStandby(server.replication);
  for (json& rollup : states.rollups) {
    NoteCaughtUp(rollup);
    const std::vector<Condition> found = ConditionsOf(rollup, server);
    const Condition own = found.empty() ? Well(server.replication, true) : found[0];
    rollup["condition"] = own.ToJson();
    rollup["state"] = own.state;
    AppendNew(states.conditions, found);
    for (const char* internal : {"name", "root", "root_literal", "watermark"}) {
      rollup.erase(internal);
    }
  }
  SortWorstFirst(states.conditions);
  states.condition = states.conditions.empty() ? Well(server.replication, !states.rollups.empty())
                                               : states.conditions[0];
  return states;
}

std::vector<Condition> ConditionFinder::Everywhere(Database::Snapshot& snapshot) {
  {
    const std::lock_guard lock(mutex_);
    if (Clock::now() < everywhere_expires_) return everywhere_;
  }
  std::vector<Condition> found = FindAll(snapshot).conditions;
  const std::lock_guard lock(mutex_);
  everywhere_ = found;
  everywhere_expires_ = Clock::now() + kLookAgain;
  return found;
}

Standing ConditionFinder::Find(Database::Snapshot& snapshot, const RollupTable* table) {
  const Server server = LookAtServer(snapshot);
  Standing standing;
  standing.replication = server.replication;
  std::vector<Condition> own = OfStandby(server.replication);
  std::string name, root;
  if (table != nullptr && !table->live.empty()) {
    const json rows =
        snapshot.Rows(RollupsSql("", "WHERE r.rollup = to_regclass($1)"), {table->name.c_str()});
    if (!rows.empty()) {
      const json& rollup = rows[0];
      NoteCaughtUp(rollup);
      standing.known = true;
      name = rollup["rollup"];
      root = rollup["root"];
      standing.behind =
          rollup["events_behind"].is_null() ? 1 : rollup["events_behind"].get<long long>();
      standing.watermark = rollup["watermark"];
      standing.complete_through = TextOr(rollup["complete_through"], "");
      AppendNew(own, ConditionsOf(rollup, server));
    }
  }
  SortWorstFirst(own);
  standing.condition = own.empty() ? Well(server.replication, standing.known) : own[0];
  // Those of a while ago: what is known better by now is left out.
  for (const Condition& condition : Everywhere(snapshot)) {
    const bool about_server = condition.rollup.empty();
    const std::string& judged = condition.kind == "differing" ? name : root;
    const bool known = about_server ? condition.kind != "no_worker" || !server.worker_is_missing
                                    : standing.known && condition.rollup == judged;
    if (!known) AppendNew(own, {condition});
  }
  for (const Condition& condition : own) {
    // That one is said by itself.
    if (condition.message != standing.condition.message) {
      standing.warnings.push_back(condition.message);
    }
  }
  return standing;
}

}  // namespace millrace::dashboard
