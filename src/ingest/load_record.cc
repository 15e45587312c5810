#include "ingest/load_record.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <set>

#include "client/error.h"
#include "core/base/hash.h"
#include "ingest/input_file.h"

namespace millrace::cli {
namespace {

constexpr std::size_t kHeadBytes = 1 << 20, kTailBytes = 64 << 10;

std::int64_t Number(std::string_view text) {
  std::int64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

// The absolute path, which does not depend on the current folder.
std::string AbsoluteName(const std::string& path) {
  std::error_code error;
  const std::filesystem::path full = std::filesystem::canonical(path, error);
  return error ? path : full.string();
}

std::uint64_t Hash(std::string_view text) { return MurmurHash3(text.data(), text.size(), 0); }

}  // namespace

std::string HashOfRows(const std::vector<std::string>& columns, std::string_view records) {
  return fmt::format("{:016x}{:016x}", Hash(fmt::format("{}", fmt::join(columns, "\n"))),
                     Hash(records));
}

std::string Fingerprint(const std::string& path) {
  const std::int64_t size = FileSize(path);
  if (size < 0) return "";
  InputFile input(path);
  std::string head(kHeadBytes, '\0'), tail;
  const auto fill = [&input](std::string& buffer) {
    std::size_t got = 0;
    while (got < buffer.size()) {
      const std::size_t n = input.Read(buffer.data() + got, buffer.size() - got);
      if (n == 0) break;
      got += n;
    }
    buffer.resize(got);
  };
  fill(head);
  if (static_cast<std::size_t>(size) > kHeadBytes) {
    tail.resize(kTailBytes);
    input.Seek(size - static_cast<std::int64_t>(kTailBytes));
    fill(tail);
  }
  return fmt::format("{}-{:016x}-{:016x}", size, Hash(head), Hash(tail));
}

const RecordedRange* FileRecord::Find(std::int64_t row) const {
  auto after = std::upper_bound(
      ranges_.begin(), ranges_.end(), row,
      [](std::int64_t wanted, const RecordedRange& range) { return wanted < range.first_row; });
  if (after == ranges_.begin()) return nullptr;
  const RecordedRange& range = *std::prev(after);
  return row < range.first_row + range.rows ? &range : nullptr;
}

RecordStatement FileRecord::Statement(const RecordedRange& range) const {
  // The lock shows a later load with --resume that this transaction has not ended.
  return {
      "WITH held AS (SELECT pg_catalog.pg_advisory_xact_lock_shared($9::pg_catalog.int8)) "
      "INSERT INTO millrace.loaded_range (table_name, fingerprint, file, first_row, rows, "
      "first_line, last_line, hash) SELECT $1::pg_catalog.regclass, $2, $3, "
      "$4::pg_catalog.int8, $5::pg_catalog.int8, $6::pg_catalog.int8, $7::pg_catalog.int8, $8 "
      "FROM held",
      {table_, fingerprint_, name_, std::to_string(range.first_row), std::to_string(range.rows),
       std::to_string(range.first_line), std::to_string(range.last_line), range.hash,
       std::to_string(key_ + 1)}};
}

LoadRecords::LoadRecords(const std::vector<std::string>& servers, const TargetTable& table,
                         const std::vector<std::string>& paths, bool resume)
    : table_(table.name.Quoted()) {
  for (const std::string& server : servers) connections_.push_back(Connection::Open(server));
  const std::string why_not = WhyNot();
  if (resume && !why_not.empty()) {
    throw CliError("--resume: " + why_not,
                   "Without a record of what was loaded, only the message of the load that ended "
                   "says it.");
  }
  std::set<std::string> seen;
  for (const std::string& path : paths) {
    files_.push_back(nullptr);
    if (!why_not.empty()) continue;
    const std::string fingerprint = Fingerprint(path);
    if (resume && fingerprint.empty()) {
      throw CliError(
          InputName(path) + " is no regular file: it cannot be read from its start again",
          "Leave --resume out, or put what it gives into a file first.");
    }
    if (!fingerprint.empty() && !seen.insert(fingerprint).second) {
      if (resume) throw CliError(path + " is the same as another of the files");
      continue;
    }
    if (!fingerprint.empty()) files_.back() = Open(path, resume);
  }
}

bool LoadRecords::any() const {
  return std::any_of(files_.begin(), files_.end(),
                     [](const auto& file) { return file != nullptr; });
}

// Empty: the table is on all servers, and we may write it.
std::string LoadRecords::WhyNot() {
  for (Connection& connection : connections_) {
    const QueryResult result = connection.Execute(
        "SELECT t IS NOT NULL, coalesce(has_schema_privilege('millrace', 'USAGE') AND "
        "has_table_privilege(t, 'SELECT') AND has_table_privilege(t, 'INSERT') AND "
        "has_table_privilege(t, 'DELETE'), false), current_user FROM "
        "to_regclass('millrace.loaded_range') t");
    if (result.Value(0, 0) != "t") {
      return "the database has no table millrace.loaded_range, which the extension millrace brings";
    }
    if (result.Value(0, 1) != "t") {
      return fmt::format(
          "role {} may not write what it loads into millrace.loaded_range, as the database's owner "
          "may",
          result.Value(0, 2));
    }
  }
  return "";
}

std::unique_ptr<FileRecord> LoadRecords::Open(const std::string& path, bool resume) {
  const std::string fingerprint = Fingerprint(path);
  Connection& first = connections_.front();
  const std::string oid(first.Execute("SELECT $1::regclass::oid", {table_.c_str()}).Value(0, 0));
  // Even, so that key + 1 is never another load's key.
  const auto key = static_cast<std::int64_t>(Hash(oid + " " + fingerprint) & ~std::uint64_t{1});
  auto record = std::make_unique<FileRecord>(table_, AbsoluteName(path), fingerprint, key);
  const std::string key_text = std::to_string(key);
  if (first.Execute("SELECT pg_try_advisory_lock($1::int8)", {key_text.c_str()}).Value(0, 0) !=
      "t") {
    if (!resume) return nullptr;
    throw CliError(
        fmt::format("another load of {} into {} is under way", path, table_),
        "Wait until it has ended. If its program is gone and the server does not know it "
        "yet, end its sessions (pg_terminate_backend).");
  }
  if (resume) {
    Read(record.get());
    if (record->ranges_.empty() && !record->complete_) RefuseChanged(*record);
    return record;
  }
  for (Connection& connection : connections_) {
    connection.Execute(
        "DELETE FROM millrace.loaded_range WHERE table_name = $1::regclass AND fingerprint = $2",
        {table_.c_str(), fingerprint.c_str()});
  }
  return record;
}

void LoadRecords::Read(FileRecord* record) {
  const std::string held = std::to_string(record->key_ + 1);
  for (Connection& connection : connections_) {
    // Transactions of the earlier load may still be committing.
    connection.Execute("BEGIN; SET LOCAL lock_timeout = '30s'");
    connection.Execute("SELECT pg_advisory_xact_lock($1::int8)", {held.c_str()});
    connection.Execute("COMMIT");
    const QueryResult result = connection.Execute(
        "SELECT first_row, rows, first_line, last_line, hash, complete FROM millrace.loaded_range "
        "WHERE table_name = $1::regclass AND fingerprint = $2",
        {table_.c_str(), record->fingerprint_.c_str()});
    for (int i = 0; i < result.rows(); ++i) {
      if (result.Value(i, 5) == "t") {
        record->complete_ = true;
        continue;
      }
      record->ranges_.push_back({Number(result.Value(i, 0)), Number(result.Value(i, 1)),
                                 Number(result.Value(i, 2)), Number(result.Value(i, 3)),
                                 std::string(result.Value(i, 4))});
    }
  }
  std::sort(record->ranges_.begin(), record->ranges_.end(),
            [](const auto& a, const auto& b) { return a.first_row < b.first_row; });
}

// A file of this name was loaded in part, but it was another file then.
void LoadRecords::RefuseChanged(const FileRecord& record) {
  for (Connection& connection : connections_) {
    const QueryResult result = connection.Execute(
        "SELECT 1 FROM millrace.loaded_range WHERE table_name = $1::regclass AND file = $2 AND NOT "
        "complete LIMIT 1",
        {table_.c_str(), record.name_.c_str()});
    if (result.rows() == 0) continue;
    throw CliError(
        fmt::format("{} has changed since it was loaded into {} in part", record.name_, table_),
        "Bring it back as it was. Or see which of its rows are in (SELECT first_row, rows, "
        "first_line, "
        "last_line FROM millrace.loaded_range) and load the rest by hand. A load without --resume "
        "loads all of it, rows that are in once more.");
  }
}

void LoadRecords::Complete(std::size_t file, std::int64_t rows) {
  const FileRecord& record = *files_[file];
  const std::string count = std::to_string(rows);
  // First record that the file is complete. Then records left on other servers do no harm if we are
  // interrupted here.
  Connection& connection = connections_.front();
  connection.Execute("BEGIN");
  connection.Execute(
      "DELETE FROM millrace.loaded_range WHERE table_name = $1::regclass AND fingerprint = $2",
      {table_.c_str(), record.fingerprint_.c_str()});
  connection.Execute(
      "INSERT INTO millrace.loaded_range (table_name, fingerprint, file, first_row, rows, "
      "first_line, last_line, hash, complete) VALUES ($1::regclass, $2, $3, 0, $4::int8, 0, 0, '', "
      "true)",
      {table_.c_str(), record.fingerprint_.c_str(), record.name_.c_str(), count.c_str()});
  connection.Execute("COMMIT");
  for (std::size_t i = 1; i < connections_.size(); ++i) {
    connections_[i].Execute(
        "DELETE FROM millrace.loaded_range WHERE table_name = $1::regclass AND fingerprint = $2",
        {table_.c_str(), record.fingerprint_.c_str()});
  }
}

}  // namespace millrace::cli
