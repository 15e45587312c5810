// Ending a PostgreSQL server, whatever it is doing.
#pragma once

#include <filesystem>

namespace millrace::cli {

// Ends the server that works in `pgdata`: by a fast shutdown; where it has not ended after
// `seconds`, by an immediate one; where that does not end it either, by SIGKILL to all its
// processes. Says on standard error what it had to do and which processes were left. Nothing that
// was committed is lost. Returns within `seconds` + PrivateServer::kStopGraceSeconds; throws
// CliError when the server runs even then. REQUIRES: a server works there; we are root or its user.
void StopPostmaster(const std::filesystem::path& pgdata, int seconds);

}  // namespace millrace::cli
