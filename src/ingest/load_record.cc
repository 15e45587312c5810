#include "ingest/load_record.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <set>

#include "client/error.h"
#include "client/text.h"
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

std::string HashOfRows(const CopyFormat& format, std::string_view records) {
  std::string description = fmt::format("{}", fmt::join(format.columns, "\n"));
  // Not force_null: rows in which it makes a difference were refused without it.
  if (format.dialect != Dialect{} || !format.time_zone.empty()) {
    description +=
        fmt::format("\n\n{}{}{}\n{}\n{}", format.dialect.delimiter, format.dialect.quote,
                    format.dialect.null_text, format.time_zone, fmt::join(format.force_null, "\n"));
  }
  return fmt::format("{:016x}{:016x}", Hash(description), Hash(records));
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

std::string FileRecord::BatchFingerprint(std::int64_t first_row, const std::string& hash) const {
  return pipe_ ? fmt::format("batch-{}-{}", first_row, hash) : "";
}

RecordStatement FileRecord::Statement(const RecordedRange& range, const std::string& batch) const {
  // The lock shows a later load that this transaction has not ended.
  RecordStatement statement = {
      "WITH held AS (SELECT pg_catalog.pg_advisory_xact_lock_shared($9::pg_catalog.int8)) "
      "INSERT INTO millrace.loaded_range (table_name, fingerprint, file, first_row, rows, "
      "first_line, last_line, hash, complete) SELECT $1::pg_catalog.regclass, $2, $3, "
      "$4::pg_catalog.int8, $5::pg_catalog.int8, $6::pg_catalog.int8, $7::pg_catalog.int8, $8, "
      "$10::pg_catalog.bool FROM held",
      {table_, pipe_ ? batch : fingerprint_, name_, std::to_string(range.first_row),
       std::to_string(range.rows), std::to_string(range.first_line),
       std::to_string(range.last_line), range.hash, std::to_string(key_ + 1), pipe_ ? "t" : "f"},
      ""};
  if (pipe_) {
    // Another load of the same pipe may have come between. This waits until it has ended.
    statement.sql += " ON CONFLICT DO NOTHING";
    if (!again_) statement.refusal = "these rows were loaded by another load just now";
  }
  return statement;
}

LoadRecords::LoadRecords(const std::vector<std::string>& servers, const TargetTable& table,
                         const std::vector<std::string>& paths, LoadedBefore mode)
    : table_(table.name.Quoted()), mode_(mode) {
  for (const std::string& server : servers) connections_.push_back(Connection::Open(server));
  const std::string why_not = WhyNot();
  const bool resume = mode == LoadedBefore::kResume;
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
    if (fingerprint.empty()) {
      files_.back() = OpenPipe(path);
    } else if (seen.insert(fingerprint).second) {
      files_.back() = Open(path);
    } else if (mode != LoadedBefore::kLoadAgain && FileSize(path) > 0) {
      throw CliError(path + " is the same as another of the files",
                     "Name it once. --again loads it as often as it is named.");
    }
  }
}

bool LoadRecords::resumable() const {
  return std::any_of(files_.begin(), files_.end(),
                     [](const auto& file) { return file != nullptr && file->resumable(); });
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

std::unique_ptr<FileRecord> LoadRecords::OpenPipe(const std::string& path) const {
  auto record = std::make_unique<FileRecord>();
  record->table_ = table_;
  record->name_ = InputName(path);
  record->pipe_ = true;
  record->again_ = mode_ == LoadedBefore::kLoadAgain;
  return record;
}

std::unique_ptr<FileRecord> LoadRecords::Open(const std::string& path) {
  auto record = std::make_unique<FileRecord>();
  record->table_ = table_;
  record->name_ = AbsoluteName(path);
  record->fingerprint_ = Fingerprint(path);
  record->key_ = LockKey(record->fingerprint_);
  Lock(record->fingerprint_, path);
  Read(record.get());
  const bool in_part = !record->complete_ && !record->ranges_.empty();
  // Nor is it loaded if no row was good: then the options were wrong.
  const bool nothing =
      mode_ == LoadedBefore::kRefuse && record->complete_ && record->complete_rows_ == 0;
  if (mode_ == LoadedBefore::kLoadAgain || nothing) {
    Forget(*record);
    record->ranges_.clear();
    record->complete_ = false;
    return record;
  }
  if (mode_ == LoadedBefore::kRefuse && (in_part || record->complete_)) RefuseLoaded(*record, path);
  if (!in_part && !record->complete_) RefuseChanged(*record);
  return record;
}

// Even, so that key + 1 is never another load's key.
std::int64_t LoadRecords::LockKey(const std::string& fingerprint) {
  Connection& first = connections_.front();
  const std::string oid(first.Execute("SELECT $1::regclass::oid", {table_.c_str()}).Value(0, 0));
  return static_cast<std::int64_t>(Hash(oid + " " + fingerprint) & ~std::uint64_t{1});
}

// As long as the connections are open, nobody else loads the same into the table. `name` is what
// messages call it.
void LoadRecords::Lock(const std::string& fingerprint, const std::string& name) {
  const std::string key = std::to_string(LockKey(fingerprint));
  for (Connection& connection : connections_) {
    if (connection.Execute("SELECT pg_try_advisory_lock($1::int8)", {key.c_str()}).Value(0, 0) ==
        "t") {
      continue;
    }
    throw CliError(
        fmt::format("another load of {} into {} is under way", name, table_),
        "Wait until it has ended. If its program is gone and the server does not know it "
        "yet, end its sessions (pg_terminate_backend).");
  }
}

void LoadRecords::RefuseLoaded(const FileRecord& record, const std::string& path) {
  if (record.complete_) {
    throw CliError(
        fmt::format("{} was loaded into {} before: {}, at {}", path, table_,
                    FormatCount(record.complete_rows_, "row", "rows"), record.loaded_at_),
        "--again loads it once more, also if its rows were deleted since. A file is "
        "known by its size, its beginning and its end.");
  }
  std::int64_t rows = 0;
  for (const RecordedRange& range : record.ranges_) rows += range.rows;
  throw CliError(fmt::format("{} was loaded into {} in part: {}, the last at {}", path, table_,
                             FormatCount(rows, "row", "rows"), record.loaded_at_),
                 "--resume loads the rest. --again loads all of it, rows that are in once more.");
}

void LoadRecords::CheckBatch(const std::string& batch, bool first, const std::string& where) {
  if (mode_ != LoadedBefore::kRefuse) return;
  if (first) Lock(batch, where);
  for (Connection& connection : connections_) {
    const QueryResult found = connection.Execute(
        "SELECT to_char(loaded_at, 'YYYY-MM-DD HH24:MI:SS TZ') FROM millrace.loaded_range WHERE "
        "table_name = $1::regclass AND fingerprint = $2 ORDER BY loaded_at DESC LIMIT 1",
        {table_.c_str(), batch.c_str()});
    if (found.rows() == 0) continue;
    throw CliError(
        fmt::format("{} were loaded into {} before, at {}", where, table_, found.Value(0, 0)),
        "--again loads them once more.");
  }
}

// Also of a file of the same name that was loaded in part and has changed since.
void LoadRecords::Forget(const FileRecord& record) {
  for (Connection& connection : connections_) {
    connection.Execute(
        "DELETE FROM millrace.loaded_range WHERE table_name = $1::regclass AND (fingerprint = $2 "
        "OR file = $3 AND NOT complete)",
        {table_.c_str(), record.fingerprint_.c_str(), record.name_.c_str()});
  }
}

void LoadRecords::Read(FileRecord* record) {
  const std::string held = std::to_string(record->key_ + 1);
  for (Connection& connection : connections_) {
    // Transactions of the earlier load may still be committing.
    connection.Execute("BEGIN; SET LOCAL lock_timeout = '30s'");
    connection.Execute("SELECT pg_advisory_xact_lock($1::int8)", {held.c_str()});
    connection.Execute("COMMIT");
    const QueryResult result = connection.Execute(
        "SELECT first_row, rows, first_line, last_line, hash, complete, to_char(loaded_at, "
        "'YYYY-MM-DD HH24:MI:SS TZ') FROM millrace.loaded_range WHERE table_name = $1::regclass "
        "AND fingerprint = $2 ORDER BY loaded_at",
        {table_.c_str(), record->fingerprint_.c_str()});
    for (int i = 0; i < result.rows(); ++i) {
      record->loaded_at_ = result.Value(i, 6);
      if (result.Value(i, 5) == "t") {
        record->complete_ = true;
        record->complete_rows_ = Number(result.Value(i, 1));
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
        "first_line, last_line FROM millrace.loaded_range) and load the rest by hand. --again "
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
