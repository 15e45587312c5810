// `millrace up` as a function, for the command and for the demo.
#pragma once

#include <optional>
#include <string>

#include "client/secret.h"
#include "server/private_server.h"

namespace millrace::cli {

struct UpOptions {
  std::string data_dir;
  // What is not given stays as it was; for a new server it is the default of ServerFacts.
  std::optional<int> port;
  std::optional<std::string> listen;
  std::optional<std::string> database;
  std::optional<std::string> user;
  SecretSource password;       // for a new server; not given: a password is made
  std::optional<int> workers;  // on this machine; makes the server their coordinator
  std::string join;            // HOST:PORT of a coordinator; this server becomes its worker
  SecretSource node_password;  // of that coordinator
};

// Makes the server and its workers if needed, and starts them; prints what it does on standard
// error. A changed port or address restarts a running server. Returns what the server is now.
// Throws CliError.
ServerFacts BringUp(const UpOptions& options);

}  // namespace millrace::cli
