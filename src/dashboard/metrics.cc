#include "dashboard/metrics.h"

#include <fmt/format.h>

#include <cstdio>
#include <ctime>
#include <string_view>

namespace millrace::dashboard {
namespace {

using nlohmann::json;

std::string EscapeLabel(const std::string& value) {
  std::string escaped;
  for (const char c : value) {
    if (c == '\\' || c == '"') escaped += '\\';
    if (c == '\n') {
      escaped += "\\n";
    } else {
      escaped += c;
    }
  }
  return escaped;
}

class Metrics {
 public:
  // Begins a metric; its samples follow.
  void Begin(std::string_view name, std::string_view type, std::string_view help) {
    name_ = name;
    text_ += fmt::format("# HELP {0} {2}\n# TYPE {0} {1}\n", name, type, help);
  }
  void Sample(const json& value) {
    if (!value.is_null()) text_ += fmt::format("{} {}\n", name_, value.dump());
  }
  void Sample(const char* label, const json& label_value, const json& value) {
    if (value.is_null()) return;
    const std::string labelled =
        label_value.is_string() ? label_value.get<std::string>() : label_value.dump();
    text_ += fmt::format("{}{{{}=\"{}\"}} {}\n", name_, label, EscapeLabel(labelled), value.dump());
  }
  // A sample for each object, of one of its fields.
  void Samples(const json& objects, const char* label, const char* field) {
    for (const json& object : objects) Sample(label, object[label], object[field]);
  }
  std::string text() && { return std::move(text_); }

 private:
  std::string name_;
  std::string text_;
};

// Seconds since 1970 of a time as RFC 3339 in UTC; null of null.
json Seconds(const json& time) {
  if (time.is_null()) return nullptr;
  std::tm parts = {};
  double seconds = 0;
  if (std::sscanf(time.get<std::string>().c_str(), "%d-%d-%dT%d:%d:%lf", &parts.tm_year,
                  &parts.tm_mon, &parts.tm_mday, &parts.tm_hour, &parts.tm_min, &seconds) != 6) {
    return nullptr;
  }
  parts.tm_year -= 1900;
  parts.tm_mon -= 1;
  return static_cast<double>(timegm(&parts)) + seconds;
}

// A sample for each rollup: 1 where `is` says so.
template <typename Is>
void AddFlag(Metrics& metrics, const json& rollups, const char* name, const char* help, Is is) {
  metrics.Begin(name, "gauge", help);
  for (const json& rollup : rollups) metrics.Sample("rollup", rollup["rollup"], is(rollup) ? 1 : 0);
}

// Whether the figures are current and right.
void AddConditions(Metrics& metrics, const json& operations) {
  const json& rollups = operations["rollups"];
  AddFlag(metrics, rollups, "millrace_rollup_failing", "1 while the last refresh has failed.",
          [](const json& rollup) { return !rollup["failed_at"].is_null(); });
  AddFlag(metrics, rollups, "millrace_rollup_paused", "1 while it is not refreshed, as was asked.",
          [](const json& rollup) { return rollup["paused"].get<bool>(); });
  AddFlag(metrics, rollups, "millrace_rollup_healthy",
          "0 while it fails, is paused, far behind or not refreshed, or wrong.",
          [](const json& rollup) { return rollup["condition"]["state"] == "ok"; });
  metrics.Begin("millrace_rollup_failed_events", "gauge", "Events set aside and not counted.");
  metrics.Samples(rollups, "rollup", "failed_events");
  metrics.Begin("millrace_rollup_differences", "gauge",
                "Values that verification found to differ from the events.");
  metrics.Samples(rollups, "rollup", "differences");
  metrics.Begin("millrace_rollup_verified_timestamp_seconds", "gauge",
                "When a bucket was verified last.");
  for (const json& rollup : rollups) {
    metrics.Sample("rollup", rollup["rollup"], Seconds(rollup["verified_at"]));
  }
  metrics.Begin("millrace_rollup_verified_through_timestamp_seconds", "gauge",
                "Buckets before this time were verified.");
  for (const json& rollup : rollups) {
    metrics.Sample("rollup", rollup["rollup"], Seconds(rollup["verified_through"]));
  }
  const json& standby = operations["standby"];
  metrics.Begin("millrace_standby", "gauge", "1 where the database is a standby.");
  metrics.Sample(standby.is_null() ? 0 : 1);
  if (standby.is_null()) return;
  metrics.Begin("millrace_standby_replay_paused", "gauge", "1 while its replay is paused.");
  metrics.Sample(standby["replay_paused"].get<bool>() ? 1 : 0);
  metrics.Begin("millrace_standby_connected", "gauge", "0 while it is cut off from its primary.");
  metrics.Sample(standby["connected"].get<bool>() ? 1 : 0);
}

}  // namespace

std::string FormatMetrics(const json& operations, const ServerCounters& counters) {
  Metrics metrics;
  metrics.Begin("millrace_events_per_second", "gauge", "Events that came in lately.");
  metrics.Sample(operations["ingest"]["events_per_second"]);
  metrics.Begin("millrace_database_size_bytes", "gauge", "Size of the database.");
  metrics.Sample(operations["server"]["size_bytes"]);
  metrics.Begin("millrace_database_connections", "gauge", "Client connections of the server.");
  metrics.Sample(operations["server"]["connections"]);
  const json& rollups = operations["rollups"];
  metrics.Begin("millrace_rollup_events_behind", "gauge",
                "Ids handed out that are not in the rollup.");
  metrics.Samples(rollups, "rollup", "events_behind");
  metrics.Begin("millrace_rollup_seconds_behind", "gauge", "How long a rollup has been behind.");
  metrics.Samples(rollups, "rollup", "seconds_behind");
  metrics.Begin("millrace_rollup_refresh_milliseconds", "gauge", "Duration of the last refresh.");
  metrics.Samples(rollups, "rollup", "duration_ms");
  metrics.Begin("millrace_rollup_size_bytes", "gauge", "Size of a rollup with its indexes.");
  metrics.Samples(rollups, "rollup", "size_bytes");
  AddConditions(metrics, operations);
  const json& tables = operations["tables"];
  metrics.Begin("millrace_table_partitions", "gauge", "Partitions of a table.");
  metrics.Samples(tables, "table", "partitions");
  metrics.Begin("millrace_table_size_bytes", "gauge", "Size of a table with its partitions.");
  metrics.Samples(tables, "table", "size_bytes");
  metrics.Begin("millrace_table_default_rows", "gauge",
                "Rows in the default partition, estimated.");
  metrics.Samples(tables, "table", "default_rows");
  metrics.Begin("millrace_job_failing", "gauge", "1 when the last run of a job of pg_cron failed.");
  for (const json& job : operations["jobs"]) {
    metrics.Sample("job", job["job"], job["state"] == "bad" ? 1 : 0);
  }
  metrics.Begin("millrace_rejected_rows_total", "counter", "Rows that loads have rejected.");
  metrics.Sample(operations["rejects"]["rows"]);
  metrics.Begin("millrace_warnings", "gauge", "What `millrace status` warns of.");
  metrics.Sample(operations["warnings"].size());
  metrics.Begin("millrace_dashboard_requests_total", "counter", "Requests to the dashboard.");
  metrics.Sample(counters.requests);
  metrics.Begin("millrace_dashboard_statements_total", "counter",
                "Statements it sent to the database.");
  metrics.Sample(counters.statements);
  metrics.Begin("millrace_dashboard_connections", "gauge", "Open connections to the dashboard.");
  metrics.Sample(counters.connections);
  metrics.Begin("millrace_dashboard_watchers", "gauge", "Pages that are watching.");
  metrics.Sample(counters.watchers);
  return std::move(metrics).text();
}

}  // namespace millrace::dashboard
