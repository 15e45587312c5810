#include "server/up.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "cli/commands/commands.h"
#include "client/secret_options.h"
#include "server/options.h"
#include "server/private_server.h"
#include "server/user_service.h"

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
  AddSecretOptions(app, "--password", "that role's password [default: one is made]",
                   options.password);
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
  AddSecretOptions(app, "--node-password",
                   "what the coordinator has in DATA_DIR/node_password, for --join",
                   options.node_password, join);
}

void AddUpCommand(CLI::App& app) {
  auto options = std::make_shared<UpOptions>();
  auto json = std::make_shared<bool>(false);
  auto show_password = std::make_shared<bool>(false);
  CLI::App* command = app.add_subcommand(
      "up",
      "Make, configure and start a private PostgreSQL server; print a connection string that names "
      "the file with the password");
  AddUpOptions(*command, *options);
  AddClusterOptions(*command, *options);
  command->add_flag("--json", *json, "Print JSON");
  command->add_flag("--show-password", *show_password,
                    "Print a connection string with the password in it");
  command->callback([options, json, show_password] {
    const ServerFacts facts = BringUp(*options);
    const PrivateServer server(options->data_dir);
    const std::string conninfo =
        *show_password ? server.Conninfo(facts) : ConninfoForUser(server, facts);
    if (*json) {
      const nlohmann::json out = {
          {"conninfo", conninfo},
          {"data_dir", server.directory().string()},
          {"password_file", (server.directory() / "password").string()},
          {"service_file", (server.directory() / "pg_service.conf").string()},
          {"port", facts.port},
          {"listen", facts.listen},
          {"database", facts.database},
          {"user", facts.user},
          {"workers", facts.workers}};
      fmt::print("{}\n", out.dump(2));
    } else {
      fmt::print("{}\n", conninfo);
    }
  });
}

}  // namespace millrace::cli
