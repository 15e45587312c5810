#include "server/preflight.h"

#include <fmt/format.h>
#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <sstream>

#include "client/error.h"

namespace millrace::cli {
namespace fs = std::filesystem;
namespace {

// An empty cluster takes 40 MB; the first WAL segments and the extensions take the rest.
constexpr std::uintmax_t kSpaceForNewServer = std::uintmax_t{200} << 20;
// sockaddr_un has room for 107 bytes; the longest file name is .s.PGSQL.65535.lock.
constexpr std::size_t kLongestSocketFolder = 107 - 20;
// NAMEDATALEN - 1: PostgreSQL cuts longer names off.
constexpr std::size_t kLongestName = 63;

bool IsControl(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }

void CheckName(const std::string& what, const std::string& name) {
  if (name.empty()) throw CliError("the name of the " + what + " is empty");
  if (name.size() > kLongestName) {
    throw CliError(fmt::format("the name of the {} is {} bytes long, PostgreSQL takes {}", what,
                               name.size(), kLongestName));
  }
  if (std::any_of(name.begin(), name.end(), IsControl)) {
    throw CliError("the name of the " + what + " has a line end or another control character");
  }
}

// `address`: one of --listen. Tries to bind the port, and releases it.
void CheckAddressFree(const std::string& address, int port) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE;
  addrinfo* raw = nullptr;
  const int error = getaddrinfo(address == "*" ? nullptr : address.c_str(),
                                std::to_string(port).c_str(), &hints, &raw);
  if (error != 0) {
    throw CliError("cannot listen on \"" + address + "\": " + gai_strerror(error),
                   "Give --listen an address of this machine.");
  }
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> found(raw, &freeaddrinfo);
  const int probe = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int on = 1;
  setsockopt(probe, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  const bool free = probe >= 0 && bind(probe, found->ai_addr, found->ai_addrlen) == 0;
  const int reason = errno;
  if (probe >= 0) close(probe);
  if (free) return;
  if (reason == EADDRINUSE) {
    throw CliError(fmt::format("port {} on {} is in use", port, address),
                   "Choose another with --port, or stop what listens there.");
  }
  throw CliError(
      fmt::format("cannot listen on {} port {}: {}", address, port, std::strerror(reason)),
      "Choose another address with --listen or another port with --port.");
}

}  // namespace

void CheckFolderPath(const PrivateServer& server) {
  const std::string path = server.directory().string();
  const std::string way_out = "Choose another folder with --data-dir.";
  if (path.find_first_of("\"$`\\,") != std::string::npos ||
      std::any_of(path.begin(), path.end(), IsControl)) {
    throw CliError("the path " + path + " has a character that a server's folder cannot have",
                   "Choose one with --data-dir that has none of \" $ ` \\ , and no line end.");
  }
  if (server.socket_folder().string().size() > kLongestSocketFolder) {
    throw CliError("the path " + path + " is too long for a socket in it", way_out);
  }
}

void CheckFacts(const ServerFacts& facts) {
  CheckName("database", facts.database);
  CheckName("user", facts.user);
  if (facts.user == "postgres") {
    throw CliError("the user cannot be postgres: that is the superuser, who has no password");
  }
  for (const char* taken : {"postgres", "template0", "template1"}) {
    if (facts.database == taken) {
      throw CliError(fmt::format("the database cannot be {}: every server has one already", taken));
    }
  }
  if (facts.listen.empty() || facts.listen.find_first_of(" \t") != std::string::npos ||
      (',' + facts.listen + ',').find(",,") != std::string::npos) {
    throw CliError("\"" + facts.listen + "\" is no list of addresses",
                   "Give --listen one address, or several with commas and no spaces between.");
  }
}

void CheckPortFree(const ServerFacts& facts) {
  std::stringstream addresses(facts.listen);
  for (std::string address; std::getline(addresses, address, ',');) {
    CheckAddressFree(address, facts.port);
  }
}

void CheckSpaceForNewServer(const fs::path& folder) {
  const std::uintmax_t free = fs::space(folder).available;
  if (free < kSpaceForNewServer) {
    throw CliError(fmt::format("{} has {} MB free, a new server needs {} MB", folder.string(),
                               free >> 20, kSpaceForNewServer >> 20),
                   "Make room, or choose another folder with --data-dir.");
  }
}

std::vector<std::string> PreloadLibraries(const ServerUser& user, ServerRole role) {
  struct Library {
    const char* name;
    std::string way_out;
  };
  // Citus must be the first, and every node needs every extension. Only the coordinator makes
  // partitions.
  std::vector<Library> wanted;
  if (role != ServerRole::kAlone)
    wanted.push_back({"citus", "install your vendor's package of it"});
  wanted.push_back({"millrace", "install the package " + PostgresPackage("-millrace") +
                                    ", or run `make install` in Millrace's source folder"});
  wanted.push_back({"pg_cron", "install the package " + PostgresPackage("-cron")});
  if (role != ServerRole::kWorker) {
    wanted.push_back({"pg_partman_bgw", "install the package " + PostgresPackage("-partman")});
  }
  const auto result = RunProgram({PostgresProgram("pg_config"), "--pkglibdir"}, user);
  if (result.exit_code != 0) throw CliError("pg_config failed", result.output);
  const fs::path folder = result.output.substr(0, result.output.find('\n'));
  std::vector<std::string> libraries;
  for (const Library& library : wanted) {
    if (fs::exists(folder / (std::string(library.name) + ".so"))) {
      libraries.emplace_back(library.name);
    } else {
      fmt::print(stderr, "Warning: {} has no {}.so, the server starts without it; {}\n",
                 folder.string(), library.name, library.way_out);
    }
  }
  return libraries;
}

}  // namespace millrace::cli
