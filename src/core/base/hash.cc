#include "core/base/hash.h"

#include "core/base/coding.h"

namespace millrace {
namespace {

inline std::uint64_t RotateLeft(std::uint64_t x, int r) { return (x << r) | (x >> (64 - r)); }

inline std::uint64_t MixFirst(std::uint64_t k) {
  return RotateLeft(k * internal::kMurmurC1, 31) * internal::kMurmurC2;
}

inline std::uint64_t MixSecond(std::uint64_t k) {
  return RotateLeft(k * internal::kMurmurC2, 33) * internal::kMurmurC1;
}

// The last 0 to 8 bytes as a little-endian integer.
inline std::uint64_t LoadTail(const std::uint8_t* p, std::size_t count) {
  std::uint64_t v = 0;
  std::memcpy(&v, p, count);
  return v;
}

}  // namespace

std::uint64_t MurmurHash3(const void* data, std::size_t length, std::uint32_t seed) noexcept {
  const auto* p = static_cast<const std::uint8_t*>(data);
  std::uint64_t h1 = seed;
  std::uint64_t h2 = seed;

  std::size_t remaining = length;
  for (; remaining >= 16; remaining -= 16, p += 16) {
    h1 ^= MixFirst(LoadUnaligned<std::uint64_t>(p));
    h1 = (RotateLeft(h1, 27) + h2) * 5 + 0x52dce729;
    h2 ^= MixSecond(LoadUnaligned<std::uint64_t>(p + 8));
    h2 = (RotateLeft(h2, 31) + h1) * 5 + 0x38495ab5;
  }
  if (remaining > 8) h2 ^= MixSecond(LoadTail(p + 8, remaining - 8));
  if (remaining > 0) h1 ^= MixFirst(LoadTail(p, remaining < 8 ? remaining : 8));

  h1 ^= length;
  h2 ^= length;
  h1 += h2;
  h2 += h1;
  h1 = internal::MurmurFinalMix(h1);
  h2 = internal::MurmurFinalMix(h2);
  return h1 + h2;
}

}  // namespace millrace
