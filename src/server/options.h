// Which server a command talks to.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

namespace millrace::cli {

struct ConnectionOptions {
  std::string conninfo;  // empty: the private server of data_dir
  std::string data_dir;
};

// Where the private server lives unless --data-dir says otherwise: /var/lib/millrace as root,
// otherwise
// ~/.local/share/millrace.
std::string DefaultDataDir();

// Adds --data-dir.
void AddDataDirOption(CLI::App& app, std::string& data_dir);

// Adds --conninfo and --data-dir.
void AddConnectionOptions(CLI::App& app, ConnectionOptions& options);

// What libpq takes to connect to that server. Throws CliError where there is no private server,
// with the command that makes one.
std::string ResolveConninfo(const ConnectionOptions& options);

}  // namespace millrace::cli
