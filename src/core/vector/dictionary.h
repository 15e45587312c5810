// Dictionary: distinct byte strings, numbered from 0 in the order of their first appearance.
//
// Layout: the strings are stored one after the other; an entry has place, length and hash; slots
// are an open addressing table with linear probing, at most half full, of entry number + 1. Before
// that, a small direct-mapped table has the bytes of recent short strings: most columns have few
// different values, and comparing two words is faster than following three pointers.
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

  // The code of `text`, which is new if the text is. Throws std::bad_alloc.
  std::uint32_t Intern(std::string_view text, Allocator& allocator);
  // The code of `text`, or kAbsent.
  std::uint32_t Find(std::string_view text) noexcept {
    if (text.size() > kShort || text.empty() || recent_.empty()) return FindInSlots(text);
    const ShortText words = LoadShort(text);
    const std::uint64_t mixed = FoldedMultiply(words.low ^ text.size(), words.high ^ kMixer);
    Recent& recent = recent_[mixed % kRecent];
    if (recent.words.low == words.low && recent.words.high == words.high &&
        recent.size == text.size()) {
      return recent.code;
    }
    const std::uint32_t code = FindInSlots(text);
    if (code != kAbsent) recent = {words, static_cast<std::uint32_t>(text.size()), code};
    return code;
  }

  std::uint32_t size() const { return static_cast<std::uint32_t>(entries_.size()); }
  std::string_view At(std::uint32_t code) const {
    const Entry& entry = entries_[code];
    return {bytes_.data() + entry.offset, entry.length};
  }
  std::uint64_t HashOf(std::uint32_t code) const { return entries_[code].hash; }
  // Bytes held outside the object.
  std::size_t memory() const {
    return bytes_.size() + entries_.size() * sizeof(Entry) + slots_.size() * sizeof(std::uint32_t);
  }
  // Forgets all strings and frees their memory.
  void Release(Allocator& allocator);

 private:
  static constexpr std::size_t kShort = 16;
  static constexpr std::size_t kRecent = 64;
  static constexpr std::uint64_t kMixer = 0x9e3779b97f4a7c15ULL;
  static constexpr std::uint32_t kNoSize = UINT32_MAX;
  struct ShortText {
    std::uint64_t low, high;  // the bytes, then zeros
  };
  struct Recent {
    ShortText words;
    std::uint32_t size;  // kNoSize: none
    std::uint32_t code;
  };
  struct Entry {
    std::uint64_t hash;
    std::uint64_t offset;
    std::uint32_t length;
  };
  static ShortText LoadShort(std::string_view text) noexcept;
  std::uint32_t FindInSlots(std::string_view text) const noexcept;
  void Grow(Allocator& allocator);

  Buffer<Entry> entries_;
  Buffer<char> bytes_;
  Buffer<std::uint32_t> slots_;
  Buffer<Recent> recent_;  // kRecent of them, once there is a string
  std::uint32_t mask_ = 0;
};

// Reads 16 bytes at once, if they do not touch another page of memory, and masks out what comes
// after the text. So no branch depends on the length.
__attribute__((no_sanitize("address"))) inline Dictionary::ShortText Dictionary::LoadShort(
    std::string_view text) noexcept {
  constexpr std::uintptr_t kPage = 4096;
  constexpr std::uint64_t kMasks[] = {0,
                                      0xff,
                                      0xffff,
                                      0xffffff,
                                      0xffffffff,
                                      0xffffffffff,
                                      0xffffffffffff,
                                      0xffffffffffffff,
                                      0xffffffffffffffff};
  const std::size_t size = text.size();
  const char* bytes = text.data();
  char copy[kShort] = {};
  if (reinterpret_cast<std::uintptr_t>(bytes) % kPage > kPage - kShort) {
    std::memcpy(copy, bytes, size);
    bytes = copy;
  }
  std::uint64_t low, high;
  __builtin_memcpy(&low, bytes, sizeof(low));
  __builtin_memcpy(&high, bytes + sizeof(low), sizeof(high));
  return {low & kMasks[size < 8 ? size : 8], high & kMasks[size > 8 ? size - 8 : 0]};
}

}  // namespace millrace
