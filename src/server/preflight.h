// What must hold before a private server is made or started, checked where the answer can still be
// a sentence instead of a server's log. Each check throws CliError with a way out.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "server/private_server.h"

namespace millrace::cli {

// The path is one that the programs we hand it to take as it is: pg_ctl puts it into a shell
// command, the server and libpq split lists of folders at commas, and a socket's path is short.
void CheckFolderPath(const PrivateServer& server);

// Names that PostgreSQL takes whole and as they are, and addresses that are not empty.
void CheckFacts(const ServerFacts& facts);

// Nothing else listens on the port, and the addresses are this machine's.
void CheckPortFree(const ServerFacts& facts);

// There is room for a new server in the folder.
void CheckSpaceForNewServer(const std::filesystem::path& folder);

// Those of the libraries we want loaded at the server's start that PostgreSQL has: it does not
// start with one it does not have. Says on standard error which are missing and who supplies them.
std::vector<std::string> PreloadLibraries(const ServerUser& user, ServerRole role);

}  // namespace millrace::cli
