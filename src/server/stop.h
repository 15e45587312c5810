// Ending a PostgreSQL server, whatever it is doing.
#pragma once

#include <filesystem>

namespace millrace::cli {

// Ends the server of `pgdata`: by a fast shutdown; if it has not ended after `seconds`, by an
// immediate one; if that does not end it either, by SIGKILL to all its processes. Says on standard
// error what it had to do and which processes were left. Nothing that was committed is lost.
// Returns within `seconds` + PrivateServer::kStopGraceSeconds; throws CliError when the server
// still runs. REQUIRES: a server runs there; we are root or its user.
void StopPostmaster(const std::filesystem::path& pgdata, int seconds);

}  // namespace millrace::cli
