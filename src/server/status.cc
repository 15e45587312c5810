#include "server/status.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <thread>

#include "client/error.h"
#include "client/output.h"
#include "client/text.h"
#include "monitor/monitor.h"

namespace millrace::cli {
namespace {

using nlohmann::json;

// How many ids the sequences that rollups follow have handed out.
std::int64_t EventsSoFar(Connection& connection) {
  const auto result = connection.Execute(
      "SELECT coalesce(sum(pg_sequence_last_value(s)), 0) FROM (SELECT DISTINCT "
      "to_regclass(event_id_sequence_name) AS s FROM public.rollups) x");
  return std::stoll(std::string(result.Value(0, 0)));
}

// Null if that is not known.
json EventsPerSecond(Connection& connection, Deadline deadline) {
  using Clock = std::chrono::steady_clock;
  connection.set_deadline(deadline);
  try {
    const auto start = Clock::now();
    const std::int64_t before = EventsSoFar(connection);
    std::this_thread::sleep_for(std::chrono::seconds(1));
    const std::int64_t after = EventsSoFar(connection);
    return static_cast<double>(after - before) /
           std::chrono::duration<double>(Clock::now() - start).count();
  } catch (const CliError&) {
    return nullptr;
  }
}

std::string Text(const json& value) {
  if (value.is_null()) return "-";
  if (value.is_string()) return value;
  if (value.is_boolean()) return value.get<bool>() ? "yes" : "no";
  if (value.is_number_integer()) return FormatCount(value);
  if (value.is_number_float()) return fmt::format("{:.0f}", value.get<double>());
  return value.dump();
}

std::string DescribeStandby(const json& standby) {
  if (standby["replayed_to"].is_null()) return "A standby, which has replayed no transaction yet\n";
  const double lag = standby["lag_seconds"];
  const std::string replayed =
      fmt::format("A standby: the last transaction it has replayed is of {}, {} ago",
                  standby["replayed_to"].get<std::string>(), FormatDuration(std::max(lag, 0.0)));
  return replayed + (standby["paused"].get<bool>() ? "; replay is paused\n"
                     : standby["all_replayed"].get<bool>() && standby["receiving"].get<bool>()
                         ? "; nothing that it has received is left\n"
                         : "\n");
}

std::string Size(const json& bytes) {
  if (bytes.is_null()) return "-";
  const double value = bytes;
  if (value < 1024 * 1024) return fmt::format("{:.0f} kB", value / 1024);
  if (value < 1024.0 * 1024 * 1024) return fmt::format("{:.1f} MB", value / (1024 * 1024));
  return fmt::format("{:.1f} GB", value / (1024.0 * 1024 * 1024));
}

// If the first look comes just after an event that is not yet refreshed, and there was none for an
// hour before it, it looks the same as if the event were an hour old. Only a second look shows the
// difference.
constexpr std::chrono::milliseconds kLookAgain{2500};
constexpr std::chrono::milliseconds kForALook{2000};

bool IsBehind(const monitor::Report& report) {
  return std::any_of(report.warnings.begin(), report.warnings.end(), [](const auto& warning) {
    return warning.code == "rollup_behind" || warning.code == "no_worker";
  });
}

monitor::Report LookTwice(Connection& connection, Deadline deadline) {
  monitor::Monitor monitor;
  monitor::Report report = monitor.Examine(connection, deadline);
  if (!IsBehind(report) || !connection.alive() ||
      std::chrono::steady_clock::now() + kLookAgain + kForALook > deadline) {
    return report;
  }
  std::this_thread::sleep_for(kLookAgain);
  return monitor.Examine(connection, deadline);
}

json StandbyOf(const monitor::ServerState& state) {
  if (!state.standby) return nullptr;
  return {{"lag_seconds", state.lag_seconds ? json(*state.lag_seconds) : json(nullptr)},
          {"replayed_to",
           state.replayed_through.empty() ? json(nullptr) : json(state.replayed_through)},
          {"all_replayed", state.all_replayed},
          {"paused", state.replay_paused},
          {"receiving", state.connected}};
}

// With the names that scripts use.
json Renamed(const json& rows, const std::vector<std::pair<const char*, const char*>>& names) {
  json renamed = json::array();
  for (const json& row : rows) {
    json& made = renamed.emplace_back(json::object());
    for (const auto& [field, name] : names) made[name] = row[field];
  }
  return renamed;
}

}  // namespace

json InspectServer(Connection& connection, Deadline deadline) {
  const monitor::Report report = LookTwice(connection, deadline);
  const json& sections = report.sections;
  json status = {{"version", kStatusVersion}, {"complete", report.complete}};
  for (const char* section : {"server", "nodes", "rollups", "volumes"}) {
    status[section] = sections[section];
  }
  status["standby"] = StandbyOf(report.state);
  status["tables"] = Renamed(sections["tables"], {{"name", "name"},
                                                  {"partitions", "partitions"},
                                                  {"size_bytes", "size_bytes"},
                                                  {"default_rows", "default_rows"},
                                                  {"newest", "newest"}});
  status["declared"] = Renamed(sections["declared"], {{"rollup", "name"},
                                                      {"source", "source"},
                                                      {"watermark", "watermark"},
                                                      {"events_behind", "behind"},
                                                      {"seconds_behind", "seconds_behind"},
                                                      {"complete_through", "complete_through"},
                                                      {"duration_ms", "refresh_ms"},
                                                      {"last_refresh", "last_refresh"},
                                                      {"paused", "paused"},
                                                      {"last_error", "last_error"},
                                                      {"failed_at", "failed_at"},
                                                      {"waits_for", "waits_for"},
                                                      {"failed_events", "failed_events"},
                                                      {"differences", "differences"},
                                                      {"size_bytes", "size_bytes"}});
  status["kafka"] = sections["kafka"];
  status["jobs"] = Renamed(sections["jobs"], {{"job", "jobid"},
                                              {"schedule", "schedule"},
                                              {"command", "command"},
                                              {"active", "active"},
                                              {"last_status", "last_status"},
                                              {"last_start", "last_start"},
                                              {"last_message", "last_message"}});
  status["warnings"] = json::array();
  for (const auto& warning : report.warnings) status["warnings"].push_back(warning.ToJson());
  status["events_per_second"] = nullptr;
  if (sections["rollups"].empty()) {
    status["events_per_second"] = 0.0;
  } else if (std::chrono::steady_clock::now() + kForALook < deadline) {
    status["events_per_second"] = EventsPerSecond(connection, deadline);
  }
  return status;
}

namespace {

std::string DescribeServer(const json& status) {
  const json& server = status["server"];
  if (!server.contains("version")) return "";
  const json& rate = status["events_per_second"];
  return fmt::format(
      "PostgreSQL {} at {}, up {}, database {} with {}, {}, {} events/s\n",
      server["version"].get<std::string>(), server["address"].get<std::string>(),
      FormatDuration(server["uptime_seconds"]), server["database"].get<std::string>(),
      Size(server["size_bytes"]),
      FormatCount(server["connections"].get<int>(), "connection", "connections"),
      rate.is_null() ? "-" : FormatCount(static_cast<std::int64_t>(rate.get<double>() + 0.5)));
}

std::string DescribeWarnings(const json& warnings) {
  std::string out;
  for (const json& warning : warnings) {
    const std::string severity = warning["severity"];
    const char* title = severity == "critical" ? "Critical" : "Warning";
    // The text above says already that a server is a standby.
    if (severity == "information") continue;
    out += fmt::format("\n{}: {}\n", title, warning["message"].get<std::string>());
    if (!warning["hint"].is_null()) out += "  " + warning["hint"].get<std::string>() + "\n";
  }
  return out;
}

}  // namespace

std::string FormatStatus(const json& status) {
  std::string out = DescribeServer(status);
  if (!status["standby"].is_null()) out += DescribeStandby(status["standby"]);
  if (status.contains("dashboard") && !status["dashboard"].is_null()) {
    out += fmt::format("Dashboard at {}\n", status["dashboard"].get<std::string>());
  }
  auto section = [&](const char* title, const char* key, std::vector<std::string> heading,
                     std::vector<std::string> fields, std::vector<bool> right) {
    if (status[key].empty()) return;
    std::vector<std::vector<std::string>> rows;
    for (const auto& row : status[key]) {
      auto& cells = rows.emplace_back();
      for (const auto& field : fields) {
        const bool bytes = field == "size_bytes" || field == "free_bytes";
        cells.push_back(bytes ? Size(row[field]) : Text(row[field]));
      }
    }
    out += fmt::format("\n{}\n{}", title, FormatTable(heading, rows, right));
  };
  section("Nodes", "nodes", {"node", "at", "role", "shards", "active", "answers"},
          {"node", "address", "role", "shards", "active", "answers"}, {true, false, false, true});
  section("Partitioned tables", "tables",
          {"table", "partitions", "size", "newest ends", "rows in default"},
          {"name", "partitions", "size_bytes", "newest", "default_rows"},
          {false, true, true, false, true});
  section("Rollups", "rollups", {"rollup", "of", "through id", "events behind", "size"},
          {"name", "events_table", "last_aggregated_id", "behind", "size_bytes"},
          {false, false, true, true, true});
  section("Declared rollups", "declared",
          {"rollup", "of", "through id", "events behind", "complete through", "last refresh, ms",
           "paused", "size"},
          {"name", "source", "watermark", "behind", "complete_through", "refresh_ms", "paused",
           "size_bytes"},
          {false, false, true, true, false, true, false, true});
  section("Topics of Kafka", "kafka",
          {"topic", "partition", "into", "next offset", "behind", "seconds behind",
           "caught up in, s", "rejects", "consumer"},
          {"topic", "partition", "table", "next_offset", "lag", "seconds_behind",
           "catch_up_seconds", "rejects", "consumer"},
          {false, true, false, true, true, true, true, true});
  section("Volumes", "volumes", {"volume", "size", "free"}, {"name", "size_bytes", "free_bytes"},
          {false, true, true});
  section("Jobs", "jobs", {"job", "schedule", "command", "active", "last result", "at"},
          {"jobid", "schedule", "command", "active", "last_status", "last_start"}, {true});
  out += DescribeWarnings(status["warnings"]);
  return out;
}

namespace {

// One line, without the characters that have a meaning for a monitoring system.
std::string OneLine(std::string text) {
  for (char& c : text) {
    if (c == '|') c = '/';
    if (static_cast<unsigned char>(c) < ' ') c = ' ';
  }
  return text;
}

}  // namespace

CheckResult FormatCheck(const json& status) {
  int critical = 0, warnings = 0, unchecked = 0;
  std::string first;
  for (const json& warning : status["warnings"]) {
    if (warning["severity"] == "information") continue;
    ++(warning["code"] == "not_checked"    ? unchecked
       : warning["severity"] == "critical" ? critical
                                           : warnings);
    if (first.empty()) first = warning["message"];
  }
  const int all = critical + warnings + unchecked;
  CheckResult result;
  result.exit_code = critical > 0 ? 2 : warnings > 0 ? 1 : unchecked > 0 ? 3 : 0;
  const char* const words[] = {"OK", "WARNING", "CRITICAL", "UNKNOWN"};
  double lag = 0;
  for (const json& rollup : status["declared"]) {
    const json& behind = rollup["seconds_behind"];
    if (!behind.is_null()) lag = std::max(lag, behind.get<double>());
  }
  std::string text = all == 0 ? fmt::format("{} declared rollups, nothing to worry about",
                                            status["declared"].size())
                              : first;
  if (all > 1) text += fmt::format(" (and {} more)", all - 1);
  result.line = fmt::format(
      "MILLRACE {}: {} | lag={:.3f}s;;;0 rollups={};;;0 critical={};;;0 warnings={};;;0 "
      "unchecked={};;;0",
      words[result.exit_code], OneLine(text), lag, status["declared"].size(), critical, warnings,
      unchecked);
  for (const json& volume : status["volumes"]) {
    const double size = volume["size_bytes"], free = volume["free_bytes"];
    result.line += fmt::format(" 'free {}'={:.1f}%;10:;5:;0;100", volume["name"].get<std::string>(),
                               100 * free / size);
  }
  return result;
}

}  // namespace millrace::cli
