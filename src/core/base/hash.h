// MurmurHash3_x64_128 (Austin Appleby, public domain), of which HyperLogLog values use the first 64
// bits. Stored sketches depend on every bit of it: do not change.
#pragma once

#include <cstddef>
#include <cstdint>

namespace millrace {

// First 64 bits of MurmurHash3_x64_128 over `length` bytes at `data`. The reference takes an
// unsigned 32-bit seed; a negative SQL seed is passed on as that bit pattern.
std::uint64_t MurmurHash3(const void* data, std::size_t length, std::uint32_t seed) noexcept;

namespace internal {
inline std::uint64_t MurmurFinalMix(std::uint64_t k) noexcept {
  k ^= k >> 33;
  k *= 0xff51afd7ed558ccdULL;
  k ^= k >> 33;
  k *= 0xc4ceb9fe1a85ec53ULL;
  k ^= k >> 33;
  return k;
}
inline constexpr std::uint64_t kMurmurC1 = 0x87c37b91114253d5ULL;
inline constexpr std::uint64_t kMurmurC2 = 0x4cf5ad432745937fULL;
}  // namespace internal

// MurmurHash3 of the eight little-endian bytes of `value` with seed 0, without the byte loop.
inline std::uint64_t MurmurHash3OfInt64(std::int64_t value) noexcept {
  std::uint64_t k1 = static_cast<std::uint64_t>(value) * internal::kMurmurC1;
  k1 = (k1 << 31) | (k1 >> 33);
  k1 *= internal::kMurmurC2;
  // h1 = k1 ^ length, h2 = length, then the cross-additions of the finalisation.
  std::uint64_t h1 = k1 ^ 8;
  std::uint64_t h2 = 8;
  h1 += h2;
  h2 += h1;
  h1 = internal::MurmurFinalMix(h1);
  h2 = internal::MurmurFinalMix(h2);
  return h1 + h2;
}

}  // namespace millrace
