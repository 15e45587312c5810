// A file, a pipe or standard input, read in order.
#pragma once

#include <cstdint>
#include <string>

#include "ingest/csv.h"

namespace millrace::cli {

// Throws CliError, saying why, when `path` cannot be read: missing, a directory, no permission.
// "-" is standard input and always passes. Does not open pipes, so that nothing is lost in them.
void CheckReadable(const std::string& path);

// The size of a regular file in bytes; -1 for anything else.
std::int64_t FileSize(const std::string& path);

// How messages call it: the path, or "standard input" for "-".
std::string InputName(const std::string& path);

// Opens for reading. Movable; closes when destroyed, standard input excepted. Not thread-safe.
class InputFile {
 public:
  // Throws CliError.
  explicit InputFile(const std::string& path);
  ~InputFile();
  InputFile(InputFile&& other) noexcept;
  InputFile(const InputFile&) = delete;
  InputFile& operator=(const InputFile&) = delete;

  // As a ByteSource: at most `size` bytes to `buffer`, 0 at the end. A wait for input ends early,
  // as if the input had, when a stop is requested. Throws CliError when reading fails.
  std::size_t Read(char* buffer, std::size_t size);
  // Goes on reading at an offset from the start. REQUIRES: a regular file. Throws CliError.
  void Seek(std::int64_t offset);

 private:
  std::string path_;
  int fd_;
};

}  // namespace millrace::cli
