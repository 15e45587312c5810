#include "core/aggregate/rank_sort.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <vector>

#include "core/base/cpu.h"
#include "core/base/testing.h"

namespace millrace {
namespace {

void ExpectSortedAndCounted(const std::vector<std::int64_t>& input) {
  std::map<std::int64_t, std::int64_t> expected;
  for (const std::int64_t value : input) ++expected[value];
  using Sort = std::size_t (*)(std::int64_t*, std::size_t, std::int64_t*) noexcept;
  std::vector<Sort> sorts = {SortDistinct, internal::SortDistinctPortable};
  if (HasAvx2() && input.size() <= kRankSortLimit) sorts.push_back(internal::SortDistinctAvx2);
  for (const Sort sort : sorts) {
    std::vector<std::int64_t> values = input, counts(input.size());
    const std::size_t n = sort(values.data(), values.size(), counts.data());
    ASSERT_EQ(n, expected.size());
    std::size_t i = 0;
    for (const auto& [value, count] : expected) {
      EXPECT_EQ(values[i], value);
      EXPECT_EQ(counts[i], count);
      ++i;
    }
    values = input;
    EXPECT_EQ(sort(values.data(), values.size(), nullptr), expected.size());
    i = 0;
    for (const auto& entry : expected) EXPECT_EQ(values[i++], entry.first);
  }
}

TEST(SortDistinct, AgreesWithAnOrderedMap) {
  std::mt19937_64 random(testing::Seed());
  for (std::size_t size = 0; size <= 2 * kRankSortLimit; ++size) {
    for (const std::uint64_t range : {std::uint64_t{1}, std::uint64_t{3}, std::uint64_t{size + 1},
                                      std::uint64_t{100000}, UINT64_MAX}) {
      std::vector<std::int64_t> input(size);
      for (auto& value : input) value = static_cast<std::int64_t>(random() % range);
      ExpectSortedAndCounted(input);
    }
  }
}

TEST(SortDistinct, TakesTheExtremes) {
  ExpectSortedAndCounted({INT64_MAX, INT64_MIN, 0, -1, 1, INT64_MIN, INT64_MAX, INT64_MIN});
}

}  // namespace
}  // namespace millrace
