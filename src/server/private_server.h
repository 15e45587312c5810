// A PostgreSQL server of our own in one folder:
//
//   DIR/server.json   what it is: port, address, database, user; its presence makes the folder ours
//   DIR/password      of the database user, mode 0600; DIR/dashboard_password of the dashboard's
//   DIR/pg_service.conf, DIR/pgpass   what libpq's clients log in with as that user, mode 0600
//   DIR/dashboard_token  that the dashboard asks for beyond loopback, if it made one
//   DIR/dashboard.json  of the dashboard that runs, if one does (dashboard_process.h)
//   DIR/node_password   of the superuser for the other nodes of a cluster (cluster.h)
//   DIR/workers/      a coordinator's workers, each a folder like this one
//   DIR/pgdata/       the database cluster; millrace.conf in it has our settings
//   DIR/log/          the server's log, one file per weekday
//   DIR/run/          the socket, the only way in for the superuser
//
// States: absent -> new (server.json says so until everything is made) -> ready. A folder that a
// crash left in state `new` is made again from the start. Whoever changes anything in it holds
// flock(2) on DIR. If we are root, everything in it belongs to the user that the server runs as,
// and is written as that user.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "server/process.h"

namespace millrace::cli {

// The role of a server in a cluster (cluster.h).
enum class ServerRole { kAlone, kCoordinator, kWorker };

// The content of server.json.
struct ServerFacts {
  int port = 5440;
  std::string listen = "127.0.0.1";
  std::string database = "citus";
  std::string user = "citus";
  ServerRole role = ServerRole::kAlone;
  int workers = 0;  // workers in the folder of a coordinator, and so on this machine; a worker
                    // there knows it too
  bool ready = false;
};

class PrivateServer {
 public:
  // Reads and writes nothing yet.
  explicit PrivateServer(std::filesystem::path directory);
  ~PrivateServer();
  PrivateServer(const PrivateServer&) = delete;
  PrivateServer& operator=(const PrivateServer&) = delete;

  const std::filesystem::path& directory() const { return directory_; }
  const ServerUser& user() const { return user_; }
  std::filesystem::path pgdata() const { return directory_ / "pgdata"; }
  std::filesystem::path log_folder() const { return directory_ / "log"; }
  std::filesystem::path socket_folder() const { return directory_ / "run"; }
  // libpq's password file, for programs of this machine that may read the folder.
  std::filesystem::path passfile() const { return directory_ / "pgpass"; }

  // Whether the folder has a server in it. Throws CliError for a folder that we cannot use: it is
  // not empty and not ours, has another owner, or is of another major version of PostgreSQL.
  // Certain only while locked; without the lock another run may be making it.
  bool Exists() const;
  // REQUIRES: Exists(). Throws CliError when server.json is damaged.
  ServerFacts ReadFacts() const;
  void WriteFacts(const ServerFacts& facts) const;
  // The connection string for libpq, with the password: for this process alone.
  std::string Conninfo(const ServerFacts& facts) const;
  // The same with the place of the password, DIR/pgpass, instead.
  std::string ConninfoByFile(const ServerFacts& facts) const;
  // The same as the lines of a service in a service file of libpq.
  std::string ServiceLines(const ServerFacts& facts) const;
  // Writes DIR/pg_service.conf and DIR/pgpass, unless they are right already. REQUIRES: locked.
  void WriteClientFiles(const ServerFacts& facts) const;
  // The superuser's connection string: the socket, as the operating system user.
  std::string SuperuserConninfo(const ServerFacts& facts, const std::string& database) const;
  std::string ReadPassword() const;
  // The role of `millrace serve`, and its connection string. Makes its password if there is none.
  // REQUIRES: locked.
  static constexpr const char* kDashboardRole = "millrace_dashboard";
  std::string DashboardPassword() const;
  std::string DashboardConninfo(const ServerFacts& facts, const std::string& password) const;

  // The token that `millrace serve` asks for. Made if there is none. REQUIRES: locked.
  std::string DashboardToken() const;
  std::string DashboardLinkKey() const;

  // The password with which the superuser logs in from other nodes. Made if there is none.
  // REQUIRES: locked.
  std::string NodePassword() const;

  // Makes the folder and holds its lock as long as this object lives. Waits for another holder, for
  // so many seconds if they are given. Throws CliError when the server's user could not write
  // there, and when the time is over.
  void Lock(std::optional<int> seconds = std::nullopt);
  // Makes the cluster and its configuration, and starts it. REQUIRES: locked, not Exists() or not
  // ready; CheckFolderPath and CheckFacts passed.
  void Create(ServerFacts facts, const std::string& password, const std::string& node_password);
  // Changes the access rules of a server that was alone, so that other nodes can log in.
  void AllowNodes() const;
  // Starts the server and waits until it accepts connections. REQUIRES: locked, not Running().
  void Start(const ServerFacts& facts) const;
  // Waits until a running server accepts connections: it may be in recovery. False if it stopped
  // instead. REQUIRES: locked.
  bool AwaitConnections(const ServerFacts& facts) const;
  // Fast shutdown: sessions are ended and everything is written to disk. If the server has not
  // ended after so many seconds, it is ended as in a crash, and this says so on standard error.
  // That loses nothing: the next start replays the log. Returns within `seconds` +
  // kStopGraceSeconds, whatever the server does. Does nothing when it is not running.
  static constexpr int kStopSeconds = 60;
  static constexpr int kStopGraceSeconds = 20;
  void Stop(int seconds = kStopSeconds) const;
  // Whether a server process has the cluster open, even if it does not accept connections yet.
  bool Running() const;
  // The newest file in log_folder(); empty if there is none.
  std::filesystem::path NewestLog() const;
  // The last lines of the newest log.
  std::string LogTail(int lines) const;

 private:
  void MakeFolder() const;
  void MakeCluster() const;
  void MakeCertificate() const;
  void WriteAccessRules(ServerRole role) const;
  // A password that is kept in a file of the folder; made if there is none.
  std::string KeptPassword(const char* file) const;
  void WriteSettings(const ServerFacts& facts) const;
  // Whether something answers on the socket of the running server.
  bool SocketAnswers() const;
  // Writes a file as the server's user. A file that is there already is overwritten.
  void WriteOwned(const std::filesystem::path& path, const std::string& text, int mode) const;
  // The same, but atomically, and not if the file has this text already: whatever happens, the file
  // has its old text or the new one.
  void WriteWhole(const std::filesystem::path& path, const std::string& text, int mode) const;

  std::filesystem::path directory_;
  ServerUser user_;
  int lock_ = -1;
};

}  // namespace millrace::cli
