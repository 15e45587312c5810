#include "cli/server/private_server.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <netdb.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <deque>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "cli/error.h"
#include "cli/server/password.h"
#include "cli/server/provision.h"
#include "cli/server/settings.h"

namespace millrace::cli {
namespace fs = std::filesystem;
namespace {

constexpr const char* kFactsFile = "server.json";
constexpr const char* kPasswordFile = "password";
constexpr const char* kMajorVersion = "15";
// An empty cluster takes 40 MB, its first WAL segments and the extensions the rest.
constexpr std::uintmax_t kSpaceForNewServer = std::uintmax_t{200} << 20;
// sockaddr_un has room for 107 bytes; the file is called .s.PGSQL.65535.lock at the longest.
constexpr std::size_t kLongestSocketFolder = 107 - 20;

std::string ReadFile(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) throw CliError("cannot read " + path.string() + ": " + std::strerror(errno));
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

std::string FirstLine(const std::string& text) { return text.substr(0, text.find('\n')); }

// Percent-encodes what a connection URL does not take as it is.
std::string UrlEncode(const std::string& text) {
  std::string out;
  for (unsigned char c : text) {
    if (std::isalnum(c) != 0 || std::strchr("-._~", c) != nullptr) {
      out += static_cast<char>(c);
    } else {
      out += fmt::format("%{:02X}", c);
    }
  }
  return out;
}

// Whether something else listens there: nobody wants to read that in a server log.
void CheckPortFree(const ServerFacts& facts) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE;
  std::stringstream addresses(facts.listen);
  for (std::string address; std::getline(addresses, address, ',');) {
    while (!address.empty() && address.front() == ' ') address.erase(0, 1);
    addrinfo* found = nullptr;
    const bool any = address == "*";
    const int error = getaddrinfo(any ? nullptr : address.c_str(),
                                  std::to_string(facts.port).c_str(), &hints, &found);
    if (error != 0) {
      throw CliError("cannot listen on \"" + address + "\": " + gai_strerror(error),
                     "Give --listen an address of this machine.");
    }
    const int probe = socket(found->ai_family, SOCK_STREAM, 0);
    const int on = 1;
    setsockopt(probe, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    const bool free = probe >= 0 && bind(probe, found->ai_addr, found->ai_addrlen) == 0;
    const int reason = errno;
    if (probe >= 0) close(probe);
    freeaddrinfo(found);
    if (free) continue;
    if (reason == EADDRINUSE) {
      throw CliError(fmt::format("port {} on {} is in use", facts.port, address),
                     "Choose another with --port, or stop what listens there.");
    }
    throw CliError(
        fmt::format("cannot listen on {} port {}: {}", address, facts.port, std::strerror(reason)),
        "Choose another address with --listen or another port with --port.");
  }
}

}  // namespace

PrivateServer::PrivateServer(fs::path directory)
    : directory_(fs::absolute(std::move(directory)).lexically_normal()), user_(FindServerUser()) {
  if (!directory_.has_filename()) directory_ = directory_.parent_path();
}

bool PrivateServer::Exists() const {
  std::error_code ignored;
  if (!fs::exists(directory_, ignored)) return false;
  struct stat info;
  if (stat(directory_.c_str(), &info) != 0) {
    throw CliError("cannot look at " + directory_.string() + ": " + std::strerror(errno));
  }
  if (!S_ISDIR(info.st_mode)) throw CliError(directory_.string() + " is not a folder");
  if (geteuid() != 0 && info.st_uid != geteuid()) {
    throw CliError(directory_.string() + " belongs to another user",
                   "Choose a folder of your own with --data-dir.");
  }
  if (fs::exists(directory_ / kFactsFile)) {
    const fs::path version = pgdata() / "PG_VERSION";
    if (fs::exists(version) && FirstLine(ReadFile(version)) != kMajorVersion) {
      throw CliError(directory_.string() + " was made by PostgreSQL " +
                         FirstLine(ReadFile(version)) + ", this is PostgreSQL " + kMajorVersion,
                     "Choose another folder with --data-dir, or pg_upgrade the cluster in it.");
    }
    return true;
  }
  for (const auto& entry : fs::directory_iterator(directory_)) {
    if (entry.path().filename() != "lock") {
      throw CliError(directory_.string() + " is not empty and was not made by millrace up",
                     "Choose another folder with --data-dir.");
    }
  }
  return false;
}

ServerFacts PrivateServer::ReadFacts() const {
  const fs::path path = directory_ / kFactsFile;
  try {
    const auto json = nlohmann::json::parse(ReadFile(path));
    return {json.at("port"), json.at("listen"), json.at("database"), json.at("user"),
            json.at("ready")};
  } catch (const nlohmann::json::exception& e) {
    throw CliError(path.string() + " is damaged: " + e.what());
  }
}

void PrivateServer::WriteFacts(const ServerFacts& facts) const {
  const nlohmann::json json = {{"port", facts.port},
                               {"listen", facts.listen},
                               {"database", facts.database},
                               {"user", facts.user},
                               {"ready", facts.ready}};
  const fs::path path = directory_ / kFactsFile;
  const fs::path fresh = directory_ / "server.json.new";
  WriteOwned(fresh, json.dump(2) + "\n", 0600);
  fs::rename(fresh, path);
}

std::string PrivateServer::ReadPassword() const {
  return FirstLine(ReadFile(directory_ / kPasswordFile));
}

std::string PrivateServer::Conninfo(const ServerFacts& facts) const {
  // A client on this machine reaches a server that listens everywhere on the loopback address.
  std::string host = facts.listen.substr(0, facts.listen.find(','));
  if (host == "*" || host == "0.0.0.0") host = "127.0.0.1";
  if (host == "::") host = "::1";
  if (host.find(':') != std::string::npos) host = "[" + host + "]";
  return fmt::format("postgresql://{}:{}@{}:{}/{}?sslmode=require", UrlEncode(facts.user),
                     UrlEncode(ReadPassword()), host, facts.port, UrlEncode(facts.database));
}

std::string PrivateServer::SuperuserConninfo(const ServerFacts& facts,
                                             const std::string& database) const {
  return fmt::format("postgresql:///{}?host={}&port={}&user=postgres", UrlEncode(database),
                     UrlEncode(socket_folder().string()), facts.port);
}

void PrivateServer::GiveToServer(const fs::path& path) const {
  if (geteuid() == 0 && lchown(path.c_str(), user_.uid, user_.gid) != 0) {
    throw CliError("cannot give " + path.string() + " to user " + user_.name + ": " +
                   std::strerror(errno));
  }
}

void PrivateServer::WriteOwned(const fs::path& path, const std::string& text, int mode) const {
  const int file = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
  if (file < 0) throw CliError("cannot write " + path.string() + ": " + std::strerror(errno));
  std::size_t written = 0;
  while (written < text.size()) {
    const ssize_t n = write(file, text.data() + written, text.size() - written);
    if (n <= 0) {
      const int reason = errno;
      close(file);
      throw CliError("cannot write " + path.string() + ": " + std::strerror(reason));
    }
    written += static_cast<std::size_t>(n);
  }
  fchmod(file, static_cast<mode_t>(mode));
  const bool closed = fsync(file) == 0 && close(file) == 0;
  if (!closed) throw CliError("cannot write " + path.string() + ": " + std::strerror(errno));
  GiveToServer(path);
}

void PrivateServer::MakeFolder() const {
  std::error_code error;
  const bool made = fs::create_directories(directory_, error);
  if (error) throw CliError("cannot make " + directory_.string() + ": " + error.message());
  if (made) {
    fs::permissions(directory_, fs::perms::owner_all);
    GiveToServer(directory_);
  }
}

void PrivateServer::Lock() {
  MakeFolder();
  const fs::path path = directory_ / "lock";
  lock_ = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (lock_ < 0) throw CliError("cannot write " + path.string() + ": " + std::strerror(errno));
  if (flock(lock_, LOCK_EX | LOCK_NB) != 0) {
    fmt::print(stderr, "Waiting for another millrace that works on {}\n", directory_.string());
    while (flock(lock_, LOCK_EX) != 0 && errno == EINTR) {
    }
  }
}

void PrivateServer::MakeCluster() const {
  const std::uintmax_t free = fs::space(directory_).available;
  if (free < kSpaceForNewServer) {
    throw CliError(fmt::format("{} has {} MB free, a new server needs {} MB", directory_.string(),
                               free >> 20, kSpaceForNewServer >> 20),
                   "Make room, or choose another folder with --data-dir.");
  }
  const auto result = RunProgram({PostgresProgram("initdb"), "--pgdata", pgdata().string(),
                                  "--username", "postgres", "--auth", "peer", "--encoding", "UTF8",
                                  "--locale", "C.UTF-8", "--data-checksums", "--no-instructions"},
                                 user_);
  if (result.exit_code != 0) {
    throw CliError("cannot make a database cluster in " + pgdata().string(), result.output);
  }
}

void PrivateServer::MakeCertificate() const {
  const std::string key = (pgdata() / "server.key").string();
  const std::string certificate = (pgdata() / "server.crt").string();
  const auto result =
      RunProgram({"/usr/bin/openssl", "req", "-new", "-x509", "-newkey", "rsa:2048", "-nodes",
                  "-days", "3650", "-subj", "/CN=localhost", "-addext",
                  "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", key, "-out", certificate},
                 user_);
  if (result.exit_code != 0) {
    throw CliError("cannot make a TLS certificate", result.output + "Install the package openssl.");
  }
  fs::permissions(key, fs::perms::owner_read | fs::perms::owner_write);
}

void PrivateServer::WriteAccessRules() const {
  WriteOwned(
      pgdata() / "pg_hba.conf",
      R"(# Written by `millrace up` once. The superuser comes in by the socket alone, which only the server's
# operating system user and root can reach; everybody else by password, encrypted unless on loopback.
local   all  postgres                 peer map=millrace
hostssl all  all       0.0.0.0/0      scram-sha-256
hostssl all  all       ::/0           scram-sha-256
host    all  all       127.0.0.1/32   scram-sha-256
host    all  all       ::1/128        scram-sha-256
)",
      0600);
  std::string map =
      "# user of the operating system -> user of the database\nmillrace  root  postgres\n";
  if (user_.name != "root") map += "millrace  \"" + user_.name + "\"  postgres\n";
  WriteOwned(pgdata() / "pg_ident.conf", map, 0600);
  WriteOwned(pgdata() / "postgresql.conf",
             "# The settings are in millrace.conf; your own belong into custom.conf.\n"
             "include 'millrace.conf'\n",
             0600);
}

void PrivateServer::WriteSettings(const ServerFacts& facts) const {
  WriteOwned(pgdata() / "millrace.conf", ServerSettings(*this, facts, InspectMachine(directory_)),
             0600);
}

void PrivateServer::Create(ServerFacts facts, const std::string& password_file) {
  if (socket_folder().string().size() > kLongestSocketFolder) {
    throw CliError("the path " + directory_.string() + " is too long for a socket in it",
                   "Choose a shorter --data-dir.");
  }
  CheckPortFree(facts);
  const std::string password =
      password_file.empty() ? MakePassword() : FirstLine(ReadFile(password_file));
  if (password.empty())
    throw CliError(password_file + " is empty", "Its first line is the password.");

  facts.ready = false;
  WriteFacts(facts);
  fs::remove_all(pgdata());
  for (const fs::path& folder : {log_folder(), socket_folder()}) {
    fs::create_directory(folder);
    fs::permissions(folder, fs::perms::owner_all);
    GiveToServer(folder);
  }
  WriteOwned(directory_ / kPasswordFile, password + "\n", 0600);
  MakeCluster();
  MakeCertificate();
  WriteAccessRules();
  Start(facts);
  try {
    Provision(*this, facts, password);
  } catch (...) {
    Stop();
    throw;
  }
  facts.ready = true;
  WriteFacts(facts);
}

void PrivateServer::Start(const ServerFacts& facts) const {
  CheckPortFree(facts);
  WriteSettings(facts);
  const fs::path start_log = log_folder() / "start.log";
  fs::remove(start_log);
  const auto result =
      RunProgram({PostgresProgram("pg_ctl"), "start", "--pgdata", pgdata().string(), "--log",
                  start_log.string(), "--wait", "--timeout", "120", "--silent"},
                 user_);
  if (result.exit_code != 0) {
    throw CliError("the server does not start; the end of its log:", LogTail(20));
  }
}

void PrivateServer::Stop() const {
  if (!Running()) return;
  const auto result = RunProgram({PostgresProgram("pg_ctl"), "stop", "--pgdata", pgdata().string(),
                                  "--mode", "fast", "--wait", "--timeout", "300", "--silent"},
                                 user_);
  if (result.exit_code != 0) {
    throw CliError("the server does not stop: " + result.output, LogTail(20));
  }
}

bool PrivateServer::Running() const {
  if (!fs::exists(pgdata() / "postmaster.pid")) return false;
  const auto result =
      RunProgram({PostgresProgram("pg_ctl"), "status", "--pgdata", pgdata().string()}, user_);
  return result.exit_code == 0;
}

std::string PrivateServer::LogTail(int lines) const {
  fs::path newest;
  fs::file_time_type newest_time;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(log_folder(), ignored)) {
    if (!entry.is_regular_file() || entry.file_size() == 0) continue;
    const auto time = entry.last_write_time();
    if (newest.empty() || time > newest_time) {
      newest = entry.path();
      newest_time = time;
    }
  }
  if (newest.empty()) return "";
  std::ifstream in(newest);
  std::deque<std::string> tail;
  for (std::string line; std::getline(in, line);) {
    tail.push_back(line);
    if (tail.size() > static_cast<std::size_t>(lines)) tail.pop_front();
  }
  std::string text;
  for (const auto& line : tail) text += line + "\n";
  return text;
}

}  // namespace millrace::cli
