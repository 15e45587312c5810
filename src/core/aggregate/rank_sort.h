// Sorting the few values of a group.
//
// Groups are many and small, and their values random: a comparison sort spends its time on branches
// nobody can foresee. For up to kRankSortLimit values, comparing each with all others has none: the
// place of a value is how many are less (rank sort; Knuth, The Art of Computer Programming, volume
// 3, 5.2 algorithm C). Where the machine has AVX2 that is done 32 values at a time, chosen once at
// run time and tested against the portable form.
#pragma once

#include <cstddef>
#include <cstdint>

namespace millrace {

inline constexpr std::size_t kRankSortLimit = 64;

// Sorts `count` values ascending, drops repetitions, and returns how many are left. `counts`, when
// it is not nullptr, gets how often each of these occurred; it has room for `count`.
std::size_t SortDistinct(std::int64_t* values, std::size_t count, std::int64_t* counts) noexcept;

namespace internal {
// The twins, for tests. REQUIRES for the second: count <= kRankSortLimit, and the machine has AVX2.
std::size_t SortDistinctPortable(std::int64_t* values, std::size_t count,
                                 std::int64_t* counts) noexcept;
std::size_t SortDistinctAvx2(std::int64_t* values, std::size_t count,
                             std::int64_t* counts) noexcept;
}  // namespace internal

}  // namespace millrace
