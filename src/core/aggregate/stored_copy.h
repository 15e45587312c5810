// A copy of the only stored sketch that a group has so far. It takes the place of a sketch object;
// the lowest bit of its address is set.
#pragma once

#include <cstring>
#include <span>

#include "core/base/allocator.h"
#include "core/sketch/hyperloglog_view.h"
#include "core/sketch/top_n.h"

namespace millrace {

inline bool IsStoredCopy(const void* slot) {
  return (reinterpret_cast<std::uintptr_t>(slot) & 1) != 0;
}

namespace internal {
inline void* MarkCopy(void* memory) { return static_cast<char*>(memory) + 1; }
inline const void* CopyBehind(const void* slot) { return static_cast<const char*>(slot) - 1; }

struct HllCopy {
  std::size_t size;
  std::uint8_t bytes[];
};
struct TopNCopy {
  std::size_t size;
  TopNItem items[];  // their keys lie behind them
};
}  // namespace internal

// REQUIRES: view.IsOwnUnion().
inline void* CopyStoredHll(const HllView& view, Allocator& allocator) {
  auto* copy =
      static_cast<internal::HllCopy*>(allocator.Allocate(sizeof(internal::HllCopy) + view.size()));
  copy->size = view.size();
  std::memcpy(copy->bytes, view.bytes(), view.size());
  return internal::MarkCopy(copy);
}

inline std::span<const std::uint8_t> StoredHll(const void* slot) {
  const auto* copy = static_cast<const internal::HllCopy*>(internal::CopyBehind(slot));
  return {copy->bytes, copy->size};
}

inline void* CopyStoredTopN(std::span<const TopNItem> items, Allocator& allocator) {
  std::size_t key_bytes = 0;
  for (const TopNItem& item : items) key_bytes += item.key.size();
  auto* copy = static_cast<internal::TopNCopy*>(
      allocator.Allocate(sizeof(internal::TopNCopy) + items.size_bytes() + key_bytes));
  copy->size = items.size();
  char* keys = reinterpret_cast<char*>(copy->items + items.size());
  for (std::size_t i = 0; i < items.size(); ++i) {
    const std::string_view key = items[i].key;
    if (!key.empty()) std::memcpy(keys, key.data(), key.size());
    copy->items[i] = {{keys, key.size()}, items[i].count};
    keys += key.size();
  }
  return internal::MarkCopy(copy);
}

inline std::span<const TopNItem> StoredTopN(const void* slot) {
  const auto* copy = static_cast<const internal::TopNCopy*>(internal::CopyBehind(slot));
  return {copy->items, copy->size};
}

inline void FreeStoredCopy(const void* slot, Allocator& allocator) {
  allocator.Free(const_cast<void*>(internal::CopyBehind(slot)));
}

}  // namespace millrace
