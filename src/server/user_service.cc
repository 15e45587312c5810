#include "server/user_service.h"

#include <fmt/format.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cctype>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <optional>
#include <sstream>

#include "client/error.h"
#include "server/options.h"

namespace millrace::cli {
namespace fs = std::filesystem;
namespace {

constexpr const char* kBegin = "# Written by `millrace up`, down to the end of millrace.\n";
constexpr const char* kEnd = "# The end of millrace.\n";
constexpr const char* kService = "service=millrace";

bool IsOurs(const fs::path& path) {
  struct stat info;
  return stat(path.c_str(), &info) == 0 && info.st_uid == geteuid();
}

// The file that libpq reads, if it is this user's own.
std::optional<fs::path> ServiceFile() {
  if (std::getenv("PGSERVICEFILE") != nullptr) return std::nullopt;
  const char* home = std::getenv("HOME");
  if (home == nullptr || *home == '\0') {
    const passwd* entry = getpwuid(geteuid());
    home = entry != nullptr ? entry->pw_dir : "";
  }
  const fs::path folder = home;
  if (!folder.is_absolute() || !IsOurs(folder)) return std::nullopt;
  return folder / ".pg_service.conf";
}

// A service file has no quotes: libpq takes off the spaces at the end of a line.
bool FitsServiceFile(const std::string& value) {
  return !value.empty() && std::isspace(static_cast<unsigned char>(value.front())) == 0 &&
         std::isspace(static_cast<unsigned char>(value.back())) == 0;
}

bool HasService(const std::string& text) {
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    line.erase(0, line.find_first_not_of(" \t"));
    if (line.starts_with("[millrace]")) return true;
  }
  return false;
}

// The text with our service in it; nothing if somebody else's has the name.
std::optional<std::string> WithService(std::string text, const std::string& service) {
  const std::size_t begin = text.find(kBegin);
  if (begin != std::string::npos) {
    const std::size_t end = text.find(kEnd, begin);
    if (end == std::string::npos) return std::nullopt;
    text.erase(begin, end + std::strlen(kEnd) - begin);
  }
  if (HasService(text)) return std::nullopt;
  if (begin != std::string::npos) return text.insert(begin, service);
  if (!text.empty() && text.back() != '\n') text += '\n';
  return text + service;
}

// Replaces the file in one step. Returns the reason why that failed; empty: it did not.
std::string Replace(const fs::path& path, const std::string& text) {
  // A link stays one.
  std::error_code error;
  const fs::path target = fs::exists(path) ? fs::canonical(path, error) : path;
  if (error) return error.message();
  struct stat info;
  const mode_t mode = stat(target.c_str(), &info) == 0 ? info.st_mode & 0777 : 0600;
  std::string fresh = target.string() + ".XXXXXX";
  const int file = mkstemp(fresh.data());
  if (file < 0) return std::strerror(errno);
  const bool good = write(file, text.data(), text.size()) == static_cast<ssize_t>(text.size()) &&
                    fchmod(file, mode) == 0 && fsync(file) == 0;
  std::string reason = good ? "" : std::strerror(errno);
  close(file);
  if (reason.empty() && rename(fresh.c_str(), target.c_str()) != 0) reason = std::strerror(errno);
  if (!reason.empty()) unlink(fresh.c_str());
  return reason;
}

// Whether the service is in the user's file afterwards.
bool KeepService(const fs::path& path, const std::string& lines) {
  std::string text;
  if (fs::exists(path)) {
    if (!IsOurs(path)) return false;
    std::ifstream in(path, std::ios::binary);
    std::ostringstream read;
    read << in.rdbuf();
    if (!in) return false;
    text = read.str();
  }
  const auto wanted = WithService(text, std::string(kBegin) + "[millrace]\n" + lines + kEnd);
  if (!wanted) {
    fmt::print(stderr, "{} has a service millrace that is not of `millrace up`; it stays\n",
               path.string());
    return false;
  }
  if (*wanted == text) return true;
  const std::string reason = Replace(path, *wanted);
  if (reason.empty()) {
    fmt::print(stderr, "The service millrace is in {}\n", path.string());
  } else {
    fmt::print(stderr, "Cannot write the service millrace into {}: {}\n", path.string(), reason);
  }
  return reason.empty();
}

}  // namespace

std::string ConninfoForUser(const PrivateServer& server, const ServerFacts& facts) {
  const bool usual = server.directory() == fs::path(DefaultDataDir()).lexically_normal();
  const auto file = usual ? ServiceFile() : std::nullopt;
  if (file && FitsServiceFile(facts.database) && FitsServiceFile(facts.user) &&
      KeepService(*file, server.ServiceLines(facts))) {
    return kService;
  }
  return server.ConninfoByFile(facts);
}

}  // namespace millrace::cli
