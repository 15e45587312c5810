// What is written down of a load, in the same transactions as its rows, so that a load that was
// cut short can go on where it was: which rows of which file are in the table.
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

// Of the rows as they are sent, and of the columns that they are sent into.
std::string HashOfRows(const std::vector<std::string>& columns, std::string_view records);

// What a regular file is told by: its size, and what is in it at both ends. Empty for anything
// else. Throws CliError when it cannot be read.
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

  // In the order of rows; none overlap.
  const std::vector<RecordedRange>& ranges() const { return ranges_; }
  // All of the file is in.
  bool complete() const { return complete_; }
  // The range that has the row; nullptr where none does.
  const RecordedRange* Find(std::int64_t row) const;
  // Writes a range down.
  RecordStatement Statement(const RecordedRange& range) const;

 private:
  friend class LoadRecords;
  const std::string table_;
  const std::string name_;
  const std::string fingerprint_;
  const std::int64_t key_;  // of advisory locks: the load's, and key_ + 1 of its transactions
  std::vector<RecordedRange> ranges_;
  bool complete_ = false;
};

// The records of a load's files. Nothing is recorded of pipes, of a file that is named twice, where
// the database has no table millrace.loaded_range, or where the role may not write it on one of the
// servers. Owns a connection, whose locks keep two loads of a file into a table from being resumed
// at once.
class LoadRecords {
 public:
  // `servers` are all that rows are sent to (EntryPoints). With `resume`, what was recorded before
  // is read, after the transactions of that load have ended; without, it is forgotten. Throws
  // CliError with `resume` where nothing can be recorded, another load of the file is under way, or
  // the file has changed.
  LoadRecords(const std::vector<std::string>& servers, const TargetTable& table,
              const std::vector<std::string>& paths, bool resume);

  // nullptr: nothing is recorded of this file.
  const FileRecord* file(std::size_t index) const { return files_[index].get(); }
  bool any() const;
  // All of the file is in now: its ranges become one.
  void Complete(std::size_t file, std::int64_t rows);

 private:
  std::string WhyNot();
  std::unique_ptr<FileRecord> Open(const std::string& path, bool resume);
  void Read(FileRecord* record);
  void RefuseChanged(const FileRecord& record);

  std::vector<Connection> connections_;  // one a server
  const std::string table_;
  std::vector<std::unique_ptr<FileRecord>> files_;
};

}  // namespace millrace::cli
