// The aggregates that the engine computes, and the state of each.
#pragma once

#include <cstdint>

namespace millrace {

// How an aggregate of PostgreSQL or of the extensions is computed. Arguments are columns of the
// batch. The state of a group is a Number, a sketch, or only the values that are kept until the end
// (see group_by.h).
enum class AggregateKind : std::uint8_t {
  kCountRows,   // count(*)
  kCount,       // count(x)
  kSumInteger,  // sum, avg of integers: exact in 128 bits, and the number of values
  kSumFloat4,   // sum of float4, float8: added in the order of the rows, as in PostgreSQL
  kSumFloat8,
  kAvgFloat,    // avg of floats: the sums of Youngs and Cramer, as in PostgreSQL
  kMinInteger,  // min, max of integers, dates, timestamps: by value
  kMaxInteger,
  kMinFloat,  // min, max of floats: NaN is above all; of equal values (0 and -0) the last
  kMaxFloat,
  kHllAdd,          // hll_add_agg(hll_hash_*(x)): values are kept, and hashed at the end
  kHllUnion,        // hll_union_agg(x): merged at once; the column holds addresses of HllView
  kTopNAddInteger,  // topn_add_agg(x::text), x an integer: values are kept, and made text at the
                    // end
  kTopNAddText,     // topn_add_agg(x): dictionary codes are kept
  kTopNUnion,       // topn_union_agg(x): merged at once; the column holds addresses of TopNStored
};

// Whether the state of a group is a sketch, or values that become one at the end.
inline bool IsSketch(AggregateKind kind) {
  switch (kind) {
    case AggregateKind::kHllAdd:
    case AggregateKind::kHllUnion:
    case AggregateKind::kTopNAddInteger:
    case AggregateKind::kTopNAddText:
    case AggregateKind::kTopNUnion:
      return true;
    default:
      return false;
  }
}

// A 128-bit integer at any multiple of eight bytes, which is what allocators give. Without the
// attribute compilers may use instructions that fail at such an address.
using Int128 __attribute__((aligned(8))) = __int128;

// The state of a kind that is no sketch.
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

// The argument of hll_hash_*: an integer of so many bytes, a text (by its code), or the hash
// itself.
enum class HashWidth : std::uint8_t { k1, k2, k4, k8, kText, kHashed };

}  // namespace millrace
