#include "core/sketch/top_n_jsonb.h"

#include <cstring>
#include <limits>

#include "core/base/coding.h"

namespace millrace {
namespace {

// utils/jsonb.h
constexpr std::uint32_t kCountMask = 0x0FFFFFFF;
constexpr std::uint32_t kObjectFlag = 0x20000000;
constexpr std::uint32_t kEntryTypeMask = 0x70000000;
constexpr std::uint32_t kEntryString = 0x00000000;
constexpr std::uint32_t kEntryNumber = 0x10000000;
constexpr std::uint32_t kEntryHasOffset = 0x80000000;
constexpr std::uint32_t kEntryLengthMask = 0x0FFFFFFF;
constexpr std::size_t kOffsetStride = 32;

// postgres.h: a plain varlena has its length, header included, in the upper 30 bits of four bytes.
constexpr std::size_t kVarlenaHeader = 4;

// numeric.c, the short form
constexpr std::uint16_t kShortFlag = 0x8000;
constexpr std::uint16_t kSpecialMask = 0xC000;
constexpr std::uint16_t kSignScaleMask = 0x2000 | 0x1F80 | 0x0040;  // sign, scale, sign of weight
constexpr std::uint16_t kWeightMask = 0x003F;
constexpr std::size_t kNumberHeader = kVarlenaHeader + sizeof(std::uint16_t);
constexpr std::uint64_t kBase = 10000;
constexpr unsigned kMaxDigits = 5;  // of an int64

constexpr std::size_t AlignInt(std::size_t offset) { return (offset + 3) & ~std::size_t{3}; }

Status Bad(const char* why) { return Status::InvalidParameter(why); }
Status Damaged() { return Bad("It is damaged."); }

Status DecodeCount(const char* bytes, std::size_t size, OtherNumber other_number,
                   std::int64_t* count) {
  if (size < kNumberHeader) return Damaged();
  const auto varlena = LoadUnaligned<std::uint32_t>(bytes);
  const bool plain_varlena = (varlena & 0x03) == 0;
  if (!plain_varlena || varlena >> 2 != size) return Damaged();
  const auto header = LoadUnaligned<std::uint16_t>(bytes + kVarlenaHeader);
  const std::size_t digits = (size - kNumberHeader) / sizeof(std::int16_t);
  const unsigned weight = header & kWeightMask;
  if ((header & kSpecialMask) != kShortFlag || (header & kSignScaleMask) != 0 ||
      weight >= kMaxDigits || digits > weight + 1) {
    return other_number(bytes, size, count);
  }
  std::uint64_t value = 0;
  for (unsigned i = 0; i <= weight; ++i) {
    std::uint16_t digit = 0;
    if (i < digits) {
      digit = LoadUnaligned<std::uint16_t>(bytes + kNumberHeader + i * sizeof(digit));
    }
    // Five digits stay below 10^20, but may pass 2^64.
    if (digit >= kBase) return Damaged();
    if (__builtin_mul_overflow(value, kBase, &value) ||
        __builtin_add_overflow(value, std::uint64_t{digit}, &value)) {
      return Bad("A count is larger than a bigint.");
    }
  }
  if (value > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
    return Bad("A count is larger than a bigint.");
  }
  *count = static_cast<std::int64_t>(value);
  return Status::Ok();
}

// The digits of a count, most significant first, without trailing zeros.
struct Digits {
  std::int16_t values[kMaxDigits];
  unsigned size = 0;
  unsigned weight = 0;

  explicit Digits(std::int64_t count) {
    std::int16_t reversed[kMaxDigits];
    unsigned n = 0;
    for (auto rest = static_cast<std::uint64_t>(count); rest > 0; rest /= kBase) {
      reversed[n++] = static_cast<std::int16_t>(rest % kBase);
    }
    weight = n > 0 ? n - 1 : 0;
    while (n > 0) values[size++] = reversed[--n];
    while (size > 0 && values[size - 1] == 0) --size;
  }
  std::size_t bytes() const { return kNumberHeader + size * sizeof(std::int16_t); }
};

}  // namespace

Status JsonbSummarySize(const void* bytes, std::size_t size, std::size_t* items) noexcept {
  if (size < sizeof(std::uint32_t)) return Damaged();
  const auto header = LoadUnaligned<std::uint32_t>(bytes);
  if ((header & kObjectFlag) == 0) return Bad("It is not an object.");
  *items = header & kCountMask;
  const std::size_t room = (size - sizeof(header)) / sizeof(std::uint32_t);
  return *items * 2 <= room ? Status::Ok() : Damaged();
}

Status DecodeJsonbSummary(const void* bytes, std::size_t size, OtherNumber other_number,
                          TopNItem* items) {
  std::size_t count;
  if (Status status = JsonbSummarySize(bytes, size, &count); !status.ok()) return status;
  const char* entries = static_cast<const char*>(bytes) + sizeof(std::uint32_t);
  const std::size_t head = sizeof(std::uint32_t) * (1 + count * 2);
  const char* data = static_cast<const char*>(bytes) + head;
  const std::size_t data_size = size - head;

  std::size_t begin = 0;
  for (std::size_t i = 0; i < count * 2; ++i) {
    const auto entry = LoadUnaligned<std::uint32_t>(entries + i * sizeof(std::uint32_t));
    const std::size_t length = entry & kEntryLengthMask;
    const std::size_t end = (entry & kEntryHasOffset) != 0 ? length : begin + length;
    if (end < begin || end > data_size) return Damaged();
    const std::uint32_t type = entry & kEntryTypeMask;
    if (i < count) {
      if (type != kEntryString) return Damaged();
      if (end - begin > kTopNMaxKeyBytes) return Bad("A key has more than 255 bytes.");
      items[i].key = {data + begin, end - begin};
      if (i > 0 && !StoredOrder(items[i - 1].key, items[i].key)) return Damaged();
    } else {
      if (type != kEntryNumber) return Bad("A count is not a number.");
      const std::size_t aligned = AlignInt(kVarlenaHeader + head + begin) - kVarlenaHeader - head;
      if (aligned > end) return Damaged();
      Status status =
          DecodeCount(data + aligned, end - aligned, other_number, &items[i - count].count);
      if (!status.ok()) return status;
    }
    begin = end;
  }
  return Status::Ok();
}

std::size_t EncodedJsonbSize(const TopNItem* items, std::size_t size) noexcept {
  std::size_t bytes = kVarlenaHeader + sizeof(std::uint32_t) * (1 + size * 2);
  for (std::size_t i = 0; i < size; ++i) bytes += items[i].key.size();
  for (std::size_t i = 0; i < size; ++i) bytes = AlignInt(bytes) + Digits(items[i].count).bytes();
  return bytes - kVarlenaHeader;
}

void EncodeJsonbSummary(const TopNItem* items, std::size_t size, char* out) noexcept {
  StoreUnaligned(out, static_cast<std::uint32_t>(size) | kObjectFlag);
  char* entry = out + sizeof(std::uint32_t);
  char* const data = entry + size * 2 * sizeof(std::uint32_t);
  char* next = data;
  std::size_t index = 0;
  auto put_entry = [&](std::uint32_t type, std::size_t length) {
    const bool has_offset = index % kOffsetStride == 0;
    const std::size_t value = has_offset ? static_cast<std::size_t>(next - data) : length;
    StoreUnaligned(entry + index * sizeof(std::uint32_t),
                   type | (has_offset ? kEntryHasOffset : 0) | static_cast<std::uint32_t>(value));
    ++index;
  };
  for (std::size_t i = 0; i < size; ++i) {
    const std::string_view key = items[i].key;
    if (!key.empty()) std::memcpy(next, key.data(), key.size());
    next += key.size();
    put_entry(kEntryString, key.size());
  }
  for (std::size_t i = 0; i < size; ++i) {
    const char* begin = next;
    while ((static_cast<std::size_t>(next - out) + kVarlenaHeader) % 4 != 0) *next++ = 0;
    const Digits digits(items[i].count);
    StoreUnaligned(next, static_cast<std::uint32_t>(digits.bytes()) << 2);
    StoreUnaligned(next + kVarlenaHeader, static_cast<std::uint16_t>(kShortFlag | digits.weight));
    std::memcpy(next + kNumberHeader, digits.values, digits.size * sizeof(std::int16_t));
    next += digits.bytes();
    put_entry(kEntryNumber, static_cast<std::size_t>(next - begin));
  }
}

}  // namespace millrace
