// The aggregates the engine computes, and the state of each.
#pragma once

#include <cstdint>

namespace millrace {

// What PostgreSQL's or the extensions' aggregate is computed as. Arguments are columns of the
// batch; the state of a group is a Number, a sketch, or nothing but the values kept until the end
// (see group_by.h).
enum class AggregateKind : std::uint8_t {
  kCountRows,   // count(*)
  kCount,       // count(x)
  kSumInteger,  // sum, avg of integers: exact in 128 bits, and the number of values
  kSumFloat4,   // sum of float4, float8: added in the order of the rows, as PostgreSQL does
  kSumFloat8,
  kAvgFloat,    // avg of floats: Youngs and Cramer's sums, as PostgreSQL keeps them
  kMinInteger,  // min, max of integers, dates, timestamps: by value
  kMaxInteger,
  kMinFloat,  // min, max of floats: NaN is above all; of equal ones (0 and -0) the last
  kMaxFloat,
  kHllAdd,          // hll_add_agg(hll_hash_*(x)): kept, hashed at the end
  kHllUnion,        // hll_union_agg(x): merged as it comes; the column holds addresses of HllView
  kTopNAddInteger,  // topn_add_agg(x::text), x an integer: kept, made text at the end
  kTopNAddText,     // topn_add_agg(x): dictionary codes are kept
  kTopNUnion,  // topn_union_agg(x): merged as it comes; the column holds addresses of TopNStored
};

// An integer of 128 bits that lies at any multiple of eight, as what allocators give out does:
// otherwise compilers may move it by instructions that fail there.
using Int128 __attribute__((aligned(8))) = __int128;

// The state of the kinds from kCountRows to kMaxFloat.
struct Number {
  union {
    Int128 integer;
    double real;
    struct {
      double sum;
      double squares;  // sum of the squared differences from the mean
    } moments;
  };
  std::int64_t count;  // of values that were not NULL, or of rows
};
static_assert(alignof(Number) == 8 && sizeof(Number) == 24);

// What hll_hash_* is given: an integer of so many bytes, a text (by its code), or the hash itself.
enum class HashWidth : std::uint8_t { k1, k2, k4, k8, kText, kHashed };

}  // namespace millrace
