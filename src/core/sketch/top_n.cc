#include "core/sketch/top_n.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <type_traits>

#include "core/base/coding.h"
#include "core/base/hash.h"

namespace millrace {
namespace {

static_assert(std::is_trivially_destructible_v<TopN>);

constexpr std::uint8_t kSerializedVersion = 1;
constexpr std::size_t kSerializedHeader = 1 + 8 + 4;
constexpr std::uint32_t kFirstCapacity = 8;
constexpr std::uint64_t kFirstKeyBytes = 64;
// Up to this many entries, comparing all hashes is faster than a table.
constexpr std::uint32_t kLinearEntries = 8;

std::uint32_t HashKey(std::string_view key) {
  return static_cast<std::uint32_t>(MurmurHash3(key.data(), key.size(), 0) >> 32);
}

}  // namespace

std::size_t KeepHighest(TopNItem* items, std::size_t size, std::int64_t counters) noexcept {
  if (size <= static_cast<std::size_t>(counters)) return size;
  std::nth_element(items, items + counters, items + size, RanksBefore);
  std::sort(items, items + counters,
            [](const TopNItem& a, const TopNItem& b) { return StoredOrder(a.key, b.key); });
  return static_cast<std::size_t>(counters);
}

std::int64_t SaturatingAdd(std::int64_t a, std::int64_t b) noexcept {
  std::int64_t sum;
  if (__builtin_add_overflow(a, b, &sum)) return std::numeric_limits<std::int64_t>::max();
  return sum;
}

std::int64_t SummaryFloor(const TopNItem* items, std::size_t size, std::int64_t counters) noexcept {
  if (size < static_cast<std::size_t>(counters)) return 0;
  std::int64_t floor = std::numeric_limits<std::int64_t>::max();
  for (std::size_t i = 0; i < size; ++i) floor = std::min(floor, items[i].count);
  return floor;
}

std::size_t UnionSummaries(const TopNItem* a, std::size_t size_a, const TopNItem* b,
                           std::size_t size_b, std::int64_t counters, TopNItem* out) noexcept {
  const std::int64_t floor_a = SummaryFloor(a, size_a, counters);
  const std::int64_t floor_b = SummaryFloor(b, size_b, counters);
  std::size_t i = 0, j = 0, n = 0;
  while (i < size_a && j < size_b) {
    if (a[i].key == b[j].key) {
      out[n++] = {a[i].key, SaturatingAdd(a[i].count, b[j].count)};
      ++i, ++j;
    } else if (StoredOrder(a[i].key, b[j].key)) {
      out[n++] = {a[i].key, SaturatingAdd(a[i].count, floor_b)};
      ++i;
    } else {
      out[n++] = {b[j].key, SaturatingAdd(b[j].count, floor_a)};
      ++j;
    }
  }
  for (; i < size_a; ++i) out[n++] = {a[i].key, SaturatingAdd(a[i].count, floor_b)};
  for (; j < size_b; ++j) out[n++] = {b[j].key, SaturatingAdd(b[j].count, floor_a)};
  return KeepHighest(out, n, counters);
}

TopN::Entry* TopN::Find(std::string_view key, std::uint32_t hash) const noexcept {
  if (slots_ == nullptr) {
    for (std::uint32_t i = 0; i < size_; ++i) {
      if (entries_[i].hash == hash && KeyOf(entries_[i]) == key) return &entries_[i];
    }
    return nullptr;
  }
  for (std::uint32_t slot = hash & slot_mask_; slots_[slot] != 0; slot = (slot + 1) & slot_mask_) {
    Entry& entry = entries_[slots_[slot] - 1];
    if (entry.hash == hash && KeyOf(entry) == key) return &entry;
  }
  return nullptr;
}

void TopN::Add(std::string_view key, std::int64_t count, Allocator& allocator) {
  const std::uint32_t hash = HashKey(key);
  if (Entry* entry = Find(key, hash)) {
    entry->count = SaturatingAdd(entry->count, count);
  } else {
    Insert(key, hash, count, allocator);
  }
}

void TopN::Insert(std::string_view key, std::uint32_t hash, std::int64_t count,
                  Allocator& allocator) {
  if (size_ == capacity_) {
    if (size_ >= kSlack * counters_) {
      RaiseFloor(allocator);
    } else {
      GrowEntries(allocator);
    }
  }
  ReserveKeyBytes(keys_size_ + key.size(), allocator);
  if (!key.empty()) std::memcpy(keys_ + keys_size_, key.data(), key.size());
  entries_[size_] = {count, keys_size_, hash, static_cast<std::uint32_t>(key.size())};
  keys_size_ += key.size();
  ++size_;
  if (slots_ != nullptr) {
    std::uint32_t slot = hash & slot_mask_;
    while (slots_[slot] != 0) slot = (slot + 1) & slot_mask_;
    slots_[slot] = size_;
  }
}

// Doubles the entries, and keeps the slots at most half full.
void TopN::GrowEntries(Allocator& allocator) {
  const auto limit = static_cast<std::uint64_t>(kSlack * counters_);
  const auto wanted = std::max<std::uint64_t>(kFirstCapacity, std::uint64_t{capacity_} * 2);
  const auto capacity =
      static_cast<std::uint32_t>(std::min(wanted, std::max<std::uint64_t>(limit, kFirstCapacity)));
  auto* entries = allocator.AllocateArray<Entry>(capacity);
  if (size_ > 0) std::memcpy(entries, entries_, size_ * sizeof(Entry));
  if (capacity > kLinearEntries) {
    std::uint32_t slot_count = 16;
    while (slot_count < std::uint64_t{capacity} * 2) slot_count *= 2;
    auto* slots = allocator.AllocateArray<std::uint32_t>(slot_count);
    allocator.Free(slots_);
    slots_ = slots;
    slot_mask_ = slot_count - 1;
  }
  allocator.Free(entries_);
  entries_ = entries;
  capacity_ = capacity;
  RebuildSlots();
}

void TopN::ReserveKeyBytes(std::size_t bytes, Allocator& allocator) {
  if (bytes <= keys_capacity_) return;
  const std::uint64_t capacity =
      std::max({kFirstKeyBytes, keys_capacity_ * 2, std::uint64_t{bytes}});
  auto* keys = allocator.AllocateArray<char>(capacity);
  if (keys_size_ > 0) std::memcpy(keys, keys_, keys_size_);
  allocator.Free(keys_);
  keys_ = keys;
  keys_capacity_ = capacity;
}

void TopN::RebuildSlots() noexcept {
  if (slots_ == nullptr) return;
  std::memset(slots_, 0, (std::size_t{slot_mask_} + 1) * sizeof(*slots_));
  for (std::uint32_t i = 0; i < size_; ++i) {
    std::uint32_t slot = entries_[i].hash & slot_mask_;
    while (slots_[slot] != 0) slot = (slot + 1) & slot_mask_;
    slots_[slot] = i + 1;
  }
}

// Keeps the higher half: the floor rises by the median count, and the remaining counts fall by as
// much. Of the items with the median count itself the oldest stay, with nothing above the floor. So
// there are always at least counters() items once the floor is above zero.
void TopN::RaiseFloor(Allocator& allocator) {
  auto* counts = allocator.AllocateArray<std::int64_t>(size_);
  for (std::uint32_t i = 0; i < size_; ++i) counts[i] = entries_[i].count;
  const std::uint32_t half = size_ / 2;
  std::nth_element(counts, counts + half, counts + size_);
  const std::int64_t raise = counts[half];
  const auto above = static_cast<std::uint32_t>(
      std::count_if(counts + half, counts + size_, [raise](auto count) { return count > raise; }));
  allocator.Free(counts);

  std::uint32_t ties_to_keep = half - above;
  std::uint32_t kept = 0;
  std::uint64_t key_bytes = 0;
  for (std::uint32_t i = 0; i < size_; ++i) {
    Entry entry = entries_[i];
    if (entry.count < raise) continue;
    if (entry.count == raise) {
      if (ties_to_keep == 0) continue;
      --ties_to_keep;
    }
    entry.count -= raise;
    // Entries are in the order of their keys, so the bytes only move towards the front.
    if (entry.key_size > 0) {
      std::memmove(keys_ + key_bytes, keys_ + entry.key_offset, entry.key_size);
    }
    entry.key_offset = key_bytes;
    key_bytes += entry.key_size;
    entries_[kept++] = entry;
  }
  size_ = kept;
  keys_size_ = key_bytes;
  floor_ = SaturatingAdd(floor_, raise);
  RebuildSlots();
}

void TopN::AddSummary(const TopNItem* items, std::size_t size, Allocator& allocator) {
  const std::int64_t floor = SummaryFloor(items, size, counters_);
  for (std::size_t i = 0; i < size; ++i) Add(items[i].key, items[i].count - floor, allocator);
  floor_ = SaturatingAdd(floor_, floor);
}

void TopN::Merge(const TopN& other, Allocator& allocator) {
  for (std::uint32_t i = 0; i < other.size_; ++i) {
    Add(other.KeyOf(other.entries_[i]), other.entries_[i].count, allocator);
  }
  floor_ = SaturatingAdd(floor_, other.floor_);
}

std::size_t TopN::Summarize(TopNItem* out) const noexcept {
  for (std::uint32_t i = 0; i < size_; ++i) {
    out[i] = {KeyOf(entries_[i]), SaturatingAdd(entries_[i].count, floor_)};
  }
  if (size_ > static_cast<std::uint64_t>(counters_)) return KeepHighest(out, size_, counters_);
  std::sort(out, out + size_,
            [](const TopNItem& a, const TopNItem& b) { return StoredOrder(a.key, b.key); });
  return size_;
}

std::size_t TopN::SerializedSize() const noexcept {
  return kSerializedHeader + keys_size_ + std::size_t{size_} * (1 + sizeof(std::int64_t));
}

void TopN::Serialize(std::uint8_t* out) const noexcept {
  *out++ = kSerializedVersion;
  StoreUnaligned(out, floor_);
  StoreUnaligned(out + 8, size_);
  out += 12;
  for (std::uint32_t i = 0; i < size_; ++i) {
    const std::string_view key = KeyOf(entries_[i]);
    *out++ = static_cast<std::uint8_t>(key.size());
    if (!key.empty()) std::memcpy(out, key.data(), key.size());
    out += key.size();
    StoreUnaligned(out, entries_[i].count);
    out += sizeof(std::int64_t);
  }
}

Status TopN::MergeSerialized(const void* bytes, std::size_t size, Allocator& allocator) {
  const auto* p = static_cast<const std::uint8_t*>(bytes);
  if (size < kSerializedHeader || p[0] != kSerializedVersion) {
    return Status::InvalidData("topn state has an unknown format");
  }
  const auto floor = LoadUnaligned<std::int64_t>(p + 1);
  const auto items = LoadUnaligned<std::uint32_t>(p + 9);
  if (floor < 0) return Status::InvalidData("topn state has a negative floor");
  const std::uint8_t* end = p + size;
  p += kSerializedHeader;
  for (std::uint32_t i = 0; i < items; ++i) {
    if (p == end ||
        static_cast<std::size_t>(end - p) < std::size_t{1} + *p + sizeof(std::int64_t)) {
      return Status::InvalidData("topn state ends before its last item");
    }
    const std::string_view key(reinterpret_cast<const char*>(p + 1), *p);
    p += 1 + key.size();
    const auto count = LoadUnaligned<std::int64_t>(p);
    p += sizeof(count);
    if (count < 0) return Status::InvalidData("topn state has a negative count");
    Add(key, count, allocator);
  }
  if (p != end) return Status::InvalidData("topn state has bytes after its last item");
  floor_ = SaturatingAdd(floor_, floor);
  return Status::Ok();
}

std::size_t TopN::memory() const {
  return std::size_t{capacity_} * sizeof(Entry) + keys_capacity_ +
         (slots_ == nullptr ? 0 : (std::size_t{slot_mask_} + 1) * sizeof(*slots_));
}

}  // namespace millrace
