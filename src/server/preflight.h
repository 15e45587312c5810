// What must be true before a private server is made or started. It is checked here so that the
// answer is a sentence and not a server's log. Each check throws CliError with what to do.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "server/private_server.h"

namespace millrace::cli {

// All programs that get the path accept it: pg_ctl puts it into a shell command, the server and
// libpq split lists of folders at commas, and a socket's path must be short.
void CheckFolderPath(const PrivateServer& server);

// PostgreSQL accepts the names without cutting or changing them, and addresses are not empty.
void CheckFacts(const ServerFacts& facts);

// Nothing else listens on the port, and the addresses belong to this machine.
void CheckPortFree(const ServerFacts& facts);

// There is room for a new server in the folder.
void CheckSpaceForNewServer(const std::filesystem::path& folder);

// Of the libraries that we want to preload, those that PostgreSQL has: it does not start if one is
// missing. Says on standard error which are missing and which package has them.
std::vector<std::string> PreloadLibraries(const ServerUser& user, ServerRole role);

}  // namespace millrace::cli
