// Connection strings of libpq, as text.
#pragma once

#include <string>

namespace millrace {

class Connection;

// `value` in quotes, as the value of a keyword in a connection string.
std::string QuoteConninfo(const std::string& value);

// The connection string with this password in place of its own, if it has one. `conninfo`: whatever
// libpq takes, also a URL or the name of a database. Throws CliError, without the string, if it is
// not a connection string.
std::string WithPassword(const std::string& conninfo, const std::string& password);

// What an open connection was made with, complete: also the password, wherever libpq found it. So
// it connects again without the service file, the password file and the environment of the first
// time. With `host` and `port`: the same to another server.
std::string ConninfoOf(const Connection& connection, const std::string& host = "",
                       const std::string& port = "");

}  // namespace millrace
