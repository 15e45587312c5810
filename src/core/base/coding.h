// Fixed-width integers in byte buffers. The caller has checked that the bytes are there.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace millrace {

static_assert(std::endian::native == std::endian::little,
              "stored formats are read with byte swaps that assume a little-endian machine");

inline std::uint64_t LoadBigEndian64(const std::uint8_t* p) {
  std::uint64_t v;
  std::memcpy(&v, p, sizeof(v));
  return __builtin_bswap64(v);
}

inline void StoreBigEndian64(std::uint8_t* p, std::uint64_t v) {
  v = __builtin_bswap64(v);
  std::memcpy(p, &v, sizeof(v));
}

template <typename T>
inline T LoadUnaligned(const void* p) {
  T v;
  std::memcpy(&v, p, sizeof(v));
  return v;
}

template <typename T>
inline void StoreUnaligned(void* p, T v) {
  std::memcpy(p, &v, sizeof(v));
}

// memcmp(a, b, length) == 0, without a call for the short strings that keys mostly are.
inline bool EqualBytes(const char* a, const char* b, std::size_t length) {
  if (length > 16) return std::memcmp(a, b, length) == 0;
  if (length >= 8) {
    const std::size_t tail = length - 8;
    return LoadUnaligned<std::uint64_t>(a) == LoadUnaligned<std::uint64_t>(b) &&
           LoadUnaligned<std::uint64_t>(a + tail) == LoadUnaligned<std::uint64_t>(b + tail);
  }
  if (length >= 4) {
    const std::size_t tail = length - 4;
    return LoadUnaligned<std::uint32_t>(a) == LoadUnaligned<std::uint32_t>(b) &&
           LoadUnaligned<std::uint32_t>(a + tail) == LoadUnaligned<std::uint32_t>(b + tail);
  }
  for (std::size_t i = 0; i < length; ++i) {
    if (a[i] != b[i]) return false;
  }
  return true;
}

}  // namespace millrace
