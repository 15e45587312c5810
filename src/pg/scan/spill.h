// Rows for which there was no memory, in temporary files: partitioned by key, to be grouped one
// partition at a time.
//
//   row   := column ...
//   column := 1                     NULL
//           | 0 value(8)            integers and floats
//           | 0 size(4) byte ...    texts and stored sketches
#pragma once

#include "pg/base/api.h"
#include "pg/scan/batch_builder.h"

namespace millrace::pg {

inline constexpr int kSpillPartitions = 32;
// Each level uses five bits of the hash. Rows that still share a partition after these levels have
// the same key.
inline constexpr int kMaxSpillLevel = 12;

// The partitions of one level. Plain data in a memory context; the files are removed at the end of
// the transaction at the latest.
class Spill {
 public:
  Spill(const VectorAggPlan* plan, int level) : plan_(plan), level_(level) {}

  // Appends row `row` of the batch to its partition. Returns the bytes written. May raise (disk
  // full, temp_file_limit).
  int64 Write(const BatchBuilder& batch, uint32 row);
  // Whether the partition has rows.
  bool Has(int partition) const { return files_[partition] != nullptr; }
  void Rewind(int partition);
  // Reads rows into `batch` until it is full; false at the end of the partition.
  bool Read(int partition, BatchBuilder* batch);
  void Close(int partition);
  int level() const { return level_; }

 private:
  int PartitionOf(const BatchBuilder& batch, uint32 row) const;

  const VectorAggPlan* plan_;
  int level_;
  BufFile* files_[kSpillPartitions] = {};
};

}  // namespace millrace::pg
