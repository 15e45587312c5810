// Streams of fixed-width fields, most significant bit first.
#pragma once

#include <cstdint>

#include "core/base/coding.h"

namespace millrace {

// Reads `width`-bit fields, most significant bit first. REQUIRES: they lie within the bytes.
class BitReader {
 public:
  BitReader(const std::uint8_t* bytes, unsigned width)
      : next_(bytes), width_(width), mask_((std::uint64_t{1} << width) - 1) {}

  std::uint32_t Read() {
    while (bits_ < width_) {
      window_ = (window_ << 8) | *next_++;
      bits_ += 8;
    }
    bits_ -= width_;
    return static_cast<std::uint32_t>((window_ >> bits_) & mask_);
  }

 private:
  const std::uint8_t* next_;
  unsigned width_;
  unsigned bits_ = 0;
  std::uint64_t window_ = 0;
  std::uint64_t mask_;
};

// The same for fields of two bytes: sparse entries at the default parameters.
class TwoByteReader {
 public:
  explicit TwoByteReader(const std::uint8_t* bytes) : next_(bytes) {}

  std::uint32_t Read() {
    const auto field = __builtin_bswap16(LoadUnaligned<std::uint16_t>(next_));
    next_ += sizeof(field);
    return field;
  }

 private:
  const std::uint8_t* next_;
};

// Writes fields of `width` bits, most significant bit first.
class BitWriter {
 public:
  BitWriter(std::uint8_t* out, unsigned width) : next_(out), width_(width) {}
  void Write(std::uint64_t field) {
    window_ = (window_ << width_) | field;
    bits_ += width_;
    while (bits_ >= 8) {
      bits_ -= 8;
      *next_++ = static_cast<std::uint8_t>(window_ >> bits_);
    }
  }
  void Finish() {
    if (bits_ > 0) *next_ = static_cast<std::uint8_t>(window_ << (8 - bits_));
  }

 private:
  std::uint8_t* next_;
  unsigned width_;
  unsigned bits_ = 0;
  std::uint64_t window_ = 0;
};

}  // namespace millrace
