// Rows that wait until their group's values are needed all at once (see group_by.h): for each row
// its group, and the values of some columns. Rows are appended in any order of groups; Scatter then
// brings them into the order of the groups, each group's in the order in which they came.
#pragma once

#include <cstdint>

#include "core/base/buffer.h"
#include "core/vector/column_batch.h"

namespace millrace {

// Trivially destructible: all memory belongs to the allocator.
class KeptRows {
 public:
  static constexpr int kMaxColumns = 64;

  // The values of one column for the rows of one group.
  struct Segment {
    const std::int64_t* values;
    const std::uint8_t* nulls;  // nullptr: none is NULL
    std::size_t size;
  };

  // Keeps this column of the batches from now on, once however often it is added. Returns its
  // place, for SegmentOf. REQUIRES: no row was appended.
  std::uint8_t AddColumn(std::uint16_t column);
  bool has_columns() const { return count_ > 0; }

  // Appends the rows of a batch that have a group. Throws std::bad_alloc; the columns have the same
  // length then too.
  void Append(const ColumnBatch& batch, const std::uint32_t* groups, Allocator& allocator);
  // What the rows take, with what scattering them will take.
  std::size_t Bytes() const;

  // Sorts the rows by group: a stable counting sort. `groups`: how many there are. No row may be
  // appended to what is scattered, except by KeepAgain.
  void Scatter(std::uint32_t groups, Allocator& allocator);
  // After Scatter:
  std::size_t RowsOf(std::uint32_t group) const { return offsets_[group + 1] - offsets_[group]; }
  Segment SegmentOf(std::uint32_t group, std::uint8_t column) const {
    const Column& kept = columns_[column];
    const std::size_t begin = offsets_[group];
    return {kept.by_group + begin, kept.any_null_by_group ? kept.nulls_by_group + begin : nullptr,
            RowsOf(group)};
  }
  // Appends the rows of a group again, for after FreeScattered.
  void KeepAgain(std::uint32_t group, Allocator& allocator);
  void FreeScattered(Allocator& allocator);

 private:
  struct Column {
    std::uint16_t number;  // in the batches
    bool any_null;
    Buffer<std::int64_t> values;
    Buffer<std::uint8_t> nulls;
    // After Scatter, in the order of the groups.
    std::int64_t* by_group;
    std::uint8_t* nulls_by_group;
    bool any_null_by_group;

    // From here on there are NULLs; the first `rows` values are none.
    void StartNulls(std::size_t rows, Allocator& allocator);
  };

  std::uint8_t count_ = 0;
  Column columns_[kMaxColumns];
  Buffer<std::uint32_t> groups_;      // of each row
  std::uint64_t* offsets_ = nullptr;  // of each group's rows, after Scatter; one more than groups
};

}  // namespace millrace
