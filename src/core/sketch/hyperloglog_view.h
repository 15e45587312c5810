// HyperLogLog: the number of distinct values in a multiset, estimated in bounded memory.
//
// Flajolet, Fusy, Gandouet, Meunier: "HyperLogLog: the analysis of a near-optimal cardinality
// estimation algorithm", 2007, with exact counting below a threshold and linear counting for small
// cardinalities. The standard error is 1.04 / sqrt(2^log2m): 2.3 % at the defaults.
//
// The stored form is storage version 1 of the published hll types (the same bytes as
// postgresql-hll and java-hll). Do not change these values:
//
//   value    := header body
//   header   := version << 4 | type      version is 1
//               (regwidth - 1) << 5 | log2m
//               sparseon << 6 | code     63: automatic, 0: never explicit, else 2^(code - 1)
//   body     := ""                                       type 0, undefined; type 1, empty
//             | big-endian int64 ...                     type 2, explicit: ascending, distinct
//             | (index << regwidth | register) ...       type 3, sparse: ascending index
//             | register ...                             type 4, full: 2^log2m of them
//
// Sparse entries and registers are packed bit by bit, most significant first; padding bits are
// zero.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/base/coding.h"
#include "core/base/status.h"
#include "core/sketch/bit_io.h"

namespace millrace {

enum class HllType : std::uint8_t {
  kUndefined = 0,
  kEmpty = 1,
  kExplicit = 2,
  kSparse = 3,
  kFull = 4,
};

// The parameters of a sketch. Only sketches with equal parameters can be combined.
struct HllParameters {
  static constexpr int kMaxLog2m = 17;
  static constexpr int kMaxRegwidth = 7;
  static constexpr std::int64_t kMaxExpthresh = 16383;  // of new sketches; stored ones may have any
  static constexpr std::uint32_t kMaxExplicit = 16384;  // values kept exactly, whatever expthresh

  std::uint8_t log2m = 11;      // 2^log2m registers; 0 to kMaxLog2m
  std::uint8_t regwidth = 5;    // bits per register; 1 to kMaxRegwidth
  std::uint8_t sparseon = 1;    // 1: few registers are stored as (index, value) pairs
  std::int64_t expthresh = -1;  // values kept exactly; -1: automatic, 0: none, else a power of two

  friend bool operator==(const HllParameters&, const HllParameters&) = default;

  std::uint32_t registers() const { return 1u << log2m; }
  std::uint8_t max_register() const { return static_cast<std::uint8_t>((1u << regwidth) - 1); }
  // With more distinct values than this, they are no longer kept exactly. Automatic: as many as fit
  // in the space of the full form (160 at the defaults).
  std::uint32_t explicit_limit() const;
};

// Returns kInvalidParameter, naming the first argument that is out of range for a new sketch.
Status CheckHllParameters(std::int64_t log2m, std::int64_t regwidth, std::int64_t expthresh,
                          std::int64_t sparseon) noexcept;

inline constexpr std::size_t kHllHeaderBytes = 3;

// Writes the three header bytes.
void WriteHllHeader(HllType type, const HllParameters& parameters, std::uint8_t* out) noexcept;

// A stored value, checked: after Parse has succeeded, every access below stays within its bytes,
// whatever they are. Points into the bytes that it was parsed from.
class HllView {
 public:
  // Returns kInvalidData, and leaves `*view` unchanged, when the bytes do not follow the format.
  static Status Parse(const void* bytes, std::size_t size, HllView* view) noexcept;

  HllType type() const { return type_; }
  const HllParameters& parameters() const { return parameters_; }
  // Explicit values or sparse entries; 0 for the other types.
  std::uint32_t count() const { return count_; }
  const std::uint8_t* body() const { return body_; }
  // Whether the value is stored exactly as a new sketch with its content would be: then it is its
  // own union. True for exact values.
  bool IsOwnUnion() const {
    return type_ != HllType::kSparse && type_ != HllType::kFull &&
           count_ <= parameters_.explicit_limit();
  }
  // The whole value, header included. REQUIRES: IsOwnUnion().
  const std::uint8_t* bytes() const { return body_ - kHllHeaderBytes; }
  std::size_t size() const { return kHllHeaderBytes + count_ * sizeof(std::int64_t); }
  // The i-th explicit value. REQUIRES: type() is kExplicit, i < count().
  std::int64_t ExplicitValue(std::uint32_t i) const noexcept {
    return static_cast<std::int64_t>(
        LoadBigEndian64(body_ + std::size_t{i} * sizeof(std::int64_t)));
  }
  // registers[i] = max(registers[i], register i). REQUIRES: type() is kSparse or kFull, and
  // `registers` has parameters().registers() bytes.
  void MaxInto(std::uint8_t* registers) const noexcept;
  // Calls visit(index, value) for each sparse entry. REQUIRES: type() is kSparse.
  template <typename Visit>
  void VisitSparse(Visit visit) const;

 private:
  Status ParseSparse(std::size_t body_size) noexcept;

  HllType type_ = HllType::kUndefined;
  HllParameters parameters_;
  std::uint32_t count_ = 0;
  const std::uint8_t* body_ = nullptr;
};

// How often each register value occurs. The estimate depends on nothing else.
class RegisterHistogram {
 public:
  void Count(const std::uint8_t* registers, std::uint32_t count) {
    for (std::uint32_t i = 0; i < count; ++i) ++counts_[registers[i]];
  }
  void Count(std::uint8_t value) { ++counts_[value]; }
  // Counts the registers that were not listed as zero.
  void FillUp(std::uint32_t registers, std::uint32_t listed) { counts_[0] += registers - listed; }

  // As EstimateCardinality. REQUIRES: every register was counted.
  Status Estimate(const HllParameters& parameters, double* estimate) const;

 private:
  std::uint32_t counts_[1 << HllParameters::kMaxRegwidth] = {};
};

// The number of distinct values that a stored sketch has seen. Explicit values are exact. Returns
// kInvalidParameter when log2m is below 4 and the value is no longer exact: the estimator is not
// defined then. REQUIRES: type is not kUndefined.
Status EstimateCardinality(const HllView& view, double* estimate) noexcept;

// Writes the union of two explicit values to `out` (which must have room for both bodies and a
// header) and returns its size. Returns 0 when the union has more values than are kept exactly.
// REQUIRES: both are kExplicit with equal parameters.
std::size_t UnionExplicit(const HllView& a, const HllView& b, std::uint8_t* out) noexcept;

template <typename Visit>
void HllView::VisitSparse(Visit visit) const {
  const unsigned regwidth = parameters_.regwidth;
  const unsigned width = parameters_.log2m + regwidth;
  auto visit_all = [&](auto reader) {
    for (std::uint32_t i = 0; i < count_; ++i) {
      const std::uint32_t entry = reader.Read();
      visit(entry >> regwidth, static_cast<std::uint8_t>(entry & parameters_.max_register()));
    }
  };
  if (width == 16) {
    visit_all(TwoByteReader(body_));
  } else {
    visit_all(BitReader(body_, width));
  }
}

}  // namespace millrace
