// `millrace doctor`: whether a server has what Millrace needs.

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>

#include "cli/commands/commands.h"
#include "client/error.h"
#include "monitor/setup.h"
#include "server/options.h"

namespace millrace::cli {
namespace {

using monitor::Check;
using monitor::CheckState;

// Grows when a field is removed or its meaning changes.
constexpr int kDoctorVersion = 1;

struct DoctorOptions {
  ConnectionOptions connection;
  bool json = false;
  double timeout = 30;  // seconds
};

std::vector<Check> Examine(const DoctorOptions& options) {
  const Deadline deadline =
      std::chrono::steady_clock::now() +
      std::chrono::milliseconds(static_cast<long long>(options.timeout * 1000));
  try {
    Connection connection = Connection::Open(ResolveConninfo(options.connection), deadline);
    return monitor::CheckServer(connection, deadline);
  } catch (const CliError& e) {
    Check check = {"connection", CheckState::kBroken, e.what()};
    if (!e.way_out().empty()) check.steps.push_back({monitor::Step::Kind::kText, e.way_out()});
    return {check};
  }
}

bool Has(const std::vector<Check>& checks, CheckState state) {
  return std::any_of(checks.begin(), checks.end(),
                     [state](const Check& one) { return one.state == state; });
}

// As `millrace status --check`.
int ExitCode(const std::vector<Check>& checks) {
  return Has(checks, CheckState::kBroken)    ? 2
         : Has(checks, CheckState::kWarning) ? 1
         : Has(checks, CheckState::kUnknown) ? 3
                                             : 0;
}

void PrintJson(const std::vector<Check>& checks, int exit_code) {
  nlohmann::json list = nlohmann::json::array();
  for (const Check& check : checks) {
    nlohmann::json steps = nlohmann::json::array();
    for (const auto& step : check.steps)
      steps.push_back({{"kind", NameOf(step.kind)}, {"text", step.text}});
    list.push_back({{"name", check.name},
                    {"state", NameOf(check.state)},
                    {"message", check.message},
                    {"steps", steps}});
  }
  const nlohmann::json answer = {
      {"version", kDoctorVersion}, {"exit_status", exit_code}, {"checks", list}};
  fmt::print("{}\n", answer.dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
}

void PrintText(const std::vector<Check>& checks) {
  for (const Check& check : checks) {
    fmt::print("{:<9} {}{}{}\n", NameOf(check.state), check.name, check.message.empty() ? "" : ": ",
               check.message);
    for (const auto& step : check.steps) {
      fmt::print("{:<10}{:<5} {}{}\n", "", std::string(NameOf(step.kind)) + ":", step.text,
                 step.kind == monitor::Step::Kind::kSql ? ";" : "");
    }
  }
}

}  // namespace

void AddDoctorCommand(CLI::App& app) {
  auto options = std::make_shared<DoctorOptions>();
  CLI::App* command =
      app.add_subcommand("doctor",
                         "Check whether a server has what Millrace needs: version, extensions, "
                         "settings, rights, pg_cron, pg_partman, background "
                         "processes, and what status warns of; print what to do, as commands for "
                         "psql (as the superuser) and for a shell (as root on "
                         "the server's machine). Exit status 0: nothing is wrong; 1: warnings; 2: "
                         "something is broken; 3: something could not be "
                         "found out");
  AddConnectionOptions(*command, options->connection);
  command->add_flag("--json", options->json, "Print JSON");
  command
      ->add_option("--timeout", options->timeout,
                   "Seconds after which it ends, with what it has found out")
      ->capture_default_str()
      ->check(CLI::Range(1.0, 3600.0));
  command->callback([options] {
    const std::vector<Check> checks = Examine(*options);
    const int exit_code = ExitCode(checks);
    if (options->json) {
      PrintJson(checks, exit_code);
    } else {
      PrintText(checks);
    }
    std::fflush(stdout);
    std::exit(exit_code);
  });
}

}  // namespace millrace::cli
