// Several servers as one, with Citus: a coordinator, which clients connect to, and workers, which
// have the shards. The workers are private servers in DIR/workers/1, 2, ... of the coordinator's
// folder, on the ports after its own; or servers on other machines that join.
//
// The nodes log in to each other over TLS, as the role that runs the query, with the passwords in
// the catalog pg_dist_authinfo of each node. The superuser's password is in DIR/node_password.
#pragma once

#include <string>

#include "client/secret.h"
#include "server/private_server.h"

namespace millrace::cli {

// Throws CliError, with the name of the package, if PostgreSQL has no Citus.
void CheckCitusInstalled(const ServerUser& user);

// Makes a server the coordinator of a cluster. If it was a single server until now, it is
// restarted. What is done already stays. REQUIRES: locked.
void BecomeCoordinator(PrivateServer& server, ServerFacts& facts);

// Starts the coordinator's first `count` workers, making those that are missing, and adds them to
// the cluster. REQUIRES: locked; the coordinator runs.
void BringUpWorkers(PrivateServer& coordinator, ServerFacts& facts, int count);

// Stops the workers in the coordinator's folder, each as in PrivateServer::Stop. Returns how many
// were running.
int StopWorkers(const PrivateServer& coordinator, int seconds);

// A coordinator on another machine.
struct Coordinator {
  std::string host;
  int port = 0;
  std::string node_password;
};
// Reads "HOST:PORT", and the password. Throws CliError.
Coordinator ParseCoordinator(const std::string& address, const SecretSource& password);

// The database and role that a new worker of that coordinator must have. Throws CliError when the
// coordinator cannot be asked, is none, or knows its nodes by addresses that only its own machine
// can use.
struct Membership {
  std::string database, user, password;
};
Membership AskCoordinator(const Coordinator& coordinator);

// Adds a running server to the coordinator's cluster, unless it is in it. REQUIRES: locked.
void Join(const ServerFacts& facts, const Coordinator& coordinator);

}  // namespace millrace::cli
