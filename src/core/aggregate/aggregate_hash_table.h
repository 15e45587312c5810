// AggregateHashTable: from the keys of a row to the number of its group.
//
// Layout: a group's key is `width` words of 64 bits, one after the other: a mask of the NULL
// columns, then one word per column (text by its dictionary code). The slots are an open addressing
// table with linear probing, at most half full, of {upper half of the hash, group + 1}.
//
// A batch is looked up in passes, so that the cache misses of its rows overlap:
//   1. the slot of each row is prefetched;
//   2. the first slot with the row's hash, or a free one, is found, and the group's key is
//   prefetched;
//   3. keys are compared; rows with a new group, or whose hash is that of another key, are looked
//      up one by one.
#pragma once

#include <cstdint>

#include "core/base/buffer.h"
#include "core/vector/column_batch.h"

namespace millrace {

// Trivially destructible; its memory belongs to the allocator.
class AggregateHashTable {
 public:
  static constexpr std::uint32_t kNoGroup = UINT32_MAX;

  // `columns`: how many key columns, 0 to 63.
  explicit AggregateHashTable(std::uint32_t columns) : width_(columns + 1) {}

  // Finds the group of each row. If `insert` is true, makes new groups; otherwise a row without a
  // group gets kNoGroup. `keys` are the key columns; `hashes` has one hash per row, equal for equal
  // keys. Throws std::bad_alloc.
  void Lookup(const Column* const* keys, const std::uint64_t* hashes, std::uint32_t rows,
              bool insert, std::uint32_t* groups, Allocator& allocator);

  std::uint32_t groups() const { return static_cast<std::uint32_t>(hashes_.size()); }
  bool KeyIsNull(std::uint32_t group, std::uint32_t column) const {
    return (Key(group)[0] >> column & 1) != 0;
  }
  std::int64_t KeyValue(std::uint32_t group, std::uint32_t column) const {
    return Key(group)[column + 1];
  }

 private:
  struct Slot {
    std::uint32_t tag;
    std::uint32_t group;  // + 1; 0 where free
  };
  const std::int64_t* Key(std::uint32_t group) const {
    return keys_.data() + std::size_t{group} * width_;
  }
  void Reserve(std::size_t groups, Allocator& allocator);
  std::uint32_t FindOrInsert(const std::int64_t* key, std::uint64_t hash, bool insert,
                             Allocator& allocator);

  std::uint32_t width_;
  std::uint64_t mask_ = 0;
  Buffer<Slot> slots_;
  Buffer<std::int64_t> keys_;
  Buffer<std::uint64_t> hashes_;  // of each group, to grow without looking at keys
};

}  // namespace millrace
