#include "core/sketch/top_n.h"

#include <gtest/gtest.h>

#include <cmath>
#include <deque>
#include <limits>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "core/base/testing.h"

namespace millrace {
namespace {

using testing::PoolAllocator;
using testing::Seed;

using Counts = std::map<std::string, std::int64_t>;

// A stored summary whose keys it owns.
struct Summary {
  std::deque<std::string> keys;
  std::vector<TopNItem> items;
};

Summary Store(const std::vector<TopNItem>& items) {
  Summary stored;
  for (const auto& item : items) {
    stored.items.push_back({stored.keys.emplace_back(item.key), item.count});
  }
  return stored;
}

Summary Summarize(const TopN& state) {
  std::vector<TopNItem> items(state.size());
  items.resize(state.Summarize(items.data()));
  return Store(items);
}

Summary Union(const Summary& a, const Summary& b, std::int64_t counters) {
  std::vector<TopNItem> items(a.items.size() + b.items.size());
  items.resize(UnionSummaries(a.items.data(), a.items.size(), b.items.data(), b.items.size(),
                              counters, items.data()));
  return Store(items);
}

// The guarantee in top_n.h, against exact counts.
void CheckBound(const Summary& summary, const Counts& truth, std::int64_t counters) {
  std::int64_t n = 0;
  for (const auto& [key, count] : truth) n += count;
  ASSERT_LE(summary.items.size(), static_cast<std::size_t>(counters));
  const std::int64_t m = SummaryFloor(summary.items.data(), summary.items.size(), counters);
  const bool exact = truth.size() <= static_cast<std::size_t>(counters);
  if (exact) {
    ASSERT_EQ(summary.items.size(), truth.size());
  }
  ASSERT_LE(m * counters, n);
  std::set<std::string> seen;
  for (std::size_t i = 0; i < summary.items.size(); ++i) {
    const auto& item = summary.items[i];
    const auto found = truth.find(std::string(item.key));
    ASSERT_NE(found, truth.end()) << item.key;
    ASSERT_TRUE(seen.insert(found->first).second);
    ASSERT_GE(item.count, found->second);
    ASSERT_LE(item.count, found->second + (exact ? 0 : m));
    if (i > 0) {
      ASSERT_TRUE(StoredOrder(summary.items[i - 1].key, item.key));
    }
  }
  for (const auto& [key, count] : truth) {
    if (!seen.contains(key)) {
      ASSERT_LE(count, m) << key;
    }
  }
}

TEST(TopN, ExactBelowItsCapacity) {
  PoolAllocator allocator;
  TopN state(100);
  Counts truth;
  for (int i = 0; i < 10000; ++i) {
    const std::string key = std::to_string(i * i % 100);
    state.Add(key, 1, allocator);
    ++truth[key];
  }
  CheckBound(Summarize(state), truth, 100);
}

TEST(TopN, EqualCountsBeyondTheCapacityKeepTheBound) {
  PoolAllocator allocator;
  TopN state(10);
  Counts truth;
  for (int i = 0; i < 161; ++i) {
    state.Add(std::to_string(i), 1, allocator);
    truth[std::to_string(i)] = 1;
  }
  const Summary summary = Summarize(state);
  EXPECT_EQ(summary.items.size(), 10u);
  CheckBound(summary, truth, 10);
}

// Streams of several shapes are cut into parts, which are combined in random trees of aggregates,
// unions and parallel states.
TEST(TopN, TheErrorBoundHoldsHoweverSummariesMeet) {
  std::mt19937_64 random(Seed());
  for (int round = 0; round < 300; ++round) {
    const auto counters = static_cast<std::int64_t>(1 + random() % 40);
    const auto keys = 1 + random() % (40 * static_cast<std::uint64_t>(counters));
    const double skew = static_cast<double>(random() % 4);
    auto draw = [&] {
      const double u = static_cast<double>(random() >> 11) * 0x1p-53;
      return static_cast<std::uint64_t>(std::pow(u, 1 + skew) * static_cast<double>(keys));
    };
    PoolAllocator allocator;
    Counts truth;
    TopN combined(counters), over_stored(counters);
    Summary folded;
    const int parts = static_cast<int>(1 + random() % 8);
    for (int part = 0; part < parts; ++part) {
      TopN state(counters);
      const auto events = random() % 3000;
      for (std::uint64_t i = 0; i < events; ++i) {
        const std::string key = "k" + std::to_string(draw());
        const auto count = static_cast<std::int64_t>(1 + random() % 3);
        state.Add(key, count, allocator);
        truth[key] += count;
      }
      const Summary stored = Summarize(state);
      folded = Union(folded, stored, counters);
      over_stored.AddSummary(stored.items.data(), stored.items.size(), allocator);
      if (random() % 2) {
        std::vector<std::uint8_t> bytes(state.SerializedSize());
        state.Serialize(bytes.data());
        ASSERT_TRUE(combined.MergeSerialized(bytes.data(), bytes.size(), allocator).ok());
      } else {
        combined.Merge(state, allocator);
      }
    }
    SCOPED_TRACE("round " + std::to_string(round));
    CheckBound(Summarize(combined), truth, counters);
    CheckBound(Summarize(over_stored), truth, counters);
    CheckBound(folded, truth, counters);
    if (HasFatalFailure()) return;
  }
}

TEST(TopN, CountsSaturate) {
  constexpr auto kMax = std::numeric_limits<std::int64_t>::max();
  PoolAllocator allocator;
  TopN state(10);
  state.Add("a", kMax, allocator);
  state.Add("a", 1, allocator);
  EXPECT_EQ(Summarize(state).items[0].count, kMax);
}

TEST(TopN, AFewItemsTakeHundredsOfBytes) {
  PoolAllocator allocator;
  TopN state(1000);
  for (int i = 0; i < 10; ++i) state.Add(std::to_string(i), 1, allocator);
  EXPECT_LE(sizeof(state) + state.memory(), 800u);
}

TEST(TopN, RefusesForgedStates) {
  PoolAllocator allocator;
  TopN state(10);
  state.Add("key", 3, allocator);
  state.Add("", 2, allocator);
  std::vector<std::uint8_t> bytes(state.SerializedSize());
  state.Serialize(bytes.data());
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    TopN target(10);
    EXPECT_FALSE(target.MergeSerialized(bytes.data(), size, allocator).ok()) << size;
  }
  bytes.push_back(0);
  TopN target(10);
  EXPECT_FALSE(target.MergeSerialized(bytes.data(), bytes.size(), allocator).ok());
}

}  // namespace
}  // namespace millrace
