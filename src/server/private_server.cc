#include "server/private_server.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <libpq-fe.h>
#include <pwd.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <deque>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <thread>

#include "client/error.h"
#include "server/password.h"
#include "server/preflight.h"
#include "server/provision.h"
#include "server/settings.h"
#include "server/start_failure.h"
#include "server/stop.h"

namespace millrace::cli {
namespace fs = std::filesystem;
namespace {

constexpr const char* kFactsFile = "server.json";
constexpr const char* kFreshSuffix = ".new";
constexpr const char* kPasswordFile = "password";
constexpr const char* kNodePasswordFile = "node_password";
// After a crash, replaying max_wal_size of WAL takes minutes. A server that fails ends the wait.
constexpr const char* kStartTimeoutSeconds = "3600";

std::string ReadFile(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) throw CliError("cannot read " + path.string() + ": " + std::strerror(errno));
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

// In the order of ServerRole.
constexpr const char* kRoleNames[] = {"alone", "coordinator", "worker"};

ServerRole RoleNamed(const std::string& name) {
  for (int i = 1; i < 3; ++i) {
    if (name == kRoleNames[i]) return static_cast<ServerRole>(i);
  }
  return ServerRole::kAlone;
}

std::string FirstLine(const std::string& text) { return text.substr(0, text.find('\n')); }

// The system's name for a user, or the number if it has none.
std::string UserName(uid_t uid) {
  const passwd* entry = getpwuid(uid);
  return entry != nullptr ? entry->pw_name : "number " + std::to_string(uid);
}

// Files that an interrupted run, or an earlier version's lock, may leave in a folder before
// server.json makes it ours.
bool IsLeftover(const fs::path& name) {
  return name == "lock" || name == std::string(kFactsFile) + kFreshSuffix;
}

// After a server was killed its process stays for a moment, and would keep the next one from
// starting.
void AwaitDeath(const fs::path& pgdata) {
  for (int i = 0; i < 50; ++i) {
    if (RecordedProcess(pgdata) == 0 || StaleProcess(pgdata) != 0) return;
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
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
  const bool root = geteuid() == 0;
  if (!root && info.st_uid != geteuid()) {
    throw CliError(directory_.string() + " belongs to another user, " + UserName(info.st_uid),
                   "Choose a folder of your own with --data-dir.");
  }
  if (root && info.st_uid != 0 && info.st_uid != user_.uid) {
    const std::string owner = UserName(info.st_uid);
    throw CliError(fmt::format("{} belongs to user {}, but run by root the server is user {}'s",
                               directory_.string(), owner, user_.name),
                   "Run this as " + owner + ", or choose another folder with --data-dir.");
  }
  if (fs::exists(directory_ / kFactsFile)) {
    const fs::path version = pgdata() / "PG_VERSION";
    if (fs::exists(version) && FirstLine(ReadFile(version)) != PostgresMajor()) {
      throw CliError(directory_.string() + " was made by PostgreSQL " +
                         FirstLine(ReadFile(version)) + ", this is PostgreSQL " + PostgresMajor(),
                     "Choose another folder with --data-dir, or pg_upgrade the cluster in it.");
    }
    return true;
  }
  for (const auto& entry : fs::directory_iterator(directory_)) {
    if (IsLeftover(entry.path().filename())) continue;
    // Another run may have made the server in the meantime.
    if (fs::exists(directory_ / kFactsFile)) return true;
    throw CliError(directory_.string() + " is not empty and was not made by millrace up",
                   "Choose another folder with --data-dir.");
  }
  return false;
}

ServerFacts PrivateServer::ReadFacts() const {
  const fs::path path = directory_ / kFactsFile;
  try {
    const auto json = nlohmann::json::parse(ReadFile(path));
    ServerFacts facts;
    facts.port = json.at("port");
    facts.listen = json.at("listen");
    facts.database = json.at("database");
    facts.user = json.at("user");
    facts.role = RoleNamed(json.value("role", ""));
    facts.workers = json.value("workers", 0);
    facts.ready = json.at("ready");
    return facts;
  } catch (const nlohmann::json::exception& e) {
    throw CliError(path.string() + " is damaged: " + e.what());
  }
}

void PrivateServer::WriteFacts(const ServerFacts& facts) const {
  const nlohmann::json json = {{"port", facts.port},
                               {"listen", facts.listen},
                               {"database", facts.database},
                               {"user", facts.user},
                               {"role", kRoleNames[static_cast<int>(facts.role)]},
                               {"workers", facts.workers},
                               {"ready", facts.ready}};
  WriteWhole(directory_ / kFactsFile, json.dump(2) + "\n", 0600);
}

std::string PrivateServer::ReadPassword() const {
  return FirstLine(ReadFile(directory_ / kPasswordFile));
}

std::string PrivateServer::DashboardPassword() const { return KeptPassword("dashboard_password"); }

std::string PrivateServer::DashboardToken() const { return KeptPassword("dashboard_token"); }

std::string PrivateServer::DashboardLinkKey() const { return KeptPassword("dashboard_link_key"); }

std::string PrivateServer::NodePassword() const { return KeptPassword(kNodePasswordFile); }

std::string PrivateServer::KeptPassword(const char* name) const {
  const fs::path file = directory_ / name;
  {
    const AsServerUser as(user_);
    if (fs::exists(file)) return FirstLine(ReadFile(file));
  }
  const std::string password = MakePassword();
  WriteOwned(file, password + "\n", 0600);
  return password;
}

void PrivateServer::WriteOwned(const fs::path& path, const std::string& text, int mode) const {
  const AsServerUser as(user_);
  const auto fail = [&] {
    const int error = errno;
    const std::string what = "cannot write " + path.string() + ": ";
    if (error != ENOSPC && error != EDQUOT) throw CliError(what + std::strerror(error));
    const CliError reason = ExplainNoSpace(*this, path);
    throw CliError(what + reason.what(), reason.way_out());
  };
  const int file = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, mode);
  if (file < 0) fail();
  bool good = fchmod(file, static_cast<mode_t>(mode)) == 0;
  for (std::size_t written = 0; good && written < text.size();) {
    const ssize_t n = write(file, text.data() + written, text.size() - written);
    good = n > 0;
    written += static_cast<std::size_t>(std::max<ssize_t>(n, 0));
  }
  good = good && fsync(file) == 0;
  const int reason = errno;
  const bool closed = close(file) == 0;
  if (!good) errno = reason;
  if (!good || !closed) fail();
}

void PrivateServer::WriteWhole(const fs::path& path, const std::string& text, int mode) const {
  const AsServerUser as(user_);
  struct stat info;
  if (stat(path.c_str(), &info) == 0 && (info.st_mode & 07777) == static_cast<mode_t>(mode) &&
      ReadFile(path) == text) {
    return;
  }
  const fs::path fresh = path.string() + kFreshSuffix;
  WriteOwned(fresh, text, mode);
  fs::rename(fresh, path);
}

void PrivateServer::MakeFolder() const {
  std::error_code error;
  const bool made = fs::create_directories(directory_, error);
  if (error) throw CliError("cannot make " + directory_.string() + ": " + error.message());
  if (made) fs::permissions(directory_, fs::perms::owner_all);
  // It is ours since just now, or an empty folder that root made for us: Exists() has refused any
  // other.
  struct stat info;
  const bool of_root = stat(directory_.c_str(), &info) == 0 && info.st_uid == 0;
  if (geteuid() == 0 && of_root && chown(directory_.c_str(), user_.uid, user_.gid) != 0) {
    throw CliError("cannot give " + directory_.string() + " to user " + user_.name + ": " +
                   std::strerror(errno));
  }
  int reason = 0;
  {
    const AsServerUser as(user_);
    if (faccessat(AT_FDCWD, directory_.c_str(), R_OK | W_OK | X_OK, AT_EACCESS) != 0) {
      reason = errno;
    }
  }
  if (reason == 0) return;
  if (made) fs::remove(directory_, error);
  throw CliError(fmt::format("user {}, whom the server runs as, cannot write in {}: {}", user_.name,
                             directory_.string(), std::strerror(reason)),
                 "Choose a folder with --data-dir that this user can reach and write in.");
}

PrivateServer::~PrivateServer() {
  if (lock_ >= 0) close(lock_);
}

void PrivateServer::Lock(std::optional<int> seconds) {
  MakeFolder();
  const AsServerUser as(user_);
  lock_ = open(directory_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (lock_ < 0) throw CliError("cannot open " + directory_.string() + ": " + std::strerror(errno));
  if (flock(lock_, LOCK_EX | LOCK_NB) == 0) return;
  fmt::print(stderr, "Waiting for another millrace that works on {}\n", directory_.string());
  const auto start = std::chrono::steady_clock::now();
  while (flock(lock_, seconds ? LOCK_EX | LOCK_NB : LOCK_EX) != 0) {
    if (errno == EINTR) continue;
    if (errno != EWOULDBLOCK) {
      throw CliError("cannot lock " + directory_.string() + ": " + std::strerror(errno));
    }
    if (std::chrono::steady_clock::now() - start > std::chrono::seconds(*seconds)) {
      throw CliError(fmt::format("another millrace has worked on {} for more than {} s",
                                 directory_.string(), *seconds),
                     "End that one, or wait for it, and run this again.");
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
}

void PrivateServer::MakeCluster() const {
  const auto result = RunProgram({PostgresProgram("initdb"), "--pgdata", pgdata().string(),
                                  "--username", "postgres", "--auth", "peer", "--encoding", "UTF8",
                                  "--locale", "C.UTF-8", "--data-checksums", "--no-instructions"},
                                 user_);
  if (result.exit_code != 0) {
    throw CliError("cannot make a database cluster in " + pgdata().string(), result.output);
  }
  const std::string version = FirstLine(ReadFile(pgdata() / "PG_VERSION"));
  if (version != PostgresMajor()) {
    throw CliError(fmt::format("{} is of PostgreSQL {}, not {}", PostgresProgram("initdb"), version,
                               PostgresMajor()),
                   fmt::format("Set MILLRACE_PG_BINDIR to the folder that has PostgreSQL {}'s "
                               "programs, or build Millrace for this one.",
                               PostgresMajor()));
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

void PrivateServer::WriteSettings(const ServerFacts& facts) const {
  WriteWhole(
      pgdata() / "millrace.conf",
      ServerSettings(*this, facts, InspectMachine(directory_), PreloadLibraries(user_, facts.role)),
      0600);
}

void PrivateServer::Create(ServerFacts facts, const std::string& password,
                           const std::string& node_password) {
  CheckPortFree(facts);
  const AsServerUser as(user_);
  fs::remove_all(pgdata());
  CheckSpaceForNewServer(directory_);
  facts.ready = false;
  WriteFacts(facts);
  for (const fs::path& folder : {log_folder(), socket_folder()}) {
    fs::create_directory(folder);
    fs::permissions(folder, fs::perms::owner_all);
  }
  WriteOwned(directory_ / kPasswordFile, password + "\n", 0600);
  if (facts.role != ServerRole::kAlone) {
    WriteOwned(directory_ / kNodePasswordFile, node_password + "\n", 0600);
  }
  MakeCluster();
  MakeCertificate();
  WriteAccessRules(facts.role);
  Start(facts);
  try {
    Provision(*this, facts, password);
    if (facts.role != ServerRole::kAlone) ProvisionNode(*this, facts, password, node_password);
  } catch (...) {
    Stop();
    throw;
  }
  facts.ready = true;
  WriteFacts(facts);
}

void PrivateServer::Start(const ServerFacts& facts) const {
  AwaitDeath(pgdata());
  CheckPortFree(facts);
  WriteSettings(facts);
  const fs::path start_log = log_folder() / "start.log";
  const AsServerUser as(user_);
  fs::remove(start_log);
  const LogMark mark(log_folder());
  const auto result =
      RunProgram({PostgresProgram("pg_ctl"), "start", "--pgdata", pgdata().string(), "--log",
                  start_log.string(), "--wait", "--timeout", kStartTimeoutSeconds, "--silent"},
                 user_);
  if (result.exit_code != 0) {
    throw ExplainStartFailure(*this, mark.Since(), result.output);
  }
}

bool PrivateServer::AwaitConnections(const ServerFacts& facts) const {
  const std::string conninfo = SuperuserConninfo(facts, "postgres");
  bool said = false;
  while (PQping(conninfo.c_str()) != PQPING_OK) {
    if (!Running()) return false;
    if (!said) fmt::print(stderr, "Waiting for the server to take connections\n");
    said = true;
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
  }
  return true;
}

void PrivateServer::Stop(int seconds) const {
  if (!Running()) return;
  // The server's user can write the file that names the process, so end only processes of that
  // user.
  const AsServerUser as(user_);
  StopPostmaster(pgdata(), seconds);
}

bool PrivateServer::Running() const {
  if (!fs::exists(pgdata() / "postmaster.pid")) return false;
  const auto result =
      RunProgram({PostgresProgram("pg_ctl"), "status", "--pgdata", pgdata().string()}, user_);
  // After a crash of the machine, the process with that number may be any other.
  return result.exit_code == 0 && SocketAnswers();
}

bool PrivateServer::SocketAnswers() const {
  // Lines: process, data, start time, port, socket folder, ... If there are fewer, a server that is
  // starting is writing it.
  std::ifstream file(pgdata() / "postmaster.pid");
  std::string line, port;
  for (int i = 1; i <= 5 && std::getline(file, line); ++i) {
    if (i == 4) port = line;
    if (i == 5 && line.empty()) return true;
  }
  if (port.empty()) return true;
  const std::string path = (socket_folder() / (".s.PGSQL." + port)).string();
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path)) return true;
  path.copy(address.sun_path, path.size());
  const int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  // EAGAIN: the server is too busy to accept the connection at once.
  const bool answers =
      probe < 0 || connect(probe, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0 ||
      errno == EAGAIN;
  if (probe >= 0) close(probe);
  return answers;
}

fs::path PrivateServer::NewestLog() const {
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
  return newest;
}

std::string PrivateServer::LogTail(int lines) const {
  const fs::path newest = NewestLog();
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
