#include "core/vector/dictionary.h"

namespace millrace {
namespace {

constexpr std::uint32_t kFirstSlots = 64;

}  // namespace

std::uint32_t Dictionary::FindInSlots(std::string_view text) const noexcept {
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

std::uint32_t Dictionary::Intern(std::string_view text, Allocator& allocator) {
  if (const std::uint32_t code = Find(text); code != kAbsent) return code;
  if ((entries_.size() + 1) * 2 > slots_.size()) Grow(allocator);
  const std::uint64_t offset = bytes_.size();
  char* copy = bytes_.Extend(text.size(), allocator);
  if (!text.empty()) std::memcpy(copy, text.data(), text.size());
  const std::uint64_t hash = FastHash(text.data(), text.size());
  entries_.Append({hash, offset, static_cast<std::uint32_t>(text.size())}, allocator);
  auto slot = static_cast<std::uint32_t>(hash) & mask_;
  while (slots_[slot] != 0) slot = (slot + 1) & mask_;
  slots_[slot] = size();
  return size() - 1;
}

void Dictionary::Release(Allocator& allocator) {
  entries_.Release(allocator);
  bytes_.Release(allocator);
  slots_.Release(allocator);
  recent_.Release(allocator);
  mask_ = 0;
}

void Dictionary::Grow(Allocator& allocator) {
  if (recent_.empty()) {
    std::fill_n(recent_.Extend(kRecent, allocator), kRecent, Recent{{0, 0}, kNoSize, kAbsent});
  }
  const std::size_t count = std::max<std::size_t>(kFirstSlots, slots_.size() * 2);
  Buffer<std::uint32_t> slots;
  std::memset(slots.Extend(count, allocator), 0, count * sizeof(std::uint32_t));
  mask_ = static_cast<std::uint32_t>(count - 1);
  for (std::uint32_t code = 0; code < size(); ++code) {
    auto slot = static_cast<std::uint32_t>(entries_[code].hash) & mask_;
    while (slots[slot] != 0) slot = (slot + 1) & mask_;
    slots[slot] = code + 1;
  }
  slots_.Release(allocator);
  slots_ = slots;
}

}  // namespace millrace
