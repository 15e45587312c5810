#include "server/stop.h"

#include <fmt/format.h>
#include <signal.h>
#include <sys/types.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <chrono>
#include <fstream>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "client/error.h"

namespace millrace::cli {
namespace fs = std::filesystem;
namespace {

// While they run a query, pg_partman's workers do not notice a shutdown, but they do notice a
// cancel.
constexpr auto kBeforeCancel = std::chrono::seconds(1);
// An immediate shutdown takes a moment, or five seconds if the postmaster has to use SIGKILL.
constexpr auto kForImmediate = std::chrono::seconds(12);
constexpr auto kForKill = std::chrono::seconds(5);

struct Process {
  pid_t pid;
  std::string title;  // as ps shows it
};

bool Alive(pid_t pid) {
  if (kill(pid, 0) != 0 && errno != EPERM) return false;
  // A process that has ended, but whose parent has not waited for it, does not count.
  std::ifstream stat(fmt::format("/proc/{}/stat", pid));
  std::string line;
  if (!std::getline(stat, line)) return false;
  const auto after_name = line.rfind(") ");
  return after_name == std::string::npos || line[after_name + 2] != 'Z';
}

pid_t ParentOf(pid_t pid) {
  std::ifstream stat(fmt::format("/proc/{}/stat", pid));
  std::string line, state;
  if (!std::getline(stat, line)) return 0;
  const auto after_name = line.rfind(") ");
  if (after_name == std::string::npos) return 0;
  return static_cast<pid_t>(std::atoi(line.c_str() + after_name + 4));
}

std::string TitleOf(pid_t pid) {
  std::ifstream file(fmt::format("/proc/{}/cmdline", pid), std::ios::binary);
  std::string title;
  std::getline(file, title, '\0');
  while (!title.empty() && std::isspace(static_cast<unsigned char>(title.back())) != 0) {
    title.pop_back();
  }
  return title;
}

std::vector<Process> ChildrenOf(pid_t parent) {
  std::vector<Process> children;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator("/proc", ignored)) {
    const std::string name = entry.path().filename();
    if (!std::all_of(name.begin(), name.end(), [](unsigned char c) { return std::isdigit(c); })) {
      continue;
    }
    const auto pid = static_cast<pid_t>(std::atoi(name.c_str()));
    if (ParentOf(pid) == parent) children.push_back({pid, TitleOf(pid)});
  }
  return children;
}

// Waits until the postmaster has ended; calls `meanwhile` ten times per second. False if it has not
// ended.
bool AwaitEnd(
    pid_t postmaster, std::chrono::milliseconds time,
    const std::function<void()>& meanwhile = [] {}) {
  const auto start = std::chrono::steady_clock::now();
  while (Alive(postmaster)) {
    if (std::chrono::steady_clock::now() - start >= time) return false;
    meanwhile();
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  return true;
}

void CancelPartitionMaintenance(pid_t postmaster) {
  for (const Process& child : ChildrenOf(postmaster)) {
    if (child.title.find("pg_partman") != std::string::npos) kill(child.pid, SIGINT);
  }
}

std::string Describe(const std::vector<Process>& processes) {
  std::string text;
  for (const Process& process : processes) {
    text += fmt::format("\n  {} {}", process.pid, process.title);
  }
  return text;
}

void KillAll(pid_t postmaster) {
  // Stop the postmaster first, so that it starts no new processes.
  kill(postmaster, SIGSTOP);
  const std::vector<Process> children = ChildrenOf(postmaster);
  for (const Process& child : children) kill(child.pid, SIGKILL);
  kill(postmaster, SIGKILL);
  for (const Process& child : children) AwaitEnd(child.pid, std::chrono::seconds(1));
}

}  // namespace

void StopPostmaster(const fs::path& pgdata, int seconds) {
  pid_t postmaster = 0;
  std::ifstream(pgdata / "postmaster.pid") >> postmaster;
  if (postmaster <= 1) return;
  const auto start = std::chrono::steady_clock::now();
  if (kill(postmaster, SIGINT) != 0 && errno != ESRCH) {
    throw CliError(fmt::format("cannot stop the server, process {}", postmaster));
  }
  const bool ended = AwaitEnd(postmaster, std::chrono::seconds(seconds), [&] {
    if (std::chrono::steady_clock::now() - start > kBeforeCancel) {
      CancelPartitionMaintenance(postmaster);
    }
  });
  if (ended) return;
  fmt::print(
      stderr,
      "The server has not stopped in {} s and is ended as by a crash, which loses nothing: the "
      "next start replays its log. Still there were:{}\n",
      seconds, Describe(ChildrenOf(postmaster)));
  kill(postmaster, SIGQUIT);
  if (AwaitEnd(postmaster, kForImmediate)) return;
  KillAll(postmaster);
  if (!AwaitEnd(postmaster, kForKill)) {
    throw CliError(fmt::format("the server does not stop: process {}", postmaster));
  }
}

}  // namespace millrace::cli
