// Running PostgreSQL's programs, as the right operating system user.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace millrace::cli {

// The operating system user that the server runs as: ours, or `postgres` if we are root, because
// PostgreSQL refuses to run as root.
struct ServerUser {
  uid_t uid;
  gid_t gid;
  std::string name;
  std::string home;
};

// Throws CliError when we are root and there is no user `postgres`.
ServerUser FindServerUser();

// While it lives, and if we are root, files are opened and made as `user`. Otherwise, or inside
// another AsServerUser, it does nothing. For folders that belong to that user, who could have put a
// link in our way. Throws CliError when it fails. It changes the whole process: REQUIRES: no other
// thread.
class AsServerUser {
 public:
  explicit AsServerUser(const ServerUser& user);
  ~AsServerUser();
  AsServerUser(const AsServerUser&) = delete;
  AsServerUser& operator=(const AsServerUser&) = delete;

 private:
  bool changed_ = false;
  gid_t gid_ = 0;
  std::vector<gid_t> groups_;
};

struct ProgramResult {
  int exit_code;       // 128 + signal if a signal ended it
  std::string output;  // standard output and error together
};

// Runs a program as `user` until it ends, without a shell and with empty standard input. argv[0] is
// its path. Throws CliError when it cannot be started.
ProgramResult RunProgram(const std::vector<std::string>& argv, const ServerUser& user);

// The major version of PostgreSQL that Millrace was built for: "17".
const char* PostgresMajor();

// Debian's package of that version of PostgreSQL; with a suffix such as "-cron", the package of an
// extension for it: "postgresql-17-cron".
std::string PostgresPackage(const std::string& suffix = "");

// The path of one of PostgreSQL's programs (`psql`, `initdb`, ...): in $MILLRACE_PG_BINDIR, or in
// the folder that pg_config named when Millrace was built. Throws CliError when it is not there.
std::string PostgresProgram(const std::string& name);

}  // namespace millrace::cli
