#include "server/process.h"

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "client/error.h"

namespace millrace::cli {
namespace {

// Runs in the child: becomes `user` and starts the program. Only async-signal-safe calls.
[[noreturn]] void ExecAs(const ServerUser& user, char* const* argv, int output) {
  const int null = open("/dev/null", O_RDONLY);
  if (null >= 0) dup2(null, STDIN_FILENO);
  dup2(output, STDOUT_FILENO);
  dup2(output, STDERR_FILENO);
  // Asks for the real user, because the effective one may be AsServerUser's. The server needs both
  // to be the same.
  if (getuid() == 0 && user.uid != 0) {
    if (seteuid(0) != 0 || initgroups(user.name.c_str(), user.gid) != 0 || setgid(user.gid) != 0 ||
        setuid(user.uid) != 0) {
      _exit(126);
    }
    // That user may not be allowed to enter the current folder, and initdb and the server must be.
    if (chdir("/") != 0) _exit(126);
    // A server that connects to others looks for keys in this folder.
    if (setenv("HOME", user.home.c_str(), 1) != 0) _exit(126);
  }
  // A server keeps its environment as long as it runs.
  unsetenv("PGPASSWORD");
  execv(argv[0], argv);
  _exit(127);
}

}  // namespace

ServerUser FindServerUser() {
  const bool root = geteuid() == 0;
  const passwd* entry = root ? getpwnam("postgres") : getpwuid(geteuid());
  if (entry == nullptr) {
    throw CliError(root ? "running as root, and there is no user postgres to run the server as"
                        : "this user has no entry in the user database",
                   root ? "Install the package " + PostgresPackage() +
                              ", which makes that user, or run as an ordinary user."
                        : "");
  }
  return {entry->pw_uid, entry->pw_gid, entry->pw_name, entry->pw_dir};
}

AsServerUser::AsServerUser(const ServerUser& user) {
  if (geteuid() != 0 || user.uid == 0) return;
  const int count = getgroups(0, nullptr);
  groups_.resize(static_cast<std::size_t>(std::max(count, 0)));
  gid_ = getegid();
  changed_ = getgroups(count, groups_.data()) == count && setgroups(1, &user.gid) == 0 &&
             setegid(user.gid) == 0 && seteuid(user.uid) == 0;
  if (!changed_) {
    throw CliError("cannot become user " + user.name + ": " + std::strerror(errno));
  }
}

AsServerUser::~AsServerUser() {
  if (!changed_) return;
  // It is better to stop than to continue as the wrong user.
  if (seteuid(0) != 0 || setegid(gid_) != 0 || setgroups(groups_.size(), groups_.data()) != 0) {
    std::abort();
  }
}

ProgramResult RunProgram(const std::vector<std::string>& argv, const ServerUser& user) {
  std::vector<char*> arguments;
  for (const auto& argument : argv) arguments.push_back(const_cast<char*>(argument.c_str()));
  arguments.push_back(nullptr);

  int pipe_ends[2];
  if (pipe2(pipe_ends, O_CLOEXEC) != 0) {
    throw CliError(std::string("cannot make a pipe: ") + std::strerror(errno));
  }
  const pid_t child = fork();
  if (child < 0) throw CliError(std::string("cannot fork: ") + std::strerror(errno));
  if (child == 0) ExecAs(user, arguments.data(), pipe_ends[1]);
  close(pipe_ends[1]);

  ProgramResult result;
  char buffer[4096];
  for (;;) {
    const ssize_t n = read(pipe_ends[0], buffer, sizeof(buffer));
    if (n > 0) {
      result.output.append(buffer, static_cast<std::size_t>(n));
    } else if (n == 0 || errno != EINTR) {
      break;
    }
  }
  close(pipe_ends[0]);
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  result.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return result;
}

const char* PostgresMajor() { return MILLRACE_PG_MAJOR; }

std::string PostgresPackage(const std::string& suffix) {
  return std::string("postgresql-") + PostgresMajor() + suffix;
}

std::string PostgresProgram(const std::string& name) {
  const char* override_folder = std::getenv("MILLRACE_PG_BINDIR");
  const std::string folder = override_folder != nullptr ? override_folder : MILLRACE_PG_BINDIR;
  const std::string path = folder + "/" + name;
  if (access(path.c_str(), X_OK) != 0) {
    throw CliError("cannot run " + path + ": " + std::strerror(errno),
                   "Install the package " + PostgresPackage() +
                       ", or set MILLRACE_PG_BINDIR to the folder that has PostgreSQL " +
                       PostgresMajor() + "'s programs.");
  }
  return path;
}

}  // namespace millrace::cli
