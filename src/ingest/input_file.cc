#include "ingest/input_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "client/error.h"
#include "ingest/stop_signal.h"

namespace millrace::cli {
namespace {

[[noreturn]] void Fail(const std::string& path, int error) {
  throw CliError(fmt::format("cannot read {}: {}", InputName(path), std::strerror(error)));
}

}  // namespace

void CheckReadable(const std::string& path) {
  if (path == "-") return;
  struct stat info = {};
  if (stat(path.c_str(), &info) != 0) Fail(path, errno);
  if (S_ISDIR(info.st_mode)) Fail(path, EISDIR);
  if (access(path.c_str(), R_OK) != 0) Fail(path, errno);
}

std::int64_t FileSize(const std::string& path) {
  struct stat info = {};
  if (path == "-" || stat(path.c_str(), &info) != 0 || !S_ISREG(info.st_mode)) return -1;
  return info.st_size;
}

std::string InputName(const std::string& path) { return path == "-" ? "standard input" : path; }

// Without O_NONBLOCK, a pipe with a name would be waited for here until somebody writes to it.
InputFile::InputFile(const std::string& path)
    : path_(path),
      fd_(path == "-" ? STDIN_FILENO : open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC)) {
  if (fd_ < 0) Fail(path_, errno);
}

InputFile::~InputFile() {
  if (fd_ > STDIN_FILENO) close(fd_);
}

InputFile::InputFile(InputFile&& other) noexcept
    : path_(std::move(other.path_)), fd_(std::exchange(other.fd_, -1)) {}

void InputFile::Seek(std::int64_t offset) {
  if (lseek(fd_, offset, SEEK_SET) < 0) Fail(path_, errno);
}

std::size_t InputFile::Read(char* buffer, std::size_t size) {
  while (!StopRequested()) {
    // A signal that comes between the check and a read from an idle pipe would not be noticed, so
    // wait for short times.
    struct pollfd waiting = {fd_, POLLIN, 0};
    const int ready = poll(&waiting, 1, 200);
    if (ready == 0 || (ready < 0 && errno == EINTR)) continue;
    const ssize_t got = read(fd_, buffer, size);
    if (got >= 0) return static_cast<std::size_t>(got);
    if (errno != EINTR && errno != EAGAIN) Fail(path_, errno);
  }
  return 0;
}

}  // namespace millrace::cli
