#include "server/up.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "cli/commands/commands.h"
#include "server/options.h"
#include "server/private_server.h"

namespace millrace::cli {

void AddUpOptions(CLI::App& app, UpOptions& options) {
  AddDataDirOption(app, options.data_dir);
  app.add_option("--port", options.port, "TCP port [5440]; a later run may change it")
      ->check(CLI::Range(1, 65535));
  app.add_option("--listen", options.listen,
                 "Addresses to listen on, with commas between, * for all [127.0.0.1]; a later run "
                 "may change them");
  app.add_option("--database", options.database, "Name of the database [citus]");
  app.add_option("--user", options.user, "Role that owns the database and logs in [citus]");
  app.add_option("--password-file", options.password_file,
                 "File whose first line is the role's password; without it a password is made and "
                 "kept in DATA_DIR/password")
      ->check(CLI::ExistingFile);
}

void AddClusterOptions(CLI::App& app, UpOptions& options) {
  auto* workers = app.add_option("--workers", options.workers,
                                 "Workers on this machine, on the ports after the server's own. "
                                 "With Citus the server is their coordinator, and tables can be "
                                 "distributed over them (0: only over machines that join)")
                      ->check(CLI::Range(0, 32));
  auto* join = app.add_option("--join", options.join,
                              "HOST:PORT of a coordinator: the server becomes its worker; --listen "
                              "is the address by which the other nodes reach it");
  join->excludes(workers);
  app.add_option("--node-password-file", options.node_password_file,
                 "A copy of the coordinator's DATA_DIR/node_password, for --join")
      ->check(CLI::ExistingFile)
      ->needs(join);
}

void AddUpCommand(CLI::App& app) {
  auto options = std::make_shared<UpOptions>();
  auto json = std::make_shared<bool>(false);
  CLI::App* command = app.add_subcommand(
      "up", "Make, configure and start a private PostgreSQL server; print its connection string");
  AddUpOptions(*command, *options);
  AddClusterOptions(*command, *options);
  command->add_flag("--json", *json, "Print JSON");
  command->callback([options, json] {
    const std::string conninfo = BringUp(*options);
    if (*json) {
      const PrivateServer server(options->data_dir);
      const ServerFacts facts = server.ReadFacts();
      const nlohmann::json out = {
          {"conninfo", conninfo},       {"data_dir", server.directory().string()},
          {"port", facts.port},         {"listen", facts.listen},
          {"database", facts.database}, {"user", facts.user},
          {"workers", facts.workers}};
      fmt::print("{}\n", out.dump(2));
    } else {
      fmt::print("{}\n", conninfo);
    }
  });
}

}  // namespace millrace::cli
