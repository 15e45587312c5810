// The user's own service file of libpq, ~/.pg_service.conf.
#pragma once

#include <string>

#include "server/private_server.h"

namespace millrace::cli {

// The shortest connection string, without a password, with which this user's programs reach the
// server.
//
// That is `service=millrace` for the server in DefaultDataDir(), of which a user has one. The
// service is kept up to date in ~/.pg_service.conf, between two comments of ours; the rest of the
// file is left as it is. For any other server it is PrivateServer::ConninfoByFile, which needs no
// file of the user's. The same where the file cannot be used, which is then said on standard error:
// it has a service `millrace` that somebody else wrote, or it cannot be written. And the same,
// silently, where libpq does not read that file (PGSERVICEFILE is set) or where the home folder is
// another user's.
std::string ConninfoForUser(const PrivateServer& server, const ServerFacts& facts);

}  // namespace millrace::cli
