// Which server a command talks to.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

namespace millrace::cli {

struct ConnectionOptions {
  std::string conninfo;  // empty: the private server of data_dir
  std::string data_dir;
};

// The folder of the private server unless --data-dir is given: /var/lib/millrace for root,
// otherwise ~/.local/share/millrace.
std::string DefaultDataDir();

// Adds --data-dir.
void AddDataDirOption(CLI::App& app, std::string& data_dir);

// Adds --conninfo and --data-dir.
void AddConnectionOptions(CLI::App& app, ConnectionOptions& options);

// The connection string for that server. Throws CliError, with the command that makes one, if there
// is no private server.
std::string ResolveConninfo(const ConnectionOptions& options);

}  // namespace millrace::cli
