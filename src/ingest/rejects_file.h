// The file for rows that the server does not accept.
#pragma once

#include <cstdint>
#include <cstdio>
#include <mutex>
#include <string>
#include <string_view>

namespace millrace::cli {

// A CSV file with the columns file, line, reason, record: `line` is the line of the file on which
// the rejected record begins, `record` the record as it was read. Thread-safe.
class RejectsFile {
 public:
  // Creates the file. Throws CliError when it cannot be created or exists already: the rejects of
  // an earlier load are not overwritten.
  explicit RejectsFile(const std::string& path);
  // Removes the file when nothing was rejected.
  ~RejectsFile();
  RejectsFile(const RejectsFile&) = delete;
  RejectsFile& operator=(const RejectsFile&) = delete;

  // Throws CliError when the row cannot be written.
  void Add(std::string_view file, std::int64_t line, std::string_view reason,
           std::string_view record);
  // Forces what was added to disk. Throws CliError.
  void Sync();

  std::int64_t count() const;
  const std::string& path() const { return path_; }

 private:
  [[noreturn]] void Fail() const;

  std::string path_;
  std::FILE* file_;
  mutable std::mutex mutex_;
  std::int64_t count_ = 0;
};

}  // namespace millrace::cli
