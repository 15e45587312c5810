// Which server a command talks to.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "client/secret.h"

namespace millrace::cli {

struct ConnectionOptions {
  std::string conninfo;   // empty: the private server of data_dir
  SecretSource password;  // for conninfo
  std::string data_dir;
};

// The folder of the private server unless --data-dir is given: /var/lib/millrace for root,
// otherwise ~/.local/share/millrace.
std::string DefaultDataDir();

// Adds --data-dir.
void AddDataDirOption(CLI::App& app, std::string& data_dir);

// Adds --conninfo with its --password-file and --password-command, and --data-dir.
void AddConnectionOptions(CLI::App& app, ConnectionOptions& options);

// The connection string for that server, with the password if we know it: for this process alone.
// Throws CliError, with the command that makes one, if there is no private server. Asks for the
// password each time: call it once.
std::string ResolveConninfo(const ConnectionOptions& options);

}  // namespace millrace::cli
