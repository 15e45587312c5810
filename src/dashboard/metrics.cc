#include "dashboard/metrics.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <map>
#include <string_view>
#include <utility>
#include <vector>

#include "monitor/warning.h"

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
  // Several labels, as name and value.
  void Sample(const std::vector<std::pair<std::string_view, std::string>>& labels,
              const json& value) {
    if (value.is_null()) return;
    std::string text;
    for (const auto& [label, label_value] : labels) {
      text += fmt::format("{}{}=\"{}\"", text.empty() ? "" : ",", label, EscapeLabel(label_value));
    }
    text_ += fmt::format("{}{{{}}} {}\n", name_, text, value.dump());
  }
  // Adds one sample per object, from one of its fields. `name` is the field with the label's value,
  // and the name of the label if no other is given.
  void Samples(const json& objects, const char* name, const char* field,
               const char* label = nullptr) {
    for (const json& object : objects) {
      Sample(label == nullptr ? name : label, object[name], object[field]);
    }
  }
  std::string text() && { return std::move(text_); }

 private:
  std::string name_;
  std::string text_;
};

// A time in RFC 3339 as seconds since 1970; null for null.
json Seconds(const json& time) {
  if (time.is_null()) return nullptr;
  std::tm parts = {};
  double seconds = 0;
  char sign = '+';
  int hours = 0, minutes = 0;
  const int read = std::sscanf(time.get<std::string>().c_str(), "%d-%d-%dT%d:%d:%lf%c%d:%d",
                               &parts.tm_year, &parts.tm_mon, &parts.tm_mday, &parts.tm_hour,
                               &parts.tm_min, &seconds, &sign, &hours, &minutes);
  if (read < 6) return nullptr;
  parts.tm_year -= 1900;
  parts.tm_mon -= 1;
  const int offset = 60 * (60 * hours + minutes) * (sign == '-' ? -1 : 1);
  return static_cast<double>(timegm(&parts) - offset) + seconds;
}

json Divided(const json& value, double by) {
  return value.is_null() ? json(nullptr) : json(value.get<double>() / by);
}

// The events of each table, summed.
std::map<std::string, double> EventsOf(const json& rollups) {
  std::map<std::string, double> events;
  for (const json& rollup : rollups) {
    if (!rollup["over_events"].get<bool>() || rollup["events_behind"].is_null()) continue;
    double& most = events[rollup["source"]];
    most =
        std::max(most, rollup["watermark"].get<double>() + rollup["events_behind"].get<double>());
  }
  return events;
}

// Adds one sample per rollup: 1 if `is` returns true for it.
template <typename Is>
void AddFlag(Metrics& metrics, const json& rollups, const char* name, const char* help, Is is) {
  metrics.Begin(name, "gauge", help);
  for (const json& rollup : rollups) metrics.Sample("rollup", rollup["rollup"], is(rollup) ? 1 : 0);
}

// Adds one sample per rollup: a time.
void AddTime(Metrics& metrics, const json& rollups, const char* name, const char* help,
             const char* field) {
  metrics.Begin(name, "gauge", help);
  for (const json& rollup : rollups) {
    metrics.Sample("rollup", rollup["rollup"], Seconds(rollup[field]));
  }
}

// The events that come in, and how far the rollups are.
void AddEvents(Metrics& metrics, const json& operations, GrowingFigures& growing) {
  const json& rollups = operations["rollups"];
  metrics.Begin("millrace_events_per_second", "gauge", "Events that came in lately.");
  metrics.Sample(operations["ingest"]["events_per_second"]);
  metrics.Begin("millrace_events_total", "counter",
                "Ids handed out for the events of a table that rollups read.");
  for (const auto& [table, events] : EventsOf(rollups)) {
    metrics.Sample("table", table, growing.Next("events " + table, events));
  }
  metrics.Begin("millrace_rollup_events_total", "counter",
                "Ids of events that a rollup has taken in.");
  for (const json& rollup : rollups) {
    const std::string name = rollup["rollup"];
    metrics.Sample("rollup", name, growing.Next("taken in " + name, rollup["watermark"]));
  }
  metrics.Begin("millrace_rollup_refresh_failures_total", "counter",
                "Refreshes by the worker that failed.");
  for (const json& rollup : rollups) {
    if (!rollup["declared"].get<bool>()) continue;
    const std::string name = rollup["rollup"];
    metrics.Sample("rollup", name, growing.Next("failures " + name, rollup["failed_refreshes"]));
  }
  metrics.Begin("millrace_rollup_events_behind", "gauge",
                "Ids handed out that are not in the rollup.");
  metrics.Samples(rollups, "rollup", "events_behind");
  metrics.Begin("millrace_rollup_lag_seconds", "gauge",
                "How long a declared rollup has not had all events; 0: it has.");
  metrics.Samples(rollups, "rollup", "seconds_behind");
  AddTime(metrics, rollups, "millrace_rollup_last_refresh_timestamp_seconds",
          "When it was refreshed last.", "last_refresh");
  metrics.Begin("millrace_rollup_refresh_duration_seconds", "gauge",
                "Duration of the last refresh.");
  for (const json& rollup : rollups) {
    metrics.Sample("rollup", rollup["rollup"], Divided(rollup["duration_ms"], 1000));
  }
  metrics.Begin("millrace_rejected_rows_total", "counter", "Rows that loads have rejected.");
  metrics.Sample(growing.Next("rejected", operations["rejects"]["rows"]));
}

// Topics of Kafka that are read into tables.
void AddKafka(Metrics& metrics, const json& operations, GrowingFigures& growing) {
  const json& partitions = operations["kafka"];
  if (partitions.empty()) return;
  const auto labels = [](const json& partition) {
    std::vector<std::pair<std::string_view, std::string>> found = {
        {"table", partition["table"]},
        {"topic", partition["topic"]},
        {"partition", partition["partition"].dump()}};
    if (partition["cluster"] != "") found.emplace_back("cluster", partition["cluster"]);
    return found;
  };
  const auto gauge = [&](const char* name, const char* help, const char* field) {
    metrics.Begin(name, "gauge", help);
    for (const json& partition : partitions) {
      metrics.Sample(labels(partition), partition[field]);
    }
  };
  const auto counter = [&](const char* name, const char* help, const char* field) {
    metrics.Begin(name, "counter", help);
    for (const json& partition : partitions) {
      const std::string key =
          fmt::format("kafka {} {} {} {} {}", field, partition["table"].get<std::string>(),
                      partition["cluster"].get<std::string>(),
                      partition["topic"].get<std::string>(), partition["partition"].dump());
      metrics.Sample(labels(partition), growing.Next(key, partition[field]));
    }
  };
  gauge("millrace_kafka_lag_messages", "Messages of a partition that are not read.", "lag");
  gauge("millrace_kafka_lag_seconds",
        "How old the last message that was read is, while others wait.", "seconds_behind");
  gauge("millrace_kafka_catch_up_seconds", "Until it has caught up, if it does at this rate.",
        "catch_up_seconds");
  gauge("millrace_kafka_next_offset", "Messages before this offset are taken.", "next_offset");
  counter("millrace_kafka_events_total", "Messages that are in the table.", "events");
  counter("millrace_kafka_rejects_total", "Messages that were rejected.", "rejects");
  metrics.Begin("millrace_kafka_consumer_running", "gauge",
                "1 while a consumer of the partition writes.");
  constexpr double kSilence = 60;
  for (const json& partition : partitions) {
    const bool runs =
        !partition["consumer"].is_null() && partition["seen_seconds"].get<double>() <= kSilence;
    metrics.Sample(labels(partition), runs ? 1 : 0);
  }
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
  AddTime(metrics, rollups, "millrace_rollup_verified_timestamp_seconds",
          "When a bucket was verified last.", "verified_at");
  AddTime(metrics, rollups, "millrace_rollup_verified_through_timestamp_seconds",
          "Buckets before this time were verified.", "verified_through");
  metrics.Begin("millrace_warnings", "gauge", "What `millrace status` warns of, by code.");
  std::map<std::string, int> count;
  for (const char* code : monitor::Codes()) count[code] = 0;
  for (const json& warning : operations["warnings"]) ++count[warning["code"]];
  for (const auto& [code, number] : count) metrics.Sample("code", code, number);
}

// The server and its processes.
void AddServer(Metrics& metrics, const json& operations) {
  const json& server = operations["server"];
  metrics.Begin("millrace_database_size_bytes", "gauge", "Size of the database.");
  metrics.Sample(server["size_bytes"]);
  metrics.Begin("millrace_database_connections", "gauge", "Client connections of the server.");
  metrics.Sample(server["connections"]);
  metrics.Begin("millrace_volume_size_bytes", "gauge",
                "Size of a volume that the server writes to.");
  metrics.Samples(server["volumes"], "name", "size_bytes", "volume");
  metrics.Begin("millrace_volume_free_bytes", "gauge", "What the server may still write there.");
  metrics.Samples(server["volumes"], "name", "free_bytes", "volume");
  std::map<std::string, int> running = {{server["database"], 0}};
  for (const json& worker : operations["workers"]) {
    if (worker["type"] == "millrace worker" && !worker["database"].is_null()) {
      running[worker["database"]] = 1;
    }
  }
  metrics.Begin("millrace_worker_running", "gauge",
                "1 while a worker refreshes rollups of a database.");
  for (const auto& [database, runs] : running) metrics.Sample("database", database, runs);
  metrics.Begin("millrace_cron_job_failing", "gauge",
                "1 when the last run of a job of pg_cron failed.");
  for (const json& job : operations["jobs"]) {
    metrics.Sample("cron_job", job["job"], job["state"] == "bad" ? 1 : 0);
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

void AddTables(Metrics& metrics, const json& operations) {
  metrics.Begin("millrace_rollup_size_bytes", "gauge", "Size of a rollup with its indexes.");
  metrics.Samples(operations["rollups"], "rollup", "size_bytes");
  const json& tables = operations["tables"];
  metrics.Begin("millrace_table_partitions", "gauge", "Partitions of a table.");
  metrics.Samples(tables, "table", "partitions");
  metrics.Begin("millrace_table_size_bytes", "gauge", "Size of a table with its partitions.");
  metrics.Samples(tables, "table", "size_bytes");
  metrics.Begin("millrace_table_default_rows", "gauge",
                "Rows in the default partition, estimated.");
  metrics.Samples(tables, "table", "default_rows");
  metrics.Begin("millrace_table_newest_partition_end_timestamp_seconds", "gauge",
                "Where the newest partition of a table that is partitioned by time ends.");
  metrics.Samples(tables, "table", "newest_ends_seconds");
}

void AddDashboard(Metrics& metrics, const ServerCounters& counters) {
  metrics.Begin("millrace_dashboard_requests_total", "counter", "Requests to the dashboard.");
  metrics.Sample(counters.requests);
  metrics.Begin("millrace_dashboard_statements_total", "counter",
                "Statements it sent to the database.");
  metrics.Sample(counters.statements);
  metrics.Begin("millrace_dashboard_connections", "gauge", "Open connections to the dashboard.");
  metrics.Sample(counters.connections);
  metrics.Begin("millrace_dashboard_watchers", "gauge", "Pages that are watching.");
  metrics.Sample(counters.watchers);
}

}  // namespace

double GrowingFigures::Next(const std::string& key, double value) {
  const std::lock_guard lock(mutex_);
  const auto [found, added] = figures_.emplace(key, Figure{value, value});
  Figure& figure = found->second;
  if (value > figure.last) figure.total += value - figure.last;
  figure.last = value;
  return figure.total;
}

std::string MetricsMaker::Format(const json& operations, const ServerCounters& counters) {
  Metrics metrics;
  metrics.Begin("millrace_up", "gauge", "1 while the database answers.");
  metrics.Sample(operations.is_null() ? 0 : 1);
  if (!operations.is_null()) {
    AddEvents(metrics, operations, growing_);
    AddKafka(metrics, operations, growing_);
    AddConditions(metrics, operations);
    AddServer(metrics, operations);
    AddTables(metrics, operations);
  }
  AddDashboard(metrics, counters);
  return std::move(metrics).text();
}

}  // namespace millrace::dashboard
