#include "core/aggregate/aggregate_hash_table.h"

#include <cstring>

namespace millrace {
namespace {

constexpr std::size_t kFirstSlots = 1024;
constexpr std::uint32_t kMaxWidth = 64;

std::uint32_t TagOf(std::uint64_t hash) { return static_cast<std::uint32_t>(hash >> 32); }

}  // namespace

void AggregateHashTable::Reserve(std::size_t groups, Allocator& allocator) {
  if (groups * 2 <= slots_.size()) return;
  std::size_t count = std::max(kFirstSlots, slots_.size());
  while (groups * 2 > count) count *= 2;
  Buffer<Slot> slots;
  std::memset(slots.Extend(count, allocator), 0, count * sizeof(Slot));
  mask_ = count - 1;
  for (std::size_t group = 0; group < hashes_.size(); ++group) {
    std::uint64_t slot = hashes_[group] & mask_;
    while (slots[slot].group != 0) slot = (slot + 1) & mask_;
    slots[slot] = {TagOf(hashes_[group]), static_cast<std::uint32_t>(group + 1)};
  }
  slots_.Release(allocator);
  slots_ = slots;
}

std::uint32_t AggregateHashTable::FindOrInsert(const std::int64_t* key, std::uint64_t hash,
                                               bool insert, Allocator& allocator) {
  std::uint64_t slot = hash & mask_;
  for (; slots_[slot].group != 0; slot = (slot + 1) & mask_) {
    const std::uint32_t group = slots_[slot].group - 1;
    if (slots_[slot].tag == TagOf(hash) &&
        std::memcmp(Key(group), key, width_ * sizeof(*key)) == 0) {
      return group;
    }
  }
  if (!insert) return kNoGroup;
  std::memcpy(keys_.Extend(width_, allocator), key, width_ * sizeof(*key));
  hashes_.Append(hash, allocator);
  slots_[slot] = {TagOf(hash), groups()};
  return groups() - 1;
}

void AggregateHashTable::Lookup(const Column* const* keys, const std::uint64_t* hashes,
                                std::uint32_t rows, bool insert, std::uint32_t* groups,
                                Allocator& allocator) {
  // Every row may add a group. With this room the slots stay where they are during the batch.
  Reserve(this->groups() + std::size_t{rows}, allocator);
  for (std::uint32_t i = 0; i < rows; ++i) __builtin_prefetch(&slots_[hashes[i] & mask_]);

  for (std::uint32_t i = 0; i < rows; ++i) {
    std::uint64_t slot = hashes[i] & mask_;
    while (slots_[slot].group != 0 && slots_[slot].tag != TagOf(hashes[i])) {
      slot = (slot + 1) & mask_;
    }
    groups[i] = slots_[slot].group - 1;  // kNoGroup where the slot is free
    if (groups[i] != kNoGroup) {
      // A key may begin near the end of a line.
      __builtin_prefetch(Key(groups[i]));
      __builtin_prefetch(Key(groups[i]) + width_ - 1);
    }
  }

  for (std::uint32_t i = 0; i < rows; ++i) {
    std::int64_t null_mask = 0;
    for (std::uint32_t c = 0; c + 1 < width_; ++c) {
      if (keys[c]->any_null && keys[c]->nulls[i] != 0) null_mask |= std::int64_t{1} << c;
    }
    if (groups[i] != kNoGroup) {
      const std::int64_t* key = Key(groups[i]);
      std::int64_t difference = key[0] ^ null_mask;
      for (std::uint32_t c = 0; c + 1 < width_; ++c) difference |= key[c + 1] ^ keys[c]->values[i];
      if (difference == 0) continue;
    }
    std::int64_t key[kMaxWidth];
    key[0] = null_mask;
    for (std::uint32_t c = 0; c + 1 < width_; ++c) key[c + 1] = keys[c]->values[i];
    groups[i] = FindOrInsert(key, hashes[i], insert, allocator);
  }
}

}  // namespace millrace
