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
  bool port_given = false;  // otherwise the next free one will do
  std::string token_file;
  std::vector<std::string> host_names;
  std::string minutes, hours;
  int connections = 4;
  double statement_timeout = 5;  // seconds
};

// Starts the dashboard of a private server in a process of its own, which goes on after this one
// has ended; returns its address. Where one runs already, that one's. Throws CliError.
std::string ServeInBackground(const ServeOptions& options);

}  // namespace millrace::cli
