#include "server/status.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>

#include "cli/commands/commands.h"
#include "client/error.h"
#include "client/output.h"
#include "server/dashboard_process.h"
#include "server/options.h"

namespace millrace::cli {
namespace {

// Adds the options that name this server to the commands that the advice names.
void NameServer(nlohmann::json& status, const ConnectionOptions& connection) {
  const std::string command = "`millrace partitions ";
  std::string server;
  if (!connection.conninfo.empty()) {
    server = "--conninfo ... ";
  } else {
    const char* named = std::getenv("MILLRACE_DATA_DIR");
    const std::string without = named != nullptr && *named != '\0' ? named : DefaultDataDir();
    if (connection.data_dir != without)
      server = "--data-dir " + ShellWord(connection.data_dir) + " ";
  }
  for (auto& warning : status["warnings"]) {
    if (warning["hint"].is_null()) continue;
    std::string hint = warning["hint"];
    const auto at = hint.find(command);
    if (at != std::string::npos) warning["hint"] = hint.insert(at + command.size(), server);
  }
}

// These exit codes let scripts tell a server that is down and an incomplete answer from other
// errors.
constexpr int kServerDown = 3;
constexpr int kNotComplete = 4;
// The exit code that Nagios expects.
constexpr int kCritical = 2;

struct StatusOptions {
  ConnectionOptions connection;
  bool json = false;
  bool check = false;
  double timeout = 10;  // seconds
};

// Ends the process, because the exit status is part of the answer.
[[noreturn]] void Answer(const std::string& text, int exit_code) {
  fmt::print("{}", text);
  std::fflush(stdout);
  std::exit(exit_code);
}

// Keeps a part of the time for printing the result.
Deadline DeadlineOf(const StatusOptions& options) {
  const auto timeout = std::chrono::milliseconds(static_cast<long long>(options.timeout * 1000));
  const auto kept = std::min(timeout / 10, std::chrono::milliseconds(200));
  return std::chrono::steady_clock::now() + timeout - kept;
}

nlohmann::json Look(const StatusOptions& options, Deadline deadline) {
  try {
    Connection connection = Connection::Open(ResolveConninfo(options.connection), deadline);
    return InspectServer(connection, deadline);
  } catch (const CliError& e) {
    if (options.check) {
      std::string why = e.what();
      std::replace(why.begin(), why.end(), '\n', ' ');
      Answer("MILLRACE CRITICAL: " + why + "\n", kCritical);
    }
    if (options.json) {
      fmt::print("{}\n",
                 nlohmann::json({{"version", kStatusVersion}, {"error", e.what()}}).dump(2));
    }
    throw CliError(e.what(), e.way_out(), kServerDown);
  }
}

void Show(const StatusOptions& options) {
  nlohmann::json status = Look(options, DeadlineOf(options));
  if (options.check) {
    const CheckResult result = FormatCheck(status);
    Answer(result.line + "\n", result.exit_code);
  }
  if (options.connection.conninfo.empty()) {
    const auto running = FindDashboard(PrivateServer(options.connection.data_dir));
    status["dashboard"] = running ? nlohmann::json(running->url) : nlohmann::json(nullptr);
  }
  NameServer(status, options.connection);
  Answer(options.json ? status.dump(2) + "\n" : FormatStatus(status),
         status["complete"].get<bool>() ? 0 : kNotComplete);
}

}  // namespace

void AddStatusCommand(CLI::App& app) {
  auto options = std::make_shared<StatusOptions>();
  CLI::App* command = app.add_subcommand(
      "status",
      "Show the server, partitions, rollups and how far each is behind, jobs, free disk space, and "
      "warnings. Exit status 3: the server is down or does not answer; 4: something could not be "
      "found out in time or was locked, and the rest is printed");
  AddConnectionOptions(*command, options->connection);
  CLI::Option* json = command->add_flag("--json", options->json, "Print JSON");
  command
      ->add_flag("--check", options->check,
                 "For Nagios and similar systems: print one line with performance data; exit "
                 "status 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN")
      ->excludes(json);
  command
      ->add_option("--timeout", options->timeout,
                   "Seconds after which it ends, with what it has found out")
      ->capture_default_str()
      ->check(CLI::Range(1.0, 3600.0));
  command->callback([options] { Show(*options); });
}

}  // namespace millrace::cli
