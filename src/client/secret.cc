#include "client/secret.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <thread>

#include "client/error.h"

namespace millrace {
namespace {

using Clock = std::chrono::steady_clock;

class File {
 public:
  explicit File(int number) : number_(number) {}
  ~File() { Close(); }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  int number() const { return number_; }
  void Close() {
    if (number_ >= 0) close(number_);
    number_ = -1;
  }

 private:
  int number_;
};

// The first line of what was read; `complete`: nothing comes after that.
std::string FirstLine(const std::string& text, const std::string& where) {
  std::string line = text.substr(0, text.find('\n'));
  if (line.ends_with('\r')) line.pop_back();
  if (line.empty()) throw CliError(where + " is empty", "Its first line must be the secret.");
  if (line.find('\0') != std::string::npos) throw CliError(where + " has a zero byte");
  if (line.size() > kMaxSecretBytes) {
    throw CliError(fmt::format("{} is longer than {} bytes", where, kMaxSecretBytes));
  }
  return line;
}

// Empty if nobody but its owner can read it.
std::string OpenToOthers(const std::string& path, const struct stat& info) {
  if (!S_ISREG(info.st_mode)) return "";
  const mode_t of_others = info.st_uid == 0 ? S_IRWXO | S_IWGRP | S_IXGRP : S_IRWXO | S_IRWXG;
  if ((info.st_mode & of_others) == 0) return "";
  return fmt::format("{} has a secret and is open to other users (mode {:04o})", path,
                     info.st_mode & 07777);
}

// Reads until `enough` returns true for what was read, or to the end.
template <typename Enough>
std::string ReadFile(const std::string& path, std::string* open_to_others, Enough enough) {
  const auto fail = [&path] {
    throw CliError("cannot read " + path + ": " + std::strerror(errno));
  };
  const File file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
  struct stat info;
  if (file.number() < 0 || fstat(file.number(), &info) != 0) fail();
  if (S_ISDIR(info.st_mode)) throw CliError(path + " is a folder");
  *open_to_others = OpenToOthers(path, info);
  std::string text;
  char buffer[4096];
  while (!enough(text)) {
    const ssize_t n = read(file.number(), buffer, sizeof(buffer));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail();
    if (n == 0) break;
    text.append(buffer, static_cast<std::size_t>(n));
  }
  return text;
}

std::string ReadFromFile(const std::string& path, const std::string& what) {
  std::string open_to_others;
  const std::string text = ReadFile(path, &open_to_others, [&](const std::string& so_far) {
    // One byte more than allowed, and the end of the line. A file that is open is not read.
    return !open_to_others.empty() || so_far.size() > kMaxSecretBytes + 2 ||
           so_far.find('\n') != std::string::npos;
  });
  if (!open_to_others.empty()) throw CliError(open_to_others, kCloseTheFile);
  return FirstLine(text, fmt::format("the {} in {}", what, path));
}

// Runs in the child. Only async-signal-safe calls.
[[noreturn]] void ExecShell(const char* command, int output, pid_t parent) {
  // A group of its own, so that what it has started can be ended with it; and it ends with us.
  setpgid(0, 0);
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (getppid() != parent) _exit(126);
  std::signal(SIGPIPE, SIG_DFL);
  const int null = open("/dev/null", O_RDONLY);
  if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(output, STDOUT_FILENO) < 0) _exit(126);
  execl("/bin/sh", "sh", "-c", command, static_cast<char*>(nullptr));
  _exit(127);
}

// A child and all that it has started. They are ended when this object is.
class Child {
 public:
  Child(const std::string& command, int output) {
    const pid_t parent = getpid();
    pid_ = fork();
    if (pid_ < 0) throw CliError(std::string("cannot start a process: ") + std::strerror(errno));
    if (pid_ == 0) ExecShell(command.c_str(), output, parent);
    setpgid(pid_, pid_);
  }
  ~Child() {
    if (pid_ <= 0) return;
    kill(-pid_, SIGKILL);
    while (waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
    }
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  // Its status as of waitpid, or -1 if it has not ended at the deadline.
  int Await(Clock::time_point deadline) {
    int status = 0;
    for (;;) {
      const pid_t ended = waitpid(pid_, &status, WNOHANG);
      if (ended == pid_ || (ended < 0 && errno != EINTR)) break;
      if (Clock::now() >= deadline) return -1;
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    pid_ = 0;
    return status;
  }

 private:
  pid_t pid_ = 0;
};

// Reads until the end or until there is too much; false if the deadline comes first.
bool ReadUntil(int file, Clock::time_point deadline, std::string* text) {
  char buffer[4096];
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
    if (left.count() <= 0) return false;
    pollfd waited = {file, POLLIN, 0};
    const int got = poll(&waited, 1, static_cast<int>(left.count()));
    if (got < 0 && errno != EINTR) throw CliError("cannot wait for a command");
    if (got <= 0) continue;
    const ssize_t n = read(file, buffer, sizeof(buffer));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return true;
    text->append(buffer, static_cast<std::size_t>(n));
    if (text->size() > kMaxSecretBytes + 2) return true;
  }
}

std::string ReadFromCommand(const std::string& command, const std::string& what) {
  const std::string name = fmt::format("the command for the {}", what);
  const auto deadline = Clock::now() + std::chrono::seconds(kSecretCommandSeconds);
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) throw CliError(std::string("no pipe: ") + std::strerror(errno));
  File in(ends[0]), out(ends[1]);
  Child child(command, out.number());
  out.Close();
  std::string text;
  bool in_time = ReadUntil(in.number(), deadline, &text);
  if (in_time && text.size() > kMaxSecretBytes + 2) {
    throw CliError(fmt::format("{} prints more than {} bytes", name, kMaxSecretBytes));
  }
  int status = 0;
  if (in_time) {
    status = child.Await(deadline);
    in_time = status != -1;
  }
  if (!in_time) {
    throw CliError(fmt::format("{} has not ended after {} s", name, kSecretCommandSeconds),
                   "It has no terminal to ask at: log in to the vault before.");
  }
  if (WIFSIGNALED(status)) {
    throw CliError(fmt::format("{} was ended by signal {}", name, WTERMSIG(status)));
  }
  if (WEXITSTATUS(status) != 0) {
    throw CliError(fmt::format("{} fails with exit status {}", name, WEXITSTATUS(status)),
                   "What it says itself is above. It is run by /bin/sh -c.");
  }
  return FirstLine(text, fmt::format("the {} that the command prints", what));
}

constexpr const char* kHidden = "***";

// Where a value of a connection string ends: in quotes, or else before `end` (in a URL) or a space.
std::size_t EndOfValue(const std::string& text, std::size_t at, bool url) {
  if (url) return std::min(text.find_first_of("&#", at), text.size());
  const bool quoted = at < text.size() && text[at] == '\'';
  for (std::size_t i = quoted ? at + 1 : at; i < text.size(); ++i) {
    if (text[i] == '\\') {
      ++i;
    } else if (quoted ? text[i] == '\'' : std::strchr(" \t\n\r\f\v", text[i]) != nullptr) {
      return quoted ? i + 1 : i;
    }
  }
  return text.size();
}

// postgresql://USER:PASSWORD@...: libpq takes what is between the first colon and the at sign.
void HideInUrl(std::string* text, std::size_t authority) {
  const std::size_t at = text->find_first_of("@/", authority);
  if (at == std::string::npos || (*text)[at] != '@') return;
  const std::size_t colon = text->find(':', authority);
  if (colon < at) text->replace(colon + 1, at - colon - 1, kHidden);
}

}  // namespace

std::string ReadSecret(const SecretSource& source, const std::string& what) {
  return source.file.empty() ? ReadFromCommand(source.command, what)
                             : ReadFromFile(source.file, what);
}

SettingsFile ReadSettingsFile(const std::string& path) {
  SettingsFile file;
  file.text = ReadFile(path, &file.open_to_others,
                       [](const std::string& so_far) { return so_far.size() > kMaxSecretBytes; });
  if (file.text.size() > kMaxSecretBytes) {
    throw CliError(fmt::format("{} is longer than {} bytes", path, kMaxSecretBytes));
  }
  return file;
}

std::string HidePasswords(const std::string& argument) {
  std::string text = argument;
  bool url = false;
  for (const char* scheme : {"postgresql://", "postgres://"}) {
    const std::size_t at = text.find(scheme);
    if (at == std::string::npos) continue;
    url = true;
    HideInUrl(&text, at + std::strlen(scheme));
  }
  constexpr const char* kKeyword = "password";
  for (std::size_t at = 0; (at = text.find(kKeyword, at)) != std::string::npos;) {
    at += std::strlen(kKeyword);
    std::size_t value = std::min(text.find_first_not_of(" \t\n\r\f\v", at), text.size());
    if (value == text.size() || text[value] != '=') continue;
    value = std::min(text.find_first_not_of(" \t\n\r\f\v", value + 1), text.size());
    const std::size_t end = EndOfValue(text, value, url);
    if (end > value) text.replace(value, end - value, kHidden);
    at = value;
  }
  return text;
}

void ShowArgumentAs(char* argument, const std::string& shown) {
  const std::size_t size = std::strlen(argument);
  for (std::size_t i = 0; i < size; ++i) argument[i] = i < shown.size() ? shown[i] : '\0';
}

std::vector<std::string> TakeArguments(int argc, char** argv) {
  std::vector<std::string> arguments(argv + 1, argv + argc);
  for (int i = 1; i < argc; ++i) {
    const std::string hidden = HidePasswords(argv[i]);
    if (hidden != argv[i]) ShowArgumentAs(argv[i], hidden);
  }
  return arguments;
}

}  // namespace millrace
