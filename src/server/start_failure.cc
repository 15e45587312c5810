#include "server/start_failure.h"

#include <fmt/format.h>
#include <signal.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <optional>
#include <sstream>
#include <vector>

namespace millrace::cli {
namespace fs = std::filesystem;
namespace {

// On a volume with less free space a start cannot write anything.
constexpr std::uintmax_t kNoRoom = std::uintmax_t{1} << 20;

using Lines = std::vector<std::string>;

Lines SplitLines(const std::string& text) {
  Lines lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

bool Has(const std::string& line, const char* words) {
  return line.find(words) != std::string::npos;
}

// The first line that contains one of these words.
const std::string* FindLine(const Lines& lines, std::initializer_list<const char*> words) {
  for (const std::string& line : lines) {
    for (const char* each : words) {
      if (Has(line, each)) return &line;
    }
  }
  return nullptr;
}

// The message of a log line, without time, process and level.
std::string Message(const std::string& line) {
  for (const char* level : {"PANIC:  ", "FATAL:  ", "ERROR:  ", "LOG:  "}) {
    const auto at = line.find(level);
    if (at != std::string::npos) return line.substr(at + std::string(level).size());
  }
  return line;
}

// The text in the first pair of quotes.
std::string Quoted(const std::string& line) {
  const auto begin = line.find('"');
  const auto end = line.find('"', begin + 1);
  if (begin == std::string::npos || end == std::string::npos) return "";
  return line.substr(begin + 1, end - begin - 1);
}

// The folder of a path, or the nearest one above it that exists.
fs::path ExistingFolder(fs::path path) {
  std::error_code ignored;
  while (!fs::is_directory(path, ignored) && path.has_relative_path()) path = path.parent_path();
  return path;
}

bool SameVolume(const fs::path& a, const fs::path& b) {
  struct stat info_a, info_b;
  return stat(a.c_str(), &info_a) == 0 && stat(b.c_str(), &info_b) == 0 &&
         info_a.st_dev == info_b.st_dev;
}

std::uintmax_t FreeBytes(const fs::path& folder) {
  std::error_code ignored;
  return fs::space(folder, ignored).available;
}

using Cause = std::optional<CliError>;

Cause NoSpace(const PrivateServer& server, const Lines& lines) {
  const std::string* line = FindLine(lines, {"No space left on device", "Disk quota exceeded"});
  if (line == nullptr) return {};
  if (Has(*line, "shared memory segment")) {
    return CliError(
        "no space left in /dev/shm, where the server keeps shared memory",
        "It says: " + Message(*line) +
            "\nMake /dev/shm larger: a container has a size of its own for it, on a machine it is "
            "mounted anew.");
  }
  return ExplainNoSpace(server, Quoted(*line));
}

Cause NoMemory(const PrivateServer& server, const Lines& lines) {
  const std::string* line = FindLine(
      lines, {"could not map anonymous shared memory", "could not create shared memory segment",
              "Cannot allocate memory", "FATAL:  out of memory"});
  if (line == nullptr) return {};
  return CliError(
      "the machine does not give the server the memory that it asks for",
      fmt::format("It says: {}\nEnd other programs, or set a smaller shared_buffers in {}.",
                  Message(*line), (server.pgdata() / "custom.conf").string()));
}

Cause BadConfiguration(const PrivateServer& server, const Lines& lines) {
  const std::string* end = FindLine(lines, {"contains errors", "could not load "});
  const bool fatal = end != nullptr && Has(*end, "FATAL:");
  const std::string* library = FindLine(lines, {"FATAL:  could not access file "});
  if (library != nullptr) {
    return CliError("the configuration names a library that is not there: " + Quoted(*library),
                    "Install it, or take it out of shared_preload_libraries in " +
                        (server.pgdata() / "custom.conf").string() + ".");
  }
  const std::string* line =
      FindLine(lines, {" in file \"", "invalid value for parameter",
                       "unrecognized configuration parameter", "outside the valid range"});
  std::string where;
  if (line == nullptr && fatal) {
    // Errors of pg_hba.conf: a line of its own says where.
    line = FindLine(lines, {"LOG:  "});
    const std::string* context = FindLine(lines, {"CONTEXT:  line "});
    if (context != nullptr) where = " (" + context->substr(context->find("line ")) + ")";
  }
  if (line == nullptr || (!fatal && !Has(*line, "FATAL:"))) return {};
  return CliError(
      "the configuration has an error: " + Message(*line) + where,
      fmt::format("Correct it. Settings of your own are in {}; millrace.conf beside it is "
                  "written anew by each start.",
                  (server.pgdata() / "custom.conf").string()));
}

Cause PortTaken(const PrivateServer&, const Lines& lines) {
  const std::string* line = FindLine(lines, {"Address already in use"});
  if (line == nullptr) return {};
  return CliError("its port is in use: " + Message(*line),
                  "Choose another with --port, or stop what listens there.");
}

Cause StaleLock(const PrivateServer& server, const Lines& lines) {
  if (FindLine(lines, {"lock file \"postmaster.pid\" already exists"}) == nullptr) return {};
  const pid_t pid = StaleProcess(server.pgdata());
  if (pid == 0) return {};
  return CliError("postmaster.pid names a process that is another program's now",
                  fmt::format("Process {} is not this server: remove {} and run it again.", pid,
                              (server.pgdata() / "postmaster.pid").string()));
}

Cause LastWords(const PrivateServer& server, const Lines& lines) {
  const std::string* line = FindLine(lines, {"PANIC:  ", "FATAL:  "});
  if (line != nullptr) return CliError(Message(*line), "");
  // The log says nothing: perhaps there was no room to write it.
  for (const fs::path& folder :
       {server.log_folder(), server.pgdata(), server.pgdata() / "pg_wal"}) {
    if (FreeBytes(folder) < kNoRoom) return ExplainNoSpace(server, folder);
  }
  return {};
}

}  // namespace

LogMark::LogMark(fs::path folder) : folder_(std::move(folder)) {
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(folder_, ignored)) {
    if (entry.is_regular_file()) sizes_[entry.path()] = entry.file_size();
  }
}

std::string LogMark::Since() const {
  std::vector<std::pair<fs::file_time_type, fs::path>> files;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(folder_, ignored)) {
    if (entry.is_regular_file()) files.emplace_back(entry.last_write_time(), entry.path());
  }
  std::sort(files.begin(), files.end());
  std::string text;
  for (const auto& [time, path] : files) {
    const auto before = sizes_.find(path);
    const std::uintmax_t size = fs::file_size(path, ignored);
    std::ifstream in(path, std::ios::binary);
    if (before != sizes_.end() && before->second <= size) {
      in.seekg(static_cast<std::streamoff>(before->second));
    }
    std::ostringstream got;
    got << in.rdbuf();
    text += got.str();
  }
  return text;
}

CliError ExplainNoSpace(const PrivateServer& server, const fs::path& path) {
  const fs::path wal = server.pgdata() / "pg_wal";
  const fs::path full = path.is_absolute() ? path : server.pgdata() / path;
  const bool one = SameVolume(wal, server.pgdata());
  const bool of_wal = Has(full.string(), "pg_wal");
  const fs::path folder = of_wal ? wal : ExistingFolder(full);
  std::error_code ignored;
  const std::string place = fs::canonical(folder, ignored).string();
  std::string holds = "the data";
  if (of_wal) holds = one ? "pg_wal and the data" : "pg_wal";
  std::string way_out =
      "Make that volume larger, or remove from it what is not the server's (other programs' files, "
      "old backups and logs). Then run it again: nothing that was committed is lost.\n";
  way_out +=
      "Never remove files from pg_wal or from another folder of the server's data: that "
      "destroys it.";
  if (of_wal || one) {
    way_out +=
        "\nOnce it runs, see what keeps WAL: a replication slot that nobody uses, an "
        "archive_command "
        "that fails, or a max_wal_size that is too large for the volume.";
  }
  return CliError(fmt::format("no space left on the volume that holds {} ({}): {} bytes free",
                              holds, place, FreeBytes(folder)),
                  way_out);
}

CliError ExplainStartFailure(const PrivateServer& server, const std::string& log,
                             const std::string& output) {
  const Lines lines = SplitLines(log);
  Cause cause;
  for (const auto explain :
       {NoSpace, NoMemory, BadConfiguration, PortTaken, StaleLock, LastWords}) {
    if (!cause) cause = explain(server, lines);
  }
  const std::string tail = server.LogTail(20);
  std::string way_out;
  if (cause && !cause->way_out().empty()) way_out = cause->way_out() + "\n";
  way_out += tail.empty() ? output : "The end of its log:\n" + tail;
  return CliError("the server does not start" + (cause ? std::string(": ") + cause->what() : ""),
                  way_out);
}

pid_t RecordedProcess(const fs::path& pgdata) {
  pid_t pid = 0;
  std::ifstream(pgdata / "postmaster.pid") >> pid;
  return pid > 0 && (kill(pid, 0) == 0 || errno == EPERM) ? pid : 0;
}

pid_t StaleProcess(const fs::path& pgdata) {
  const pid_t pid = RecordedProcess(pgdata);
  if (pid == 0) return 0;
  // A postmaster's working folder is its data folder.
  std::error_code error;
  const fs::path folder = fs::read_symlink(fmt::format("/proc/{}/cwd", pid), error);
  return !error && folder != fs::canonical(pgdata, error) ? pid : 0;
}

}  // namespace millrace::cli
