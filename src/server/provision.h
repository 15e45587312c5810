// What the database of a new private server gets.
#pragma once

#include <string>

#include "server/private_server.h"

namespace millrace::cli {

// Creates the database, its owner, the extensions and the grants that the workshop needs. The
// password is sent as a SCRAM verifier, so it is in no log. Throws CliError, with the package or
// command that provides it, if the server does not have an extension. REQUIRES: the server is
// running and has no such database yet.
void Provision(const PrivateServer& server, const ServerFacts& facts, const std::string& password);

// Makes a server's database a node of a cluster: Citus, and passwords with which its sessions log
// in to other nodes as the database's role and as the superuser. What is done already stays.
// REQUIRES: the server is running, with Citus loaded, and has the database.
void ProvisionNode(const PrivateServer& server, const ServerFacts& facts,
                   const std::string& password, const std::string& node_password);

// Makes the role that the dashboard logs in as, or corrects it: it reads everything and writes
// nothing. Returns the connection string. REQUIRES: the server is locked and running.
std::string ProvisionDashboard(const PrivateServer& server, const ServerFacts& facts);

}  // namespace millrace::cli
