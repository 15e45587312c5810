// What is recorded of a load in the same transactions as its rows: which rows of which file are in
// the table. If the load is interrupted, another one can resume it, and what is in is not loaded
// again by mistake.
//
// A regular file has its ranges, under its fingerprint. A pipe cannot be read before it is loaded,
// so each of its batches is recorded on its own: the fingerprint has the batch's place and
// contents.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "client/connection.h"
#include "ingest/copy_format.h"
#include "ingest/load_options.h"
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
std::string HashOfRows(const CopyFormat& format, std::string_view records);

// A fingerprint of a regular file: its size, and its bytes at both ends. Empty for anything else.
// Throws CliError when it cannot be read.
std::string Fingerprint(const std::string& path);

// A statement that is sent with a batch, in its transaction and before its rows.
struct RecordStatement {
  std::string sql;
  std::vector<std::string> parameters;
  // If it inserts no row: why the batch must not be loaded. Empty: that does not matter.
  std::string refusal;
};

// The load of one file or pipe into one table. Thread-compatible; Statement may be called by many
// threads.
class FileRecord {
 public:
  // In the order of rows; they do not overlap.
  const std::vector<RecordedRange>& ranges() const { return ranges_; }
  // Whether all of the file is loaded.
  bool complete() const { return complete_; }
  // The range that contains the row; nullptr if none does.
  const RecordedRange* Find(std::int64_t row) const;
  // Whether it can be resumed: it is a regular file.
  bool resumable() const { return !pipe_; }
  // Of a pipe: the fingerprint of a batch, by its first row and its contents. Of a file: empty.
  std::string BatchFingerprint(std::int64_t first_row, const std::string& hash) const;
  // The statement that records a range. `batch` is the BatchFingerprint of its batch.
  RecordStatement Statement(const RecordedRange& range, const std::string& batch) const;

 private:
  friend class LoadRecords;
  std::string table_;
  std::string name_;
  std::string fingerprint_;  // empty: a pipe
  std::int64_t key_ = 0;     // of advisory locks: the load has key_, its transactions key_ + 1
  bool pipe_ = false;
  bool again_ = false;  // a batch that was loaded before is no error
  std::vector<RecordedRange> ranges_;
  bool complete_ = false;
  std::int64_t complete_rows_ = 0;  // of a complete file
  std::string loaded_at_;           // when the last of it was loaded
};

// The records of a load's files. Nothing is recorded of a file that is named twice, nor if the
// database has no table millrace.loaded_range or the role may not write it on one of the servers.
// Owns a connection to each server, whose locks keep two loads of one file into one table from
// running at once.
class LoadRecords {
 public:
  // `servers` are all servers that rows are sent to (EntryPoints). Waits until the transactions of
  // an earlier load of the same files have ended, and reads what was recorded of them; kLoadAgain
  // forgets it. Throws CliError, with what to type, when another load of one of the files is
  // running and
  // - kRefuse: when one was loaded before, all of it or in part, or is there twice. A file without
  //   rows was not.
  // - kResume: when nothing can be recorded, or a file that was loaded in part has changed.
  LoadRecords(const std::vector<std::string>& servers, const TargetTable& table,
              const std::vector<std::string>& paths, LoadedBefore mode);

  // nullptr: nothing is recorded of this file.
  const FileRecord* file(std::size_t index) const { return files_[index].get(); }
  bool again() const { return mode_ == LoadedBefore::kLoadAgain; }
  // Whether there is a file whose load can be resumed.
  bool resumable() const;
  // With kRefuse: throws CliError if the batch of a pipe (BatchFingerprint) was loaded before, or,
  // for the `first` one of a pipe, another load that began with it is running; `where` says which
  // batch it is.
  void CheckBatch(const std::string& batch, bool first, const std::string& where);
  // Records that all of the file is loaded: its ranges become one.
  void Complete(std::size_t file, std::int64_t rows);

 private:
  std::string WhyNot();
  std::unique_ptr<FileRecord> Open(const std::string& path);
  std::unique_ptr<FileRecord> OpenPipe(const std::string& path) const;
  void Lock(const std::string& fingerprint, const std::string& name);
  std::int64_t LockKey(const std::string& fingerprint);
  void Read(FileRecord* record);
  void Forget(const FileRecord& record);
  void RefuseLoaded(const FileRecord& record, const std::string& path);
  void RefuseChanged(const FileRecord& record);

  std::vector<Connection> connections_;  // one per server
  const std::string table_;
  const LoadedBefore mode_;
  std::vector<std::unique_ptr<FileRecord>> files_;
};

}  // namespace millrace::cli
