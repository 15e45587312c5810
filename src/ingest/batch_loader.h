// Loads one batch, and where rows are to be rejected, finds the rows at fault.
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
  std::int64_t row = 0;     // of the batch's first row, to tell which of two failures comes first
  bool blames_data = true;  // a row is at fault, not the server
  std::string message;      // with the file and line, where a row is to blame
  std::string uncertain;    // rows of which nobody knows whether they are loaded; empty: none
};

// What is shared by the connections of a load. Thread-safe.
class BatchLoader {
 public:
  // `names` are the inputs as messages call them. Without `rejects` the first bad row is a failure;
  // with it, bad rows go there. What is loaded goes into `records` too. Both must outlive this
  // object.
  BatchLoader(TargetTable table, std::vector<std::string> names, const LoadRecords& records,
              RejectsFile* rejects);

  // Loads the batch through `sender`; false after a failure.
  //
  // Rejecting: a batch is tried whole. When the server blames a line, the records before it are
  // sent on their own, that record is rejected, and the rest follows; when it blames none (a
  // deferred constraint, a shard's own COPY), the batch is halved until one record is left. How
  // many records are tried at a time after a bad one follows from how far apart the bad ones are,
  // so the work stays proportional to the batch even if every record is bad.
  bool Load(CopySender& sender, const CopyBatch& batch);

  // A record that cannot be sent at all: rejected, or a failure (false).
  bool Refuse(std::size_t file, std::int64_t row, std::int64_t line, const std::string& reason,
              std::string_view record);

  // By this object; not those that `records` had already.
  std::int64_t loaded_rows() const { return loaded_rows_; }
  // Of one file, those that `records` had too.
  std::int64_t rows_of(std::size_t file) const;
  // The first failure in the order of the inputs.
  std::optional<LoadFailure> failure() const;
  // "FILE: rows ... are loaded" for every input, a line each.
  std::string DescribeLoaded() const;

 private:
  struct Slice {
    std::string_view records;
    std::int64_t first_row;
    std::int64_t rows;
    std::int64_t first_line;
  };

  CopyResult Send(CopySender& sender, const CopyBatch& batch, const Slice& slice);
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
