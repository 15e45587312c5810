// Packed HyperLogLog registers: `width` bits per register, most significant bit first, padding bits
// zero. Each operation has a portable form. If the machine has AVX2 and the width is 5 (the
// default), a vector form is used; it is chosen once at run time and tested against the portable
// form.
#pragma once

#include <cstddef>
#include <cstdint>

namespace millrace {

// Bytes that `count` registers of `width` bits take.
constexpr std::size_t PackedRegisterBytes(std::size_t count, unsigned width) {
  return (count * width + 7) / 8;
}

// registers[i] = max(registers[i], packed register i), for i < count.
// REQUIRES: `packed` holds PackedRegisterBytes(count, width) bytes; width is 1 to 8.
void MaxPackedRegisters(const std::uint8_t* packed, std::size_t count, unsigned width,
                        std::uint8_t* registers) noexcept;

// Writes PackedRegisterBytes(count, width) bytes to `packed`. REQUIRES: registers[i] < 2^width.
void PackRegisters(const std::uint8_t* registers, std::size_t count, unsigned width,
                   std::uint8_t* packed) noexcept;

// into[i] = max(into[i], from[i]).
void MaxRegisters(const std::uint8_t* from, std::size_t count, std::uint8_t* into) noexcept;

namespace internal {
// The two forms, for tests and benchmarks. MaxPackedRegistersAvx2 uses the portable form for the
// last registers if `count` is no multiple of 32. Call it only if HasAvx2().
void MaxPackedRegistersPortable(const std::uint8_t* packed, std::size_t count, unsigned width,
                                std::uint8_t* registers) noexcept;
void MaxPackedRegisters5Avx2(const std::uint8_t* packed, std::size_t count,
                             std::uint8_t* registers) noexcept;
}  // namespace internal

}  // namespace millrace
