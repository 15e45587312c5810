#include "dashboard/condition.h"

#include <algorithm>
#include <map>

#include "monitor/rollups.h"

namespace millrace::dashboard {
namespace {

using monitor::Severity;
using monitor::Warning;
using nlohmann::json;

// The page's word for a warning that keeps figures from being current or right. The operations view
// shows the other warnings.
const char* KindOf(const std::string& code) {
  static const std::map<std::string, const char*> kinds = {
      {"rollup_failing", "failing"},
      {"no_worker", "no_worker"},
      {"worker_off", "no_worker"},
      {"rollup_paused", "paused"},
      {"rollup_behind", "behind"},
      {"replay_paused", "replay_paused"},
      {"standby_disconnected", "disconnected"},
      {"standby_lags", "behind"},
      {"rollup_differs", "differing"},
      {"failed_events", "set_aside"},
  };
  const auto found = kinds.find(code);
  return found == kinds.end() ? nullptr : found->second;
}

bool IsAboutRollup(const Warning& warning) {
  return warning.code != "no_worker" && warning.code != "worker_off" && !warning.object.empty();
}

Condition Told(const Warning& warning, const json& rollup) {
  Condition condition;
  condition.kind = KindOf(warning.code);
  condition.state = warning.severity == Severity::kCritical ? "bad" : "warning";
  condition.rollup = warning.object;
  condition.message = warning.ToText();
  if (!warning.since.empty()) condition.since = warning.since;
  if (warning.code == "rollup_failing" && !rollup.is_null()) {
    condition.retry_at = rollup["retry_at"];
  }
  return condition;
}

Condition Well(const monitor::ServerState& server, bool declared) {
  Condition condition;
  condition.kind = server.standby ? "standby" : declared ? "live" : "unknown";
  return condition;
}

// The first warning that the page has a word for; the worst comes first.
const Warning* WorstOf(const std::vector<Warning>& warnings) {
  const auto found = std::find_if(warnings.begin(), warnings.end(), [](const Warning& warning) {
    return KindOf(warning.code) != nullptr;
  });
  return found == warnings.end() ? nullptr : &*found;
}

// Whether a warning is about this rollup or the one it follows, or about what refreshes it.
bool Concerns(const Warning& warning, const json& rollup) {
  if (!IsAboutRollup(warning)) {
    const bool about_worker = warning.code == "no_worker" || warning.code == "worker_off";
    return !about_worker || !rollup["paused"].get<bool>();
  }
  // Debian 13's JSON library has no comparison of a string with a JSON value in this order.
  const json& name = warning.code == "rollup_differs" ? rollup["rollup"] : rollup["root"];
  return name == warning.object;
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

Condition ConditionOf(const json& rollup, const monitor::Report& report) {
  const json& rows = report.sections["declared"];
  for (const Warning& warning : report.warnings) {
    if (KindOf(warning.code) == nullptr) continue;
    if (!rollup.is_null() && !Concerns(warning, rollup)) continue;
    const auto row = std::find_if(rows.begin(), rows.end(), [&](const json& each) {
      return each["rollup"] == warning.object;
    });
    return Told(warning, row == rows.end() ? json(nullptr) : *row);
  }
  return Well(report.state, !rollup.is_null() || !rows.empty());
}

void ConditionFinder::Remember(const monitor::Report& report) {
  const std::lock_guard lock(mutex_);
  everywhere_ = report.warnings;
}

Standing ConditionFinder::Find(Database::Snapshot& snapshot, const RollupTable* table) {
  Standing standing;
  const bool has_worker_state = snapshot.Row(
      "SELECT to_regprocedure('millrace.worker_state()') IS NOT NULL AS there")["there"];
  standing.server =
      monitor::ReadServerState(snapshot.Row(monitor::ServerStateSql(has_worker_state)));
  std::vector<Warning> own = monitor::JudgeStandby(standing.server);
  json rollup;
  if (table != nullptr && !table->live.empty()) {
    const json rows = snapshot.Rows(monitor::RollupsSql(false, "r.rollup = to_regclass($1)"),
                                    {table->name.c_str()});
    if (!rows.empty()) rollup = rows[0];
  }
  if (!rollup.is_null()) {
    monitor_.memory().NoteCaughtUp(rollup);
    standing.known = true;
    standing.behind =
        rollup["events_behind"].is_null() ? 1 : rollup["events_behind"].get<long long>();
    standing.watermark = rollup["watermark"].dump();
    if (!rollup["complete_through"].is_null())
      standing.complete_through = rollup["complete_through"];
    AppendNew(own, monitor::JudgeRollup(rollup, standing.server, monitor_.memory()));
  }
  SortWorstFirst(own);
  const Warning* worst = WorstOf(own);
  standing.condition =
      worst == nullptr ? Well(standing.server, standing.known) : Told(*worst, rollup);
  {
    // The warnings of the last look, without those that are about what is known better by now.
    const std::lock_guard lock(mutex_);
    for (const Warning& warning : everywhere_) {
      const bool holds = warning.code == "no_worker"    ? standing.server.has_no_worker()
                         : warning.code == "worker_off" ? !standing.server.worker_enabled
                         : IsAboutRollup(warning) ? !standing.known || !Concerns(warning, rollup)
                                                  : false;
      if (holds) AppendNew(own, {warning});
    }
  }
  for (const Warning& warning : own) {
    const bool told = worst != nullptr && warning.ToText() == standing.condition.message;
    if (!told && KindOf(warning.code) != nullptr) standing.warnings.push_back(warning.ToText());
  }
  return standing;
}

}  // namespace millrace::dashboard
