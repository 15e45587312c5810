// TopN: the most frequent items of a stream, with a bounded error.
//
// The space-saving summary of Metwally, Agrawal, El Abbadi ("Efficient computation of frequent and
// top-k elements in data streams", 2005), in the form that merges (Agarwal et al., "Mergeable
// summaries", 2012; Cafaro et al., "A parallel space saving algorithm", 2016) and that makes room
// in batches instead of one item at a time (Anderson et al., "A high-performance algorithm for
// identifying frequent items in data streams", 2017).
//
// The guarantee for a summary of N counters over n occurrences. It does not matter how it was made:
// item by item, merged from stored summaries in any order and depth, or combined from parallel
// workers. With f the true and c the reported count of an item:
//
//   at most N distinct items:  c = f for each of them (exact)
//   more:                      every item with f > n / N is in the summary
//                              f <= c <= f + m for each item in it, and f <= m for each that is
//                              not, where m <= n / N is the smallest count in the summary
//
// So anybody can read the error m off a stored summary; a summary with fewer than N entries has
// none. Why: write c = floor + k. With every step the sum of all k is at most n - N * floor. That
// is true when items are added (n and one k grow alike), when two summaries are added (all three
// are sums), and when the floor is raised by d and every k lowered by d while at least N of them
// are d or more. The N entries kept at the end have k >= 0, hence N * m <= n.
//
// Counts saturate at the largest int64.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "core/base/allocator.h"
#include "core/base/status.h"

namespace millrace {

// Longest key, in bytes.
inline constexpr std::size_t kTopNMaxKeyBytes = 255;
inline constexpr std::int64_t kTopNMaxCounters = 14913080;
inline constexpr std::int64_t kTopNDefaultCounters = 1000;

struct TopNItem {
  std::string_view key;
  std::int64_t count;
};

// The order of stored items, which is jsonb's order of keys: by length, then by bytes.
inline bool StoredOrder(std::string_view a, std::string_view b) {
  return a.size() != b.size() ? a.size() < b.size() : a < b;
}

// Rank order: highest count first, ties by key bytes, so that results are stable.
inline bool RanksBefore(const TopNItem& a, const TopNItem& b) {
  return a.count != b.count ? a.count > b.count : a.key < b.key;
}

std::int64_t SaturatingAdd(std::int64_t a, std::int64_t b) noexcept;

// m (see above): the smallest count of a stored summary that is full; 0 if it is not full.
std::int64_t SummaryFloor(const TopNItem* items, std::size_t size, std::int64_t counters) noexcept;

// The union of two stored summaries, both in StoredOrder. Writes at most `counters` items to `out`,
// in StoredOrder, and returns how many. REQUIRES: `out` has room for size_a + size_b items.
std::size_t UnionSummaries(const TopNItem* a, std::size_t size_a, const TopNItem* b,
                           std::size_t size_b, std::int64_t counters, TopNItem* out) noexcept;

// Keeps the `counters` items with the highest rank, in StoredOrder, and returns how many there are.
// REQUIRES: they are in StoredOrder.
std::size_t KeepHighest(TopNItem* items, std::size_t size, std::int64_t counters) noexcept;

// A summary that grows with its content up to kSlack * counters items. Trivially destructible; its
// memory belongs to the allocator that the calls which change it are given (the same one each
// time). These calls throw std::bad_alloc.
class TopN {
 public:
  // Room for more items than are kept in the end. With it, making room is rare and the counts are
  // sharper (the floor rises by at most 2n / (kSlack * counters)).
  static constexpr std::int64_t kSlack = 16;

  // REQUIRES: 1 <= counters <= kTopNMaxCounters.
  explicit TopN(std::int64_t counters) noexcept : counters_(counters) {}

  std::int64_t counters() const { return counters_; }
  std::uint32_t size() const { return size_; }

  // REQUIRES: key.size() <= kTopNMaxKeyBytes, count >= 0.
  void Add(std::string_view key, std::int64_t count, Allocator& allocator);
  // Adds a stored summary.
  void AddSummary(const TopNItem* items, std::size_t size, Allocator& allocator);
  void Merge(const TopN& other, Allocator& allocator);

  // Copies the items of the summary to `out`, in StoredOrder, and returns how many: at most
  // counters(). The keys point into this object. REQUIRES: `out` has room for size() items.
  std::size_t Summarize(TopNItem* out) const noexcept;

  // The whole state as bytes, for a parallel worker to give to its leader:
  //   state := version(1) floor(8) size(4) { length(1) key count(8) } ...      little-endian
  std::size_t SerializedSize() const noexcept;
  void Serialize(std::uint8_t* out) const noexcept;
  // Merges a serialized state into this one. Returns kInvalidData when the bytes do not follow the
  // format; items before the bad bytes may have been added then.
  Status MergeSerialized(const void* bytes, std::size_t size, Allocator& allocator);

  // Bytes held outside the object.
  std::size_t memory() const;

 private:
  struct Entry {
    std::int64_t count;
    std::uint64_t key_offset;  // into keys_
    std::uint32_t hash;
    std::uint32_t key_size;
  };

  std::string_view KeyOf(const Entry& entry) const {
    return {keys_ + entry.key_offset, entry.key_size};
  }
  Entry* Find(std::string_view key, std::uint32_t hash) const noexcept;
  void Insert(std::string_view key, std::uint32_t hash, std::int64_t count, Allocator& allocator);
  void GrowEntries(Allocator& allocator);
  void ReserveKeyBytes(std::size_t bytes, Allocator& allocator);
  void RebuildSlots() noexcept;
  void RaiseFloor(Allocator& allocator);

  std::int64_t counters_;
  std::int64_t floor_ = 0;
  Entry* entries_ = nullptr;
  char* keys_ = nullptr;
  // Open addressing with linear probing: the position in entries_ plus 1; 0 when free. Absent while
  // there are so few entries that comparing all is faster.
  std::uint32_t* slots_ = nullptr;
  std::uint64_t keys_size_ = 0;
  std::uint64_t keys_capacity_ = 0;
  std::uint32_t size_ = 0;
  std::uint32_t capacity_ = 0;
  std::uint32_t slot_mask_ = 0;
};

}  // namespace millrace
