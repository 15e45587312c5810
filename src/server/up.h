// `millrace up` as a function, for the command and for the demo.
#pragma once

#include <optional>
#include <string>

namespace millrace::cli {

struct UpOptions {
  std::string data_dir;
  // What is not given stays as it was, or is ServerFacts' default for a new server.
  std::optional<int> port;
  std::optional<std::string> listen;
  std::optional<std::string> database;
  std::optional<std::string> user;
  std::string password_file;   // for a new server; empty: a password is made
  std::optional<int> workers;  // of a cluster on this machine; makes the server its coordinator
  std::string join;            // HOST:PORT of a coordinator, whose worker this server becomes
  std::string node_password_file;
};

// Makes the server, and its workers, if need be and has them running; prints what it does on
// standard error. A changed port or address restarts a running server. Returns the connection
// string. Throws CliError.
std::string BringUp(const UpOptions& options);

}  // namespace millrace::cli
