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

#include "core/base/allocator.h"
#include "core/base/status.h"

namespace millrace {

enum class HllType : std::uint8_t {
  kUndefined = 0,
  kEmpty = 1,
  kExplicit = 2,
  kSparse = 3,
  kFull = 4,
};

// The shape of a sketch. Sketches combine only when theirs are equal.
struct HllParameters {
  static constexpr int kMaxLog2m = 17;
  static constexpr int kMaxRegwidth = 7;
  static constexpr std::int64_t kMaxExpthresh = 16383;

  std::uint8_t log2m = 11;      // 2^log2m registers; 0 to kMaxLog2m
  std::uint8_t regwidth = 5;    // bits a register; 1 to kMaxRegwidth
  std::uint8_t sparseon = 1;    // 1: few registers are stored as (index, value) pairs
  std::int32_t expthresh = -1;  // values kept exactly; -1: automatic, 0: none, else a power of two

  friend bool operator==(const HllParameters&, const HllParameters&) = default;

  std::uint32_t registers() const { return 1u << log2m; }
  std::uint8_t max_register() const { return static_cast<std::uint8_t>((1u << regwidth) - 1); }
  // Distinct values above this are no longer kept exactly. Automatic: what fits the space of the
  // full form (160 at the defaults).
  std::uint32_t explicit_limit() const;
};

// kInvalidParameter naming the first argument out of its range.
Status CheckHllParameters(std::int64_t log2m, std::int64_t regwidth, std::int64_t expthresh,
                          std::int64_t sparseon) noexcept;
// kMismatch naming the first parameter that differs.
Status CheckSameHllParameters(const HllParameters& a, const HllParameters& b) noexcept;

inline constexpr std::size_t kHllHeaderBytes = 3;

// Writes the three header bytes.
void WriteHllHeader(HllType type, const HllParameters& parameters, std::uint8_t* out) noexcept;

// A stored value, checked: whatever the bytes are, after Parse succeeded every access below stays
// within them. Points into the bytes it was parsed from.
class HllView {
 public:
  // kInvalidData, with `*view` untouched, when the bytes do not follow the format.
  static Status Parse(const void* bytes, std::size_t size, HllView* view) noexcept;

  HllType type() const { return type_; }
  const HllParameters& parameters() const { return parameters_; }
  // Explicit values or sparse entries; 0 for the other types.
  std::uint32_t count() const { return count_; }
  const std::uint8_t* body() const { return body_; }
  // The i-th explicit value. REQUIRES: type() is kExplicit, i < count().
  std::int64_t ExplicitValue(std::uint32_t i) const noexcept;
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

// How many distinct values a stored sketch has seen. Explicit values are exact. kInvalidParameter
// where log2m is below 4 and the value is no longer exact: the estimator is not defined there.
// REQUIRES: type is not kUndefined.
Status EstimateCardinality(const HllView& view, double* estimate) noexcept;

// A sketch that grows with its content: a list of values while they are kept exactly, a list of
// registers while few are set, then one byte a register. Trivially destructible; its memory belongs
// to the allocator that the mutating calls are given (the same one each time). Those throw
// std::bad_alloc, which leaves the sketch as it was or with some of the added values in it.
class HyperLogLog {
 public:
  explicit HyperLogLog(const HllParameters& parameters) noexcept : parameters_(parameters) {}

  const HllParameters& parameters() const { return parameters_; }

  void Add(std::uint64_t hash, Allocator& allocator);
  // REQUIRES: the parameters are equal (CheckSameHllParameters). Undefined absorbs everything.
  void Merge(const HllView& view, Allocator& allocator);
  void Merge(const HyperLogLog& other, Allocator& allocator);

  // What the stored form will be. Sparse is chosen when it is smaller than full (max_sparse -1), or
  // when at most `max_sparse` registers are set.
  struct Encoding {
    HllType type;
    std::uint32_t count;  // explicit values or set registers
    std::size_t size;     // bytes, header included
  };
  // Brings the content into stored order; adds nothing and takes nothing away.
  Encoding PrepareEncoding(int max_sparse, Allocator& allocator);
  // Writes encoding.size bytes. REQUIRES: nothing was added since PrepareEncoding.
  void Encode(const Encoding& encoding, std::uint8_t* out) const noexcept;

  bool undefined() const { return mode_ == Mode::kUndefined; }
  // As the free function. REQUIRES: not undefined().
  Status EstimateCardinality(Allocator& allocator, double* estimate);
  // Bytes held outside the object.
  std::size_t memory() const;

 private:
  enum class Mode : std::uint8_t {
    kUndefined,
    kEmpty,
    kExplicit,  // list_: hash values
    kSparse,    // list_: index << 8 | register, registers set more than once included
    kFull,      // registers_: one byte each
  };

  void Append(std::int64_t entry, Allocator& allocator);
  void MakeRoom(Allocator& allocator);
  void Reserve(std::uint32_t capacity, Allocator& allocator);
  void Compact() noexcept;
  void StartRegisters(Allocator& allocator);
  void ToFull(Allocator& allocator);
  void SetRegister(std::uint32_t index, std::uint8_t value, Allocator& allocator);
  void MergeExplicit(const HllView& view, Allocator& allocator);

  HllParameters parameters_;
  Mode mode_ = Mode::kEmpty;
  std::uint32_t count_ = 0;     // entries in list_
  std::uint32_t sorted_ = 0;    // this many of them, from the front, are ascending and distinct
  std::uint32_t capacity_ = 0;  // of list_
  std::int64_t* list_ = nullptr;
  std::uint8_t* registers_ = nullptr;
};

// Writes the union of two explicit values to `out` (which has room for both bodies and a header)
// and returns its size, or 0 when the union has more values than are kept exactly. REQUIRES: both
// are kExplicit with equal parameters.
std::size_t UnionExplicit(const HllView& a, const HllView& b, std::uint8_t* out) noexcept;

}  // namespace millrace
