// The generator's own pseudo-random numbers. The same seed gives the same numbers on every machine
// and with every compiler, which the distributions of the standard library do not promise. Integer
// arithmetic only, for the same reason.
#pragma once

#include <bit>
#include <cstdint>

namespace millrace {

// SplitMix64 as a stateless mix of one word: the output step of Steele, Lea and Flood, "Fast
// Splittable Pseudorandom Number Generators", OOPSLA 2014; constants of Vigna's public-domain
// splitmix64.c. A bijection, so different inputs give different outputs.
constexpr std::uint64_t SplitMix64(std::uint64_t x) noexcept {
  x += 0x9e3779b97f4a7c15ULL;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
  return x ^ (x >> 31);
}

// xoshiro256++ 1.0 of Blackman and Vigna ("Scrambled Linear Pseudorandom Number Generators", ACM
// TOMS 47, 2021; public domain), seeded through SplitMix64 as its authors advise.
class Xoshiro256 {
 public:
  explicit constexpr Xoshiro256(std::uint64_t seed) noexcept {
    for (std::uint64_t& word : state_) {
      word = SplitMix64(seed);
      seed += 0x9e3779b97f4a7c15ULL;
    }
  }

  constexpr std::uint64_t Next() noexcept {
    const std::uint64_t result = std::rotl(state_[0] + state_[3], 23) + state_[0];
    const std::uint64_t t = state_[1] << 17;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= t;
    state_[3] = std::rotl(state_[3], 45);
    return result;
  }

  // A number in [0, bound). REQUIRES: bound > 0. Lemire's multiply-and-shift ("Fast Random Integer
  // Generation in an Interval", 2019) without its rejection step: the bias is below bound / 2^64.
  constexpr std::uint64_t Below(std::uint64_t bound) noexcept { return Scale(Next(), bound); }

  // Maps a random word onto [0, bound).
  static constexpr std::uint64_t Scale(std::uint64_t word, std::uint64_t bound) noexcept {
    return static_cast<std::uint64_t>((static_cast<unsigned __int128>(word) * bound) >> 64);
  }

 private:
  std::uint64_t state_[4] = {};
};

}  // namespace millrace
