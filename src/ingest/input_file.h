// A file, a pipe or standard input, read in order.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace millrace::cli {

// Throws CliError with the reason when `path` cannot be read: it is missing or a directory, or
// there is no permission. "-" is standard input and always passes. Does not open pipes, so that
// nothing in them is lost.
void CheckReadable(const std::string& path);

// The size of a regular file in bytes; -1 for anything else.
std::int64_t FileSize(const std::string& path);

// The name in messages: the path, or "standard input" for "-".
std::string InputName(const std::string& path);

// Opens for reading. Movable; closes when destroyed, except standard input. Not thread-safe.
class InputFile {
 public:
  // Throws CliError.
  explicit InputFile(const std::string& path);
  ~InputFile();
  InputFile(InputFile&& other) noexcept;
  InputFile(const InputFile&) = delete;
  InputFile& operator=(const InputFile&) = delete;

  // As a ByteSource: at most `size` bytes to `buffer`, 0 at the end. While it waits, a request to
  // stop ends it as the end of the input would. Throws CliError when reading fails.
  std::size_t Read(char* buffer, std::size_t size);
  // Continues to read at an offset from the start. REQUIRES: a regular file. Throws CliError.
  void Seek(std::int64_t offset);

 private:
  std::string path_;
  int fd_;
};

}  // namespace millrace::cli
