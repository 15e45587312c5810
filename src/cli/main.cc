// The program `millrace`: the command line for src/cli/commands.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <csignal>
#include <cstdio>
#include <exception>
#include <string>
#include <utility>
#include <vector>

#include "cli/commands/commands.h"
#include "client/error.h"
#include "client/secret.h"

int main(int argc, char** argv) {
  using namespace millrace;
  using namespace millrace::cli;
  // With a closed pipe (millrace generate
  //  head) a write should fail, and not end the process.
  std::signal(SIGPIPE, SIG_IGN);

  CLI::App app{
      "Real-time rollups in PostgreSQL: a private server, event generator, loader, dashboard and "
      "status.",
      "millrace"};
  app.set_version_flag("--version", std::string("millrace " MILLRACE_VERSION));
  app.require_subcommand(1);
  app.failure_message(CLI::FailureMessage::help);

  AddUpCommand(app);
  AddDownCommand(app);
  AddStatusCommand(app);
  AddDoctorCommand(app);
  AddPsqlCommand(app);
  AddLogsCommand(app);
  AddWorkshopCommand(app);
  AddDemoCommand(app);
  AddGenerateCommand(app);
  AddInitCommand(app);
  AddLoadCommand(app);
  AddConsumeCommand(app);
  AddReplayCommand(app);
  AddServeCommand(app);
  AddLinkCommand(app);
  AddDistributeCommand(app);
  AddPartitionsCommand(app);

  std::vector<std::string> arguments = TakeArguments(argc, argv);
  std::reverse(arguments.begin(), arguments.end());  // as CLI11 wants them
  try {
    app.parse(std::move(arguments));
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? 0 : 2;
  } catch (const CliError& e) {
    fmt::print(stderr, "millrace: {}\n", e.what());
    if (!e.way_out().empty()) fmt::print(stderr, "{}\n", e.way_out());
    return e.exit_code();
  } catch (const std::exception& e) {
    fmt::print(stderr, "millrace: {}\n", e.what());
    return 1;
  }
  return 0;
}
