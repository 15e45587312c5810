// Arrays of unsigned integers of `width` bits each, least significant bit first.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

#include "core/base/coding.h"

namespace millrace::dense {

// The readers load eight bytes at once, so that many bytes after a packed array must be readable.
inline constexpr std::size_t kReadAhead = 8;

// The bits that hold every integer up to `largest`. Widths that no eight bytes at an arbitrary bit
// could hold become 64.
inline int WidthFor(std::uint64_t largest) {
  const int width = std::bit_width(largest);
  return width > 56 ? 64 : width;
}

inline std::size_t PackedBytes(std::size_t count, int width) {
  return (count * static_cast<std::size_t>(width) + 7) / 8;
}

// Writes `count` integers, where next() gives one after the other; returns the end.
template <typename Next>
inline std::uint8_t* PackBits(std::size_t count, int width, std::uint8_t* out, Next next) {
  if (width == 0) return out;
  if (width == 64) {
    for (std::size_t i = 0; i < count; ++i, out += 8) StoreUnaligned<std::uint64_t>(out, next(i));
    return out;
  }
  std::uint64_t window = 0;
  int bits = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint64_t value = next(i);
    window |= value << bits;
    bits += width;
    if (bits >= 64) {
      StoreUnaligned(out, window);
      out += 8;
      bits -= 64;
      window = bits == 0 ? 0 : value >> (width - bits);
    }
  }
  for (; bits > 0; bits -= 8, window >>= 8) *out++ = static_cast<std::uint8_t>(window);
  return out;
}

// The integer number `i`.
inline std::uint64_t UnpackOne(const std::uint8_t* in, int width, std::size_t i) {
  if (width == 0) return 0;
  if (width == 64) return LoadUnaligned<std::uint64_t>(in + 8 * i);
  const std::size_t bit = i * static_cast<std::size_t>(width);
  return (LoadUnaligned<std::uint64_t>(in + bit / 8) >> (bit % 8)) &
         ((std::uint64_t{1} << width) - 1);
}

// Calls put(i, integer) for each of the `count` integers.
template <typename Put>
inline void UnpackBits(const std::uint8_t* in, std::size_t count, int width, Put put) {
  if (width == 0) {
    for (std::size_t i = 0; i < count; ++i) put(i, std::uint64_t{0});
    return;
  }
  if (width == 64) {
    for (std::size_t i = 0; i < count; ++i) put(i, LoadUnaligned<std::uint64_t>(in + 8 * i));
    return;
  }
  const std::uint64_t mask = (std::uint64_t{1} << width) - 1;
  std::size_t bit = 0;
  for (std::size_t i = 0; i < count; ++i, bit += static_cast<std::size_t>(width)) {
    put(i, (LoadUnaligned<std::uint64_t>(in + bit / 8) >> (bit % 8)) & mask);
  }
}

}  // namespace millrace::dense
