#include <fmt/format.h>

#include "cli/commands/commands.h"
#include "client/text.h"
#include "server/cluster.h"
#include "server/dashboard_process.h"
#include "server/options.h"
#include "server/private_server.h"

namespace millrace::cli {

void AddDownCommand(CLI::App& app) {
  struct Options {
    std::string data_dir;
    int timeout = PrivateServer::kStopSeconds;
  };
  auto options = std::make_shared<Options>();
  CLI::App* command =
      app.add_subcommand("down",
                         "Stop the private server and its workers; the data stays. Whatever they "
                         "are doing, each has stopped after --timeout plus 20 seconds");
  AddDataDirOption(*command, options->data_dir);
  command
      ->add_option("--timeout", options->timeout,
                   "Seconds for a server to end its sessions and write everything to disk. After "
                   "that it is ended as in a crash. That loses nothing that was committed: the "
                   "next start replays the log")
      ->capture_default_str()
      ->check(CLI::Range(1, 86'400));
  command->callback([options] {
    PrivateServer server(options->data_dir);
    if (!server.Exists()) {
      fmt::print(stderr, "There is no server in {}\n", server.directory().string());
      return;
    }
    server.Lock(options->timeout);
    if (StopDashboard(server)) fmt::print(stderr, "The dashboard is stopped\n");
    if (server.Running()) {
      server.Stop(options->timeout);
      fmt::print(stderr, "The server is stopped\n");
    } else {
      fmt::print(stderr, "The server is not running\n");
    }
    const int workers = StopWorkers(server, options->timeout);
    if (workers > 0)
      fmt::print(stderr, "{} stopped\n", FormatCount(workers, "worker is", "workers are"));
  });
}

}  // namespace millrace::cli
