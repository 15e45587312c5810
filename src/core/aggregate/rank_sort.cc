#include "core/aggregate/rank_sort.h"

#include <algorithm>
#include <cstring>

#include "core/base/cpu.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace millrace {
namespace internal {

std::size_t SortDistinctPortable(std::int64_t* values, std::size_t count,
                                 std::int64_t* counts) noexcept {
  std::sort(values, values + count);
  std::size_t distinct = 0;
  for (std::size_t i = 0; i < count;) {
    std::size_t j = i + 1;
    while (j < count && values[j] == values[i]) ++j;
    values[distinct] = values[i];
    if (counts != nullptr) counts[distinct] = static_cast<std::int64_t>(j - i);
    ++distinct;
    i = j;
  }
  return distinct;
}

#if defined(__x86_64__)

namespace {

constexpr std::size_t kLanes = 4, kVectors = 8;
static_assert(kRankSortLimit % (kLanes * kVectors) == 0);

// ranks[i] = how many of the `count` values are less than values[i], for 32 values from `values`.
__attribute__((target("avx2"))) void Rank32(const std::int64_t* values, const std::int64_t* all,
                                            std::size_t count, std::int64_t* ranks) {
  __m256i mine[kVectors], rank[kVectors];
  for (std::size_t v = 0; v < kVectors; ++v) {
    mine[v] = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(values + v * kLanes));
    rank[v] = _mm256_setzero_si256();
  }
  for (std::size_t i = 0; i < count; ++i) {
    const __m256i other = _mm256_set1_epi64x(all[i]);
    for (std::size_t v = 0; v < kVectors; ++v) {
      rank[v] = _mm256_sub_epi64(rank[v], _mm256_cmpgt_epi64(mine[v], other));
    }
  }
  for (std::size_t v = 0; v < kVectors; ++v) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(ranks + v * kLanes), rank[v]);
  }
}

}  // namespace

std::size_t SortDistinctAvx2(std::int64_t* values, std::size_t count,
                             std::int64_t* counts) noexcept {
  // Values after the first `count` are compared too; their ranks are ignored.
  std::int64_t copy[kRankSortLimit], ranks[kRankSortLimit], occurrences[kRankSortLimit];
  std::memcpy(copy, values, count * sizeof(*values));
  const std::size_t padded = (count + 31) / 32 * 32;
  std::memset(copy + count, 0, (padded - count) * sizeof(*copy));
  for (std::size_t i = 0; i < padded; i += 32) Rank32(copy + i, copy, count, ranks + i);

  // Equal values get the same place and leave the places after it empty.
  std::uint64_t taken = 0;
  std::memset(occurrences, 0, count * sizeof(*occurrences));
  for (std::size_t i = 0; i < count; ++i) {
    // NOLINTNEXTLINE(clang-analyzer-core.uninitialized.ArraySubscript): by Rank32
    values[ranks[i]] = copy[i];
    ++occurrences[ranks[i]];
    taken |= std::uint64_t{1} << ranks[i];
  }
  if (counts != nullptr) std::memcpy(counts, occurrences, count * sizeof(*counts));
  const auto distinct = static_cast<std::size_t>(__builtin_popcountll(taken));
  if (distinct == count) return count;
  for (std::size_t i = 0; taken != 0; ++i, taken &= taken - 1) {
    const auto place = static_cast<std::size_t>(__builtin_ctzll(taken));
    values[i] = values[place];
    if (counts != nullptr) counts[i] = occurrences[place];
  }
  return distinct;
}

#else

std::size_t SortDistinctAvx2(std::int64_t* values, std::size_t count,
                             std::int64_t* counts) noexcept {
  return SortDistinctPortable(values, count, counts);
}

#endif

}  // namespace internal

std::size_t SortDistinct(std::int64_t* values, std::size_t count, std::int64_t* counts) noexcept {
  static const bool has_avx2 = HasAvx2();
  if (values == nullptr) return 0;  // of nothing
  if (has_avx2 && count <= kRankSortLimit) {
    return internal::SortDistinctAvx2(values, count, counts);
  }
  return internal::SortDistinctPortable(values, count, counts);
}

}  // namespace millrace
