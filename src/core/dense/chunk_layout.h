// What the writer and the reader of chunks and rows share; see chunk.h.
#pragma once

#include <cstddef>
#include <cstdint>

namespace millrace::dense {

// The block of kDelta before what is packed: first value, least, greatest, least step.
inline constexpr std::size_t kDeltaHeader = 4 * sizeof(std::int64_t);

// `alignment` is a power of two.
constexpr std::size_t Align(std::size_t bytes, std::size_t alignment) {
  return (bytes + alignment - 1) & ~(alignment - 1);
}

// The bitmap of NULLs of so many rows, at a multiple of 8.
constexpr std::size_t BitmapBytes(int rows) {
  return Align((static_cast<std::size_t>(rows) + 7) / 8, 8);
}

}  // namespace millrace::dense
