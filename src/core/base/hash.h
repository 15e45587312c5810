// MurmurHash3_x64_128 (Austin Appleby, public domain), of which HyperLogLog values use the first 64
// bits. Stored sketches depend on every bit of it: do not change.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

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

// A fast hash for tables in memory, never stored: folded 128-bit multiplications, as in wyhash
// (Wang Yi, public domain).
inline std::uint64_t FoldedMultiply(std::uint64_t a, std::uint64_t b) noexcept {
  const auto product = static_cast<unsigned __int128>(a) * b;
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

inline std::uint64_t HashCombine(std::uint64_t hash, std::uint64_t value) noexcept {
  return FoldedMultiply(hash ^ value ^ 0x9e3779b97f4a7c15ULL, 0xd6e8feb86659fd93ULL);
}

inline std::uint64_t FastHash(const char* data, std::size_t length) noexcept {
  std::uint64_t hash = length * 0xa0761d6478bd642fULL;
  while (length > 8) {
    std::uint64_t word;
    std::memcpy(&word, data, 8);
    hash = HashCombine(hash, word);
    data += 8;
    length -= 8;
  }
  std::uint64_t tail = 0;
  if (length >= 4) {
    std::uint32_t low, high;
    std::memcpy(&low, data, 4);
    std::memcpy(&high, data + length - 4, 4);
    tail = static_cast<std::uint64_t>(high) << 32 | low;
  } else if (length > 0) {
    tail = static_cast<std::uint64_t>(static_cast<unsigned char>(data[0])) |
           static_cast<std::uint64_t>(static_cast<unsigned char>(data[length / 2])) << 8 |
           static_cast<std::uint64_t>(static_cast<unsigned char>(data[length - 1])) << 16;
  }
  return HashCombine(hash, tail);
}

}  // namespace millrace
