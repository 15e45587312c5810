#include "monitor/warning.h"

#include <algorithm>

namespace millrace::monitor {
namespace {

constexpr const char* kCodes[] = {"dense_published",
                                  "disk_low",
                                  "failed_events",
                                  "id_runs_out",
                                  "job_failing",
                                  "kafka_behind",
                                  "kafka_gap",
                                  "kafka_rejects",
                                  "kafka_stopped",
                                  "no_worker",
                                  "node_down",
                                  "not_checked",
                                  "old_row_versions",
                                  "partition_maintenance_fails",
                                  "partitions_end_soon",
                                  "replay_paused",
                                  "rollup_behind",
                                  "rollup_differs",
                                  "rollup_failing",
                                  "rollup_paused",
                                  "rows_in_default",
                                  "standby",
                                  "standby_disconnected",
                                  "standby_lags",
                                  "worker_off",
                                  "worker_starved",
                                  "xid_age"};

nlohmann::json OrNull(const std::string& text) {
  return text.empty() ? nlohmann::json(nullptr) : nlohmann::json(text);
}

}  // namespace

const char* NameOf(Severity severity) {
  switch (severity) {
    case Severity::kInformation:
      return "information";
    case Severity::kWarning:
      return "warning";
    default:
      return "critical";
  }
}

nlohmann::json Warning::ToJson() const {
  return {{"code", code},
          {"severity", NameOf(severity)},
          {"database", OrNull(database)},
          {"object", OrNull(object)},
          {"message", message},
          {"hint", OrNull(hint)},
          {"since", OrNull(since)}};
}

std::string Warning::ToText() const { return message + "." + (hint.empty() ? "" : " " + hint); }

std::span<const char* const> Codes() { return kCodes; }

void AppendNew(std::vector<Warning>& to, const std::vector<Warning>& more) {
  for (const Warning& one : more) {
    auto is_same = [&](const Warning& other) {
      return other.code == one.code && other.object == one.object && other.message == one.message;
    };
    if (std::none_of(to.begin(), to.end(), is_same)) to.push_back(one);
  }
}

void SortWorstFirst(std::vector<Warning>& warnings) {
  std::stable_sort(warnings.begin(), warnings.end(),
                   [](const Warning& a, const Warning& b) { return a.severity > b.severity; });
}

}  // namespace millrace::monitor
