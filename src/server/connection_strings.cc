// How clients log in to a private server: connection strings and libpq's files.
//
// The password is in a file that the strings name (`passfile`), so a string can be shown, logged
// and given on a command line, and works in any shell.
#include <fmt/format.h>

#include <cctype>
#include <cstring>

#include "server/private_server.h"

namespace millrace::cli {
namespace {

// Percent-encodes the characters that a connection URL cannot contain. `plain`: but not these.
std::string UrlEncode(const std::string& text, const std::string& plain = "") {
  std::string out;
  for (unsigned char c : text) {
    if (std::isalnum(c) != 0 || std::strchr("-._~", c) != nullptr ||
        plain.find(static_cast<char>(c)) != std::string::npos) {
      out += static_cast<char>(c);
    } else {
      out += fmt::format("%{:02X}", c);
    }
  }
  return out;
}

// The address for a client on this machine: loopback if the server listens on all addresses.
std::string ClientHost(const ServerFacts& facts) {
  const std::string host = facts.listen.substr(0, facts.listen.find(','));
  if (host == "*" || host == "0.0.0.0") return "127.0.0.1";
  return host == "::" ? "::1" : host;
}

// `login`: the user, or user:password, encoded.
std::string UrlOf(const ServerFacts& facts, const std::string& login) {
  std::string host = ClientHost(facts);
  if (host.find(':') != std::string::npos) host = "[" + host + "]";
  return fmt::format("postgresql://{}@{}:{}/{}?sslmode=require", login, host, facts.port,
                     UrlEncode(facts.database));
}

// A field of libpq's password file.
std::string PassfileField(const std::string& text) {
  std::string field;
  for (const char c : text) {
    if (c == ':' || c == '\\') field += '\\';
    field += c;
  }
  return field;
}

}  // namespace

std::string PrivateServer::Conninfo(const ServerFacts& facts) const {
  return UrlOf(facts, UrlEncode(facts.user) + ":" + UrlEncode(ReadPassword()));
}

std::string PrivateServer::DashboardConninfo(const ServerFacts& facts,
                                             const std::string& password) const {
  return UrlOf(facts, UrlEncode(kDashboardRole) + ":" + UrlEncode(password));
}

std::string PrivateServer::ConninfoByFile(const ServerFacts& facts) const {
  return UrlOf(facts, UrlEncode(facts.user)) + "&passfile=" + UrlEncode(passfile().string(), "/");
}

std::string PrivateServer::SuperuserConninfo(const ServerFacts& facts,
                                             const std::string& database) const {
  return fmt::format("postgresql:///{}?host={}&port={}&user=postgres", UrlEncode(database),
                     UrlEncode(socket_folder().string()), facts.port);
}

std::string PrivateServer::ServiceLines(const ServerFacts& facts) const {
  return fmt::format("host={}\nport={}\ndbname={}\nuser={}\nsslmode=require\npassfile={}\n",
                     ClientHost(facts), facts.port, facts.database, facts.user,
                     passfile().string());
}

void PrivateServer::WriteClientFiles(const ServerFacts& facts) const {
  constexpr int kClosed = 0600;
  WriteWhole(passfile(),
             fmt::format("# Written by `millrace up` from the file password beside it.\n"
                         "{}:{}:*:{}:{}\n",
                         PassfileField(ClientHost(facts)), facts.port, PassfileField(facts.user),
                         PassfileField(ReadPassword())),
             kClosed);
  WriteWhole(directory_ / "pg_service.conf",
             "# Written by `millrace up`. To use it: export PGSERVICEFILE=THIS_FILE, then psql "
             "service=millrace\n[millrace]\n" +
                 ServiceLines(facts),
             kClosed);
}

}  // namespace millrace::cli
