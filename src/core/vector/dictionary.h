// Dictionary: distinct byte strings, numbered from 0 in the order of their first appearance.
//
// Layout: the strings lie one behind the other; an entry has place, length and hash; slots are an
// open addressing table with linear probing, at most half full, of entry number + 1.
#pragma once

#include <cstdint>
#include <string_view>

#include "core/base/buffer.h"
#include "core/base/coding.h"
#include "core/base/hash.h"

namespace millrace {

// Trivially destructible; its memory belongs to the allocator.
class Dictionary {
 public:
  static constexpr std::uint32_t kAbsent = UINT32_MAX;

  // The code of `text`, a new one if need be. Throws std::bad_alloc.
  std::uint32_t Intern(std::string_view text, Allocator& allocator);
  // The code of `text`, or kAbsent.
  std::uint32_t Find(std::string_view text) const noexcept {
    if (slots_.empty()) return kAbsent;
    const std::uint64_t hash = FastHash(text.data(), text.size());
    for (auto slot = static_cast<std::uint32_t>(hash) & mask_; slots_[slot] != 0;
         slot = (slot + 1) & mask_) {
      const std::uint32_t code = slots_[slot] - 1;
      const Entry& entry = entries_[code];
      if (entry.hash == hash && entry.length == text.size() &&
          EqualBytes(bytes_.data() + entry.offset, text.data(), text.size())) {
        return code;
      }
    }
    return kAbsent;
  }

  std::uint32_t size() const { return static_cast<std::uint32_t>(entries_.size()); }
  std::string_view At(std::uint32_t code) const {
    const Entry& entry = entries_[code];
    return {bytes_.data() + entry.offset, entry.length};
  }
  std::uint64_t HashOf(std::uint32_t code) const { return entries_[code].hash; }

 private:
  struct Entry {
    std::uint64_t hash;
    std::uint64_t offset;
    std::uint32_t length;
  };
  void Grow(Allocator& allocator);

  Buffer<Entry> entries_;
  Buffer<char> bytes_;
  Buffer<std::uint32_t> slots_;
  std::uint32_t mask_ = 0;
};

}  // namespace millrace
