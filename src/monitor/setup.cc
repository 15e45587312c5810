#include "monitor/setup.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "client/text.h"
#include "monitor/setup_facts.h"

namespace millrace::monitor {
namespace {

using nlohmann::json;
using Kind = Step::Kind;

constexpr int kOldest = 15, kNewest = 18, kUntested = 16;

Check CheckVersion(const Facts& facts) {
  const int major = facts["version_num"].get<int>() / 10000;
  Check check = {
      "server version", CheckState::kFine,
      fmt::format("PostgreSQL {}, database {}, role {}", facts["version"].get<std::string>(),
                  facts["database"].get<std::string>(), facts["role"].get<std::string>())};
  if (major < kOldest || major > kNewest) {
    check.state = CheckState::kBroken;
    check.message = fmt::format("PostgreSQL {}; Millrace is made for {} to {}",
                                facts["version"].get<std::string>(), kOldest, kNewest);
    check.steps.push_back({Kind::kText, "Upgrade this server, or make one with `millrace up`"});
  } else if (major == kUntested) {
    check.state = CheckState::kWarning;
    check.message += fmt::format(". Millrace has not been tested on {}", kUntested);
  }
  return check;
}

bool Available(const Facts& facts, const char* extension) {
  const auto found = facts["extensions"].find(extension);
  return found != facts["extensions"].end() && !(*found)["available"].is_null();
}

Check CheckPreload(const Facts& facts, const ServerState& state) {
  Check check = {"shared_preload_libraries", CheckState::kFine,
                 "millrace is loaded when the server starts"};
  const auto setting = SettingOf(facts, "shared_preload_libraries");
  bool loaded = state.preloaded;
  if (setting) {
    const auto names = ListOf(*setting);
    loaded = std::find(names.begin(), names.end(), "millrace") != names.end();
  } else if (facts["extensions"].find("millrace") == facts["extensions"].end() ||
             facts["extensions"]["millrace"]["installed"].is_null()) {
    check.state = CheckState::kUnknown;
    check.message = "this role may not see what is loaded when the server starts";
    check.steps.push_back(
        {Kind::kSql, "GRANT pg_read_all_settings TO " + facts["role"].get<std::string>()});
    return check;
  }
  if (loaded) return check;
  check.state = CheckState::kBroken;
  check.message =
      "millrace is not loaded when the server starts: no rollup is refreshed in the background";
  if (setting && facts["settings"]["shared_preload_libraries"]["pending"].get<bool>()) {
    check.message += ". It was changed in a file, and the server has not been restarted since";
  } else if (!Available(facts, "millrace")) {
    // A server that is to load what is not there does not start.
    check.steps.push_back({Kind::kText, "Install the extension first, and run this again"});
    return check;
  } else if (setting) {
    check.steps.push_back(AddToList("shared_preload_libraries", *setting, "millrace"));
  } else {
    check.steps.push_back({Kind::kText, "Add millrace to shared_preload_libraries"});
  }
  check.steps.push_back(Restart(facts));
  return check;
}

// Nothing where only a superuser can see it.
std::vector<Check> CheckLibrary(const Facts& facts) {
  const json& changed = facts["library_changed"];
  if (changed.is_null()) return {};
  if (!changed.get<bool>()) {
    return {{"library", CheckState::kFine, "the server runs the one that is installed"}};
  }
  return {{"library",
           CheckState::kWarning,
           "millrace.so was installed after the server was started, which runs the one before",
           {Restart(facts)}}};
}

Check CheckBackground(const Facts& facts, const ServerState& state) {
  Check check = {"background processes", CheckState::kFine, "the launcher runs"};
  if (state.standby) {
    check.message = "none on a standby";
  } else if (!state.sees_workers) {
    check.state = CheckState::kUnknown;
    check.message = "this role may not see them";
    check.steps.push_back(
        {Kind::kSql, "GRANT pg_read_all_stats TO " + facts["role"].get<std::string>()});
  } else if (!state.launcher) {
    check.state = CheckState::kBroken;
    check.message = "the launcher does not run: no rollup is refreshed in the background";
    check.steps.push_back({Kind::kText, "The server's log says why"});
  }
  return check;
}

// Ours, and those of what is loaded beside us, which take their places from the same number as
// parallel queries.
Check CheckProcesses(const Facts& facts) {
  const int all = std::stoi(SettingOf(facts, "max_worker_processes").value_or("8"));
  const int parallel = std::stoi(SettingOf(facts, "max_parallel_workers").value_or("8"));
  int needed = 3;  // the launcher, a worker, a verification
  const auto names = ListOf(SettingOf(facts, "shared_preload_libraries").value_or(""));
  for (const auto& [library, processes] :
       {std::pair("pg_cron", 2), std::pair("pg_partman_bgw", 2), std::pair("citus", 2)}) {
    if (std::find(names.begin(), names.end(), library) != names.end()) needed += processes;
  }
  Check check = {"max_worker_processes", CheckState::kFine, fmt::format("{}", all)};
  if (all - std::min(parallel, all) >= needed) return check;
  check.state = CheckState::kWarning;
  check.message = fmt::format(
      "{}, of which parallel queries may take {}: too few may be left for {} background processes, "
      "and rollups wait",
      all, parallel, needed);
  check.steps.push_back({Kind::kSql, fmt::format("ALTER SYSTEM SET max_worker_processes = {}",
                                                 std::max(16, parallel + needed))});
  check.steps.push_back(Restart(facts));
  return check;
}

Check CheckLocks(const Facts& facts) {
  Check check = {"max_locks_per_transaction", CheckState::kFine, ""};
  const int each = std::stoi(SettingOf(facts, "max_locks_per_transaction").value_or("64"));
  const int sessions = std::stoi(SettingOf(facts, "max_connections").value_or("100"));
  check.message = fmt::format("{}", each);
  const json& biggest = facts["biggest"];
  // A statement over a table locks each partition and its indexes.
  const int locks = biggest.is_null() ? 0 : 3 * biggest["partitions"].get<int>();
  if (locks <= each * sessions / 4) return check;
  check.state = CheckState::kWarning;
  check.message =
      fmt::format("{}, and a statement over {} takes {} locks: a few of them at once fail", each,
                  biggest["name"].get<std::string>(), locks);
  check.steps.push_back({Kind::kSql, fmt::format("ALTER SYSTEM SET max_locks_per_transaction = {}",
                                                 std::max(1024, 8 * locks / sessions))});
  check.steps.push_back(Restart(facts));
  return check;
}

// Citus commits in two phases.
Check CheckPrepared(const Facts& facts) {
  Check check = {"max_prepared_transactions", CheckState::kFine, ""};
  const auto setting = SettingOf(facts, "max_prepared_transactions").value_or("0");
  check.message = setting;
  const json& extensions = facts["extensions"];
  const bool citus = extensions.contains("citus") && !extensions["citus"]["installed"].is_null();
  if (!citus || setting != "0") return check;
  check.state = CheckState::kBroken;
  check.message = "0, and Citus commits on several nodes in two phases";
  check.steps.push_back({Kind::kSql, "ALTER SYSTEM SET max_prepared_transactions = 100"});
  check.steps.push_back(Restart(facts));
  return check;
}

Check CheckRights(const Facts& facts, const ServerState& state) {
  const std::string role = facts["role"];
  Check check = {"rights", CheckState::kFine,
                 fmt::format("role {} can make tables and declare rollups", role)};
  if (facts["superuser"].get<bool>()) {
    check.state = CheckState::kOptional;
    check.message = fmt::format(
        "role {} is a superuser. Rollups are refreshed as the owner of their table: give tables "
        "and rollups to a role that is none",
        role);
  } else if (!state.standby && !facts["may_create"].get<bool>()) {
    check.state = CheckState::kWarning;
    check.message =
        fmt::format("role {} may make no tables in any schema, and so declare no rollup", role);
    check.steps.push_back({Kind::kSql, "GRANT CREATE ON SCHEMA public TO " + role});
  }
  return check;
}

CheckState StateOf(const Warning& warning) {
  if (warning.code == "not_checked") return CheckState::kUnknown;
  switch (warning.severity) {
    case Severity::kCritical:
      return CheckState::kBroken;
    case Severity::kWarning:
      return CheckState::kWarning;
    default:
      return CheckState::kFine;
  }
}

void AddWarnings(const Report& report, std::vector<Check>& checks) {
  std::vector<Warning> warnings = report.warnings;
  AppendNew(warnings, JudgeWorker(report.state));
  for (const Warning& warning : warnings) {
    Check check = {warning.code, StateOf(warning), warning.message};
    if (!warning.hint.empty()) check.steps.push_back({Kind::kText, warning.hint});
    checks.push_back(check);
  }
}

}  // namespace

const char* NameOf(CheckState state) {
  static constexpr const char* kNames[] = {"ok", "optional", "unknown", "warning", "broken"};
  return kNames[static_cast<int>(state)];
}

const char* NameOf(Step::Kind kind) {
  static constexpr const char* kNames[] = {"psql", "sh", "do"};
  return kNames[static_cast<int>(kind)];
}

std::vector<Check> CheckServer(Connection& connection, Deadline deadline) {
  Session session(connection, deadline);
  const Facts facts = LookAtSetup(session);
  if (facts.is_null()) {
    return {{"server version", CheckState::kUnknown, session.unanswered().back().message}};
  }
  std::vector<Check> checks = {CheckVersion(facts)};
  if (checks.front().state == CheckState::kBroken) return checks;
  Monitor monitor;
  const Report report = monitor.Examine(session);
  const auto add = [&checks](const std::vector<Check>& more) {
    checks.insert(checks.end(), more.begin(), more.end());
  };
  add(CheckExtensions(facts));
  add({CheckPreload(facts, report.state)});
  if (checks.back().state == CheckState::kFine) {
    add(CheckLibrary(facts));
    add({CheckBackground(facts, report.state)});
  }
  add({CheckProcesses(facts), CheckLocks(facts), CheckPrepared(facts),
       CheckRights(facts, report.state)});
  add(CheckCron(facts));
  add(CheckPartman(session, facts));
  AddWarnings(report, checks);
  return checks;
}

}  // namespace millrace::monitor
