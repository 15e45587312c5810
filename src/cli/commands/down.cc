#include <fmt/format.h>

#include "cli/commands/commands.h"
#include "cli/server/cluster.h"
#include "cli/server/dashboard_process.h"
#include "cli/server/options.h"
#include "cli/server/private_server.h"

namespace millrace::cli {

void AddDownCommand(CLI::App& app) {
  auto data_dir = std::make_shared<std::string>();
  CLI::App* command =
      app.add_subcommand("down", "Stop the private server, and its workers; the data stays");
  AddDataDirOption(*command, *data_dir);
  command->callback([data_dir] {
    PrivateServer server(*data_dir);
    if (!server.Exists()) {
      fmt::print(stderr, "There is no server in {}\n", server.directory().string());
      return;
    }
    server.Lock();
    if (StopDashboard(server)) fmt::print(stderr, "The dashboard is stopped\n");
    if (server.Running()) {
      server.Stop();
      fmt::print(stderr, "The server is stopped\n");
    } else {
      fmt::print(stderr, "The server is not running\n");
    }
    const int workers = StopWorkers(server);
    if (workers > 0) fmt::print(stderr, "{} workers are stopped\n", workers);
  });
}

}  // namespace millrace::cli
