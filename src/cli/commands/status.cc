#include "cli/server/status.h"

#include <fmt/format.h>

#include <cstdlib>

#include "cli/commands/commands.h"
#include "cli/error.h"
#include "cli/output.h"
#include "cli/server/dashboard_process.h"
#include "cli/server/options.h"

namespace millrace::cli {
namespace {

// Advice to call another command means the same server.
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
    std::string text = warning;
    const auto at = text.find(command);
    if (at != std::string::npos) warning = text.insert(at + command.size(), server);
  }
}

// So that scripts can tell a server that is down from a failed look at one that is up.
constexpr int kServerDown = 3;

}  // namespace

void AddStatusCommand(CLI::App& app) {
  struct Options {
    ConnectionOptions connection;
    bool json = false;
  };
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("status",
                                         "Server, partitions, rollups and how far each is behind, "
                                         "jobs, warnings; exit status 3 when the "
                                         "server is down");
  AddConnectionOptions(*command, options->connection);
  command->add_flag("--json", options->json, "Print JSON");
  command->callback([options] {
    std::string conninfo;
    try {
      conninfo = ResolveConninfo(options->connection);
      Connection::Open(conninfo);
    } catch (const CliError& e) {
      if (options->json) fmt::print("{}\n", nlohmann::json({{"error", e.what()}}).dump(2));
      throw CliError(e.what(), e.way_out(), kServerDown);
    }
    Connection connection = Connection::Open(conninfo);
    nlohmann::json status = InspectServer(connection);
    if (options->connection.conninfo.empty()) {
      const auto running = FindDashboard(PrivateServer(options->connection.data_dir));
      status["dashboard"] = running ? nlohmann::json(running->url) : nlohmann::json(nullptr);
    }
    NameServer(status, options->connection);
    fmt::print("{}", options->json ? status.dump(2) + "\n" : FormatStatus(status));
  });
}

}  // namespace millrace::cli
