// What the database of a new private server is given.
#pragma once

#include <string>

#include "server/private_server.h"

namespace millrace::cli {

// Creates the database, its owner, the extensions and the grants the workshop needs. The password
// travels as a SCRAM verifier, so it is in no log. Throws CliError naming the package or command
// that supplies an extension the server does not have. REQUIRES: the server is running and has no
// such database yet.
void Provision(const PrivateServer& server, const ServerFacts& facts, const std::string& password);

// Makes a server's database a node of a cluster: Citus, and passwords with which its sessions log
// in to other nodes as the database's role and as the superuser. What is done already stays.
// REQUIRES: the server is running, with Citus loaded, and has the database.
void ProvisionNode(const PrivateServer& server, const ServerFacts& facts,
                   const std::string& password, const std::string& node_password);

// Makes or mends the role that the dashboard logs in as: it reads everything and writes nothing.
// Returns the connection string. REQUIRES: the server is locked and running.
std::string ProvisionDashboard(const PrivateServer& server, const ServerFacts& facts);

}  // namespace millrace::cli
