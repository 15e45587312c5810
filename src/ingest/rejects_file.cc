#include "ingest/rejects_file.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "client/error.h"
#include "ingest/csv.h"

namespace millrace::cli {

RejectsFile::RejectsFile(const std::string& path)
    : path_(path), file_(std::fopen(path.c_str(), "wxe")) {
  if (file_ == nullptr && errno == EEXIST) {
    throw CliError(fmt::format("the rejects file {} exists already", path),
                   "Move it away, or name another with --rejects FILE.");
  }
  if (file_ == nullptr) Fail();
  if (std::fputs("file,line,reason,record\n", file_) < 0) Fail();
}

RejectsFile::~RejectsFile() {
  std::fclose(file_);
  if (count_ == 0) unlink(path_.c_str());
}

void RejectsFile::Fail() const {
  throw CliError(fmt::format("cannot write the rejects file {}: {}", path_, std::strerror(errno)),
                 "Name another with --rejects FILE.");
}

void RejectsFile::Add(std::string_view file, std::int64_t line, std::string_view reason,
                      std::string_view record) {
  const std::string row = fmt::format("{},{},{},{}\n", QuoteCsvField(file), line,
                                      QuoteCsvField(reason), QuoteCsvField(record));
  const std::lock_guard lock(mutex_);
  if (std::fwrite(row.data(), 1, row.size(), file_) != row.size()) Fail();
  ++count_;
}

void RejectsFile::Sync() {
  const std::lock_guard lock(mutex_);
  if (std::fflush(file_) != 0 || fsync(fileno(file_)) != 0) Fail();
}

std::int64_t RejectsFile::count() const {
  const std::lock_guard lock(mutex_);
  return count_;
}

}  // namespace millrace::cli
