// The dashboard as `millrace serve` and `millrace demo` start it.
#pragma once

#include <string>
#include <vector>

#include "server/options.h"

namespace millrace::cli {

struct ServeOptions {
  ConnectionOptions connection;
  std::string listen = "127.0.0.1";
  int port = 8080;
  bool port_given = false;  // false: use the next free port
  SecretSource token;
  bool show_token = false;  // print the address with the token
  std::vector<std::string> host_names;
  std::vector<std::string> rollups;
  SecretSource link_key;
  std::vector<std::string> embed_origins;
  int connections = 4;
  double statement_timeout = 5;  // seconds
};

// The key of links that show some tenants only (dashboard/link.h): the user's, or that of the
// private server. Empty for another server whose user gave none. Throws CliError.
std::string LinkKey(const SecretSource& source, const ConnectionOptions& connection);

// Starts the dashboard of a private server in a separate process, which continues after this one
// has ended. Returns its address. If a dashboard runs already, returns the address of that one.
// Throws CliError.
std::string ServeInBackground(const ServeOptions& options);

}  // namespace millrace::cli
