// Several servers as one, by Citus: a coordinator, which clients connect to, and workers, which
// have the shards. The workers are private servers in DIR/workers/1, 2, ... of the coordinator's
// folder, on the ports after its own; or servers on other machines that join.
//
// The nodes log in to each other as whoever asks, over TLS, with the passwords in the catalog
// pg_dist_authinfo of each; the superuser with that of DIR/node_password.
#pragma once

#include <string>

#include "server/private_server.h"

namespace millrace::cli {

// Throws CliError, naming the package, where PostgreSQL has no Citus.
void CheckCitusInstalled(const ServerUser& user);

// Makes a server that runs the coordinator of a cluster: it may have been one server on its own
// until now, and restarts then. What is done already stays. REQUIRES: locked.
void BecomeCoordinator(PrivateServer& server, ServerFacts& facts);

// Has the coordinator's first `count` workers running, making those that are missing, and adds
// them. REQUIRES: locked; the coordinator runs.
void BringUpWorkers(PrivateServer& coordinator, ServerFacts& facts, int count);

// Stops the workers in the coordinator's folder, as PrivateServer::Stop does each; says how many
// ran.
int StopWorkers(const PrivateServer& coordinator, int seconds);

// A coordinator elsewhere.
struct Coordinator {
  std::string host;
  int port = 0;
  std::string node_password;
};
// Reads "HOST:PORT", and the password from a file's first line. Throws CliError.
Coordinator ParseCoordinator(const std::string& address, const std::string& password_file);

// What a new worker of that coordinator is to be: its database and role. Throws CliError where it
// cannot be asked, is no coordinator, or knows its nodes by addresses of its own machine.
struct Membership {
  std::string database, user, password;
};
Membership AskCoordinator(const Coordinator& coordinator);

// Adds a server that runs to the coordinator's cluster, unless it is in. REQUIRES: locked.
void Join(const ServerFacts& facts, const Coordinator& coordinator);

}  // namespace millrace::cli
