#include "server/dashboard_process.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <nlohmann/json.hpp>
#include <thread>

#include "client/error.h"

namespace millrace::cli {
namespace {

// Opens the file as the server's user, because that user could have put a link in its place; -1:
// there is no file.
int OpenFile(const PrivateServer& server, int flags) {
  const AsServerUser as(server.user());
  return open((server.directory() / "dashboard.json").c_str(), flags | O_NOFOLLOW | O_CLOEXEC,
              0600);
}

// Whether the server's user could end the process too. The file belongs to that user, so its
// content is not trusted.
bool IsTheirs(const PrivateServer& server, long long pid) {
  struct stat process;
  return pid > 1 && stat(("/proc/" + std::to_string(pid)).c_str(), &process) == 0 &&
         process.st_uid == server.user().uid;
}

}  // namespace

std::optional<RunningDashboard> FindDashboard(const PrivateServer& server) {
  const int file = OpenFile(server, O_RDWR);
  if (file < 0) return std::nullopt;
  std::optional<RunningDashboard> found;
  // A shared lock, so that two commands that only look do not take each other for a dashboard.
  if (flock(file, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
    char text[1024] = {};
    const ssize_t size = pread(file, text, sizeof(text) - 1, 0);
    const auto json =
        nlohmann::json::parse(text, text + std::max<ssize_t>(size, 0), nullptr, false);
    if (json.is_object() && json.contains("pid") && json["pid"].is_number_integer() &&
        json.contains("url") && json["url"].is_string()) {
      const auto pid = json["pid"].get<long long>();
      if (IsTheirs(server, pid)) {
        found = {static_cast<pid_t>(pid), json["url"].get<std::string>()};
      }
    }
  }
  close(file);
  return found;
}

bool BecomeDashboard(const PrivateServer& server, const std::string& url) {
  // Stays open as long as the process lives.
  const int file = OpenFile(server, O_RDWR | O_CREAT);
  if (file < 0) {
    throw CliError("cannot write into " + server.directory().string() + ": " +
                   std::strerror(errno));
  }
  // A command that only looks may have the lock for a moment.
  for (int i = 0; flock(file, LOCK_EX | LOCK_NB) != 0; ++i) {
    if (i == 10) {
      close(file);
      return false;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  const std::string text = nlohmann::json({{"pid", getpid()}, {"url", url}}).dump() + "\n";
  if (ftruncate(file, 0) != 0 ||
      pwrite(file, text.data(), text.size(), 0) != static_cast<ssize_t>(text.size())) {
    throw CliError("cannot write dashboard.json in " + server.directory().string());
  }
  return true;
}

bool StopDashboard(const PrivateServer& server) {
  const auto running = FindDashboard(server);
  if (!running) return false;
  // If it does not end when asked it hangs, and it has nothing to save.
  for (const int signal : {SIGTERM, SIGKILL}) {
    kill(running->pid, signal);
    for (int i = 0; i < 100; ++i) {
      const auto still = FindDashboard(server);
      if (!still || still->pid != running->pid) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
  }
  throw CliError("the dashboard, process " + std::to_string(running->pid) + ", does not end");
}

}  // namespace millrace::cli
