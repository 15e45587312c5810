#include "server/up.h"

#include <fmt/format.h>

#include "client/error.h"
#include "server/cluster.h"
#include "server/dashboard_process.h"
#include "server/password.h"
#include "server/preflight.h"
#include "server/private_server.h"

namespace millrace::cli {
namespace {

void Say(const std::string& text) { fmt::print(stderr, "{}\n", text); }

void RefuseChange(const std::string& what, const std::optional<std::string>& wanted,
                  const std::string& is) {
  if (wanted && *wanted != is) {
    throw CliError("this server's " + what + " is \"" + is + "\", not \"" + *wanted + "\"",
                   "The " + what +
                       " is fixed when a server is made: leave the option out, or make "
                       "another server with --data-dir.");
  }
}

ServerFacts NewFacts(const UpOptions& options) {
  ServerFacts facts;
  facts.port = options.port.value_or(facts.port);
  facts.listen = options.listen.value_or(facts.listen);
  facts.database = options.database.value_or(facts.database);
  facts.user = options.user.value_or(facts.user);
  if (options.workers) facts.role = ServerRole::kCoordinator;
  return facts;
}

// `password` empty: one is made.
void BringUpNew(PrivateServer& server, const UpOptions& options, const std::string& password) {
  const ServerFacts facts = NewFacts(options);
  CheckFacts(facts);
  Say("Making a server in " + server.directory().string());
  server.Create(facts, password.empty() ? MakePassword() : password, MakePassword());
}

void RefuseNewPassword(const PrivateServer& server, const std::string& password) {
  if (!password.empty() && password != server.ReadPassword()) {
    throw CliError("this server's password is not the given one",
                   "The password is fixed when a server is made: leave the option out. To change "
                   "it, use \\password in `millrace psql` and write it into " +
                       (server.directory() / "password").string() + ".");
  }
}

// Restarts a running server on the port and addresses of `wanted`. If it cannot have them, it runs
// on as `facts` says.
void Move(PrivateServer& server, const ServerFacts& facts, const ServerFacts& wanted) {
  if (wanted.port != facts.port) CheckPortFree(wanted);
  Say("Restarting the server: its port or address changes");
  if (StopDashboard(server)) {
    Say("The dashboard is stopped: `millrace serve --background` starts it again");
  }
  server.Stop();
  try {
    server.Start(wanted);
  } catch (const CliError& e) {
    server.Start(facts);
    throw CliError(e.what(), e.way_out() + "\nThe server runs where it was.");
  }
  server.WriteFacts(wanted);
}

}  // namespace

namespace {

// Makes or starts a worker of a coordinator on another machine.
ServerFacts BringUpWorker(const UpOptions& options) {
  const Coordinator coordinator = ParseCoordinator(options.join, options.node_password);
  PrivateServer server(options.data_dir);
  CheckCitusInstalled(server.user());
  if (!server.Exists()) CheckFolderPath(server);
  server.Lock();
  ServerFacts facts;
  if (server.Exists() && (facts = server.ReadFacts()).ready) {
    if (facts.role != ServerRole::kWorker) {
      throw CliError("the server in " + server.directory().string() + " is no worker",
                     "Make another one with --data-dir.");
    }
    if (!server.Running() || !server.AwaitConnections(facts)) {
      Say("Starting the server in " + server.directory().string());
      server.Start(facts);
    }
  } else {
    const Membership membership = AskCoordinator(coordinator);
    RefuseChange("database", options.database, membership.database);
    RefuseChange("user", options.user, membership.user);
    server.Stop();
    facts = NewFacts(options);
    facts.role = ServerRole::kWorker;
    facts.database = membership.database;
    facts.user = membership.user;
    CheckFacts(facts);
    Say("Making a worker in " + server.directory().string());
    server.Create(facts, membership.password, coordinator.node_password);
  }
  Join(facts, coordinator);
  server.WriteClientFiles(facts);
  return facts;
}

void BringUpServer(const UpOptions& options, PrivateServer& server) {
  const std::string password =
      options.password.given() ? ReadSecret(options.password, "password") : "";
  // Check before anything is written: the folder may belong to somebody else.
  if (!server.Exists()) {
    CheckFolderPath(server);
    CheckFacts(NewFacts(options));
  }
  server.Lock();
  if (!server.Exists()) return BringUpNew(server, options, password);

  const ServerFacts facts = server.ReadFacts();
  if (!facts.ready) {
    // A run that did not finish has left it: nothing in it was ever used.
    server.Stop();
    return BringUpNew(server, options, password);
  }
  RefuseChange("database", options.database, facts.database);
  RefuseChange("user", options.user, facts.user);
  RefuseNewPassword(server, password);
  ServerFacts wanted = facts;
  wanted.port = options.port.value_or(facts.port);
  wanted.listen = options.listen.value_or(facts.listen);
  if (facts.role != ServerRole::kAlone) {
    RefuseChange("port", options.port ? std::optional(std::to_string(*options.port)) : std::nullopt,
                 std::to_string(facts.port));
    RefuseChange("address", options.listen, facts.listen);
  }
  CheckFacts(wanted);
  const bool moved = wanted.port != facts.port || wanted.listen != facts.listen;
  if (server.Running() && server.AwaitConnections(facts)) {
    if (moved) {
      Move(server, facts, wanted);
    } else {
      Say("The server is running");
    }
  } else {
    Say("Starting the server in " + server.directory().string());
    server.Start(wanted);
    if (moved) server.WriteFacts(wanted);
  }
}

}  // namespace

ServerFacts BringUp(const UpOptions& options) {
  if (!options.join.empty()) return BringUpWorker(options);
  PrivateServer server(options.data_dir);
  if (options.workers) CheckCitusInstalled(server.user());
  BringUpServer(options, server);
  ServerFacts facts = server.ReadFacts();
  server.WriteClientFiles(facts);
  if (!options.workers && facts.role != ServerRole::kCoordinator) return facts;
  if (facts.role == ServerRole::kWorker) {
    throw CliError("the server in " + server.directory().string() + " is a worker itself",
                   "Its coordinator has the workers: run this there.");
  }
  if (options.workers && *options.workers < facts.workers) {
    throw CliError(
        fmt::format("the cluster has {} workers already", facts.workers),
        "To have fewer, move their shards away (SELECT citus_drain_node(...)) and remove "
        "the nodes (SELECT citus_remove_node(...)) as Citus documents it.");
  }
  BecomeCoordinator(server, facts);
  BringUpWorkers(server, facts, options.workers.value_or(facts.workers));
  return facts;
}

}  // namespace millrace::cli
