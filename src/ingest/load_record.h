// What is recorded of a load in the same transactions as its rows: which rows of which file are in
// the table. If the load is interrupted, another one can resume it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "client/connection.h"
#include "ingest/target_table.h"

namespace millrace::cli {

// Rows of a file that were committed together. Rows are counted from 1 without a header, lines from
// 1 with it.
struct RecordedRange {
  std::int64_t first_row;
  std::int64_t rows;
  std::int64_t first_line;
  std::int64_t last_line;
  std::string hash;  // HashOfRows
};

// The hash of rows as they are sent, and of the columns that they are sent into.
std::string HashOfRows(const std::vector<std::string>& columns, std::string_view records);

// A fingerprint of a regular file: its size, and its bytes at both ends. Empty for anything else.
// Throws CliError when it cannot be read.
std::string Fingerprint(const std::string& path);

// A statement that is sent with a batch, in its transaction.
struct RecordStatement {
  std::string sql;
  std::vector<std::string> parameters;
};

// The load of one file into one table. Thread-compatible; Statement may be called by many threads.
class FileRecord {
 public:
  FileRecord(std::string table, std::string name, std::string fingerprint, std::int64_t key)
      : table_(std::move(table)),
        name_(std::move(name)),
        fingerprint_(std::move(fingerprint)),
        key_(key) {}

  // In the order of rows; they do not overlap.
  const std::vector<RecordedRange>& ranges() const { return ranges_; }
  // Whether all of the file is loaded.
  bool complete() const { return complete_; }
  // The range that contains the row; nullptr if none does.
  const RecordedRange* Find(std::int64_t row) const;
  // The statement that records a range.
  RecordStatement Statement(const RecordedRange& range) const;

 private:
  friend class LoadRecords;
  const std::string table_;
  const std::string name_;
  const std::string fingerprint_;
  const std::int64_t key_;  // of advisory locks: the load has key_, its transactions key_ + 1
  std::vector<RecordedRange> ranges_;
  bool complete_ = false;
};

// The records of a load's files. Nothing is recorded of pipes or of a file that is named twice, nor
// if the database has no table millrace.loaded_range or the role may not write it on one of the
// servers. Owns a connection, whose locks keep two loads from resuming the same file into the same
// table at once.
class LoadRecords {
 public:
  // `servers` are all servers that rows are sent to (EntryPoints). With `resume`, waits until the
  // transactions of the earlier load have ended and then reads what was recorded; without it,
  // forgets that. With `resume`, throws CliError when nothing can be recorded, another load of the
  // file is running, or the file has changed.
  LoadRecords(const std::vector<std::string>& servers, const TargetTable& table,
              const std::vector<std::string>& paths, bool resume);

  // nullptr: nothing is recorded of this file.
  const FileRecord* file(std::size_t index) const { return files_[index].get(); }
  bool any() const;
  // Records that all of the file is loaded: its ranges become one.
  void Complete(std::size_t file, std::int64_t rows);

 private:
  std::string WhyNot();
  std::unique_ptr<FileRecord> Open(const std::string& path, bool resume);
  void Read(FileRecord* record);
  void RefuseChanged(const FileRecord& record);

  std::vector<Connection> connections_;  // one per server
  const std::string table_;
  std::vector<std::unique_ptr<FileRecord>> files_;
};

}  // namespace millrace::cli
