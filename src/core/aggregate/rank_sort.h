// Sorting the few values of a group.
//
// Groups are many and small, and their values random. A comparison sort spends its time on branches
// that the processor cannot predict. Up to kRankSortLimit values can be sorted without branches by
// comparing each with all others: the place of a value is how many are less (rank sort; Knuth, The
// Art of Computer Programming, volume 3, 5.2 algorithm C). If the machine has AVX2, this is done
// for 32 values at a time; it is chosen once at run time and tested against the portable form.
#pragma once

#include <cstddef>
#include <cstdint>

namespace millrace {

inline constexpr std::size_t kRankSortLimit = 64;

// Sorts `count` values ascending, drops repetitions, and returns how many are left. If `counts` is
// not nullptr, it gets how often each of these occurred; it must have room for `count`.
std::size_t SortDistinct(std::int64_t* values, std::size_t count, std::int64_t* counts) noexcept;

namespace internal {
// The two forms, for tests. REQUIRES for the second: count <= kRankSortLimit, and the machine has
// AVX2.
std::size_t SortDistinctPortable(std::int64_t* values, std::size_t count,
                                 std::int64_t* counts) noexcept;
std::size_t SortDistinctAvx2(std::int64_t* values, std::size_t count,
                             std::int64_t* counts) noexcept;
}  // namespace internal

}  // namespace millrace
