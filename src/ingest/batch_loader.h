// Loads one batch. If bad rows are to be rejected, finds out which rows are bad.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "ingest/copy_pool.h"
#include "ingest/load_record.h"
#include "ingest/loaded_ranges.h"
#include "ingest/rejects_file.h"

namespace millrace::cli {

// Why a load stopped.
struct LoadFailure {
  std::size_t file = 0;
  std::int64_t row = 0;     // the first row of the batch, to tell which of two failures comes first
  bool blames_data = true;  // a row is bad; false: the server is the reason
  std::string message;      // with the file and line, if a row is bad
  std::string uncertain;    // rows that may or may not be loaded; empty: none
  std::string hint;         // an option that may help; empty: none
};

// What the connections of a load share. Thread-safe.
class BatchLoader {
 public:
  // `names` are the names of the inputs in messages. Without `rejects` the first bad row is a
  // failure; with it, bad rows are written there. Loaded rows are recorded in `records`. Both must
  // outlive this object.
  BatchLoader(TargetTable table, std::vector<std::string> names, const LoadRecords& records,
              RejectsFile* rejects);

  // Loads the batch through `sender`. Returns false after a failure.
  //
  // With rejects, the whole batch is tried first. If the server names a line, the records before it
  // are sent on their own, that record is rejected, and the rest follows. If it names none (a
  // deferred constraint, a shard's own COPY), the batch is halved until one record is left. How
  // many records are tried together after a bad one depends on how far apart the bad ones are. So
  // the work stays proportional to the batch even if every record is bad.
  bool Load(CopySender& sender, const CopyBatch& batch);

  // For a record that cannot be sent at all: rejects it, or notes a failure and returns false.
  bool Refuse(std::size_t file, std::int64_t row, std::int64_t line, const std::string& reason,
              std::string_view record);

  // rows that this object has loaded, without those that were in `records` before
  std::int64_t loaded_rows() const { return loaded_rows_; }
  // whether a row of any file is loaded, also before
  bool any_loaded() const;
  // rows of one file, with those that were in `records` before
  std::int64_t rows_of(std::size_t file) const;
  // The first failure in the order of the inputs.
  std::optional<LoadFailure> failure() const;
  // "FILE: rows ... are loaded", one line per input.
  std::string DescribeLoaded() const;

 private:
  struct Slice {
    std::string_view records;
    std::int64_t first_row;
    std::int64_t rows;
    std::int64_t first_line;
  };

  CopyResult Send(CopySender& sender, const CopyBatch& batch, const Slice& slice);
  // The line of the file on which the row begins that has `rows` rows and `lines` line feeds of the
  // slice before it.
  static std::int64_t LineOf(const CopyBatch& batch, const Slice& slice, std::int64_t rows,
                             std::int64_t lines);
  static std::int64_t LastLine(const CopyBatch& batch, const Slice& slice);
  void Committed(const CopyBatch& batch, const Slice& slice);
  void Fail(const CopyBatch& batch, const Slice& slice, const CopyResult& result);
  void Fail(LoadFailure failure);
  std::string Where(const CopyBatch& batch, const Slice& slice) const;

  const TargetTable table_;
  const std::vector<std::string> names_;
  const LoadRecords& records_;
  RejectsFile* const rejects_;
  std::atomic<std::int64_t> loaded_rows_ = 0;
  mutable std::mutex mutex_;  // guards what follows
  std::vector<LoadedRanges> loaded_;
  std::optional<LoadFailure> failure_;
};

}  // namespace millrace::cli
