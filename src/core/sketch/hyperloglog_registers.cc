#include "core/sketch/hyperloglog_registers.h"

#include <cstring>

#include "core/base/cpu.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace millrace {
namespace internal {

void MaxPackedRegistersPortable(const std::uint8_t* packed, std::size_t count, unsigned width,
                                std::uint8_t* registers) noexcept {
  // `window` holds the next `bits` bits of the stream in its low end; the bits above are old and
  // masked out.
  std::uint64_t window = 0;
  unsigned bits = 0;
  const std::uint64_t mask = (1u << width) - 1;
  for (std::size_t i = 0; i < count; ++i) {
    if (bits < width) {
      window = (window << 8) | *packed++;
      bits += 8;
    }
    bits -= width;
    const auto value = static_cast<std::uint8_t>((window >> bits) & mask);
    if (value > registers[i]) registers[i] = value;
  }
}

#if defined(__x86_64__)

// Eight 5-bit registers fill five bytes, so 16 registers fill ten. Each 16-bit lane gets the two
// bytes that hold its register. Then a multiplication by 2^k moves the register to the top of the
// lane, and a shift by 11 brings it down.
__attribute__((target("avx2"))) void MaxPackedRegisters5Avx2(const std::uint8_t* packed,
                                                             std::size_t count,
                                                             std::uint8_t* registers) noexcept {
  // Register j of a group starts at bit 5j: byte 5j / 8, offset 5j % 8. The second byte of a lane
  // is the following one; where the register ends in the first byte its content is shifted out.
  const __m128i pairs = _mm_setr_epi8(1, 0, 1, 0, 2, 1, 2, 1, 3, 2, 4, 3, 4, 3, 5, 4);
  const __m256i shuffle = _mm256_broadcastsi128_si256(pairs);
  const __m128i shift =
      _mm_setr_epi16(1 << 0, 1 << 5, 1 << 2, 1 << 7, 1 << 4, 1 << 1, 1 << 6, 1 << 3);
  const __m256i multiplier = _mm256_broadcastsi128_si256(shift);

  // Each step reads 16 bytes at packed + 15, so it needs 31 readable bytes; 20 of them are used.
  std::size_t i = 0;
  const std::size_t bytes = PackedRegisterBytes(count, 5);
  std::size_t at = 0;
  for (; i + 32 <= count && at + 31 <= bytes; i += 32, at += 20) {
    auto load = [&](std::size_t offset) __attribute__((target("avx2"), always_inline)) {
      return _mm_loadu_si128(reinterpret_cast<const __m128i*>(packed + at + offset));
    };
    __m256i low = _mm256_inserti128_si256(_mm256_castsi128_si256(load(0)), load(5), 1);
    __m256i high = _mm256_inserti128_si256(_mm256_castsi128_si256(load(10)), load(15), 1);
    low = _mm256_srli_epi16(_mm256_mullo_epi16(_mm256_shuffle_epi8(low, shuffle), multiplier), 11);
    high =
        _mm256_srli_epi16(_mm256_mullo_epi16(_mm256_shuffle_epi8(high, shuffle), multiplier), 11);
    // packus interleaves the 128-bit halves of its operands; the permutation undoes that.
    const __m256i values =
        _mm256_permute4x64_epi64(_mm256_packus_epi16(low, high), _MM_SHUFFLE(3, 1, 2, 0));
    auto* target = reinterpret_cast<__m256i*>(registers + i);
    _mm256_storeu_si256(target, _mm256_max_epu8(_mm256_loadu_si256(target), values));
  }
  MaxPackedRegistersPortable(packed + at, count - i, 5, registers + i);
}

#else

void MaxPackedRegisters5Avx2(const std::uint8_t* packed, std::size_t count,
                             std::uint8_t* registers) noexcept {
  MaxPackedRegistersPortable(packed, count, 5, registers);
}

#endif

}  // namespace internal

void MaxPackedRegisters(const std::uint8_t* packed, std::size_t count, unsigned width,
                        std::uint8_t* registers) noexcept {
  static const bool has_avx2 = HasAvx2();
  if (width == 5 && has_avx2) {
    internal::MaxPackedRegisters5Avx2(packed, count, registers);
  } else {
    internal::MaxPackedRegistersPortable(packed, count, width, registers);
  }
}

void PackRegisters(const std::uint8_t* registers, std::size_t count, unsigned width,
                   std::uint8_t* packed) noexcept {
  std::uint64_t window = 0;
  unsigned bits = 0;
  for (std::size_t i = 0; i < count; ++i) {
    window = (window << width) | registers[i];
    bits += width;
    while (bits >= 8) {
      bits -= 8;
      *packed++ = static_cast<std::uint8_t>(window >> bits);
    }
  }
  if (bits > 0) *packed = static_cast<std::uint8_t>(window << (8 - bits));
}

void MaxRegisters(const std::uint8_t* from, std::size_t count, std::uint8_t* into) noexcept {
  for (std::size_t i = 0; i < count; ++i) into[i] = from[i] > into[i] ? from[i] : into[i];
}

}  // namespace millrace
