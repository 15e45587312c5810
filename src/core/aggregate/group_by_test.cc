#include "core/aggregate/group_by.h"

#include <gtest/gtest.h>

#include <bit>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "core/base/hash.h"
#include "core/base/testing.h"

namespace millrace {
namespace {

using testing::PoolAllocator;
using testing::Seed;

// Columns of the rows: two integers, a text, a float.
constexpr std::uint16_t kTenant = 0, kDevice = 1, kKind = 2, kPrice = 3, kColumns = 4;

struct Row {
  std::optional<std::int64_t> tenant, device;
  std::optional<std::string> kind;
  std::optional<double> price;
};

using Key = std::pair<std::optional<std::int64_t>, std::optional<std::string>>;

const std::vector<KeySpec> kKeys = {{kTenant, false}, {kKind, true}};
const std::vector<AggregateSpec> kAggregates = {
    {AggregateKind::kCountRows, 0, HashWidth::k8, {}},
    {AggregateKind::kCount, kDevice, HashWidth::k8, {}},
    {AggregateKind::kSumInteger, kDevice, HashWidth::k8, {}},
    {AggregateKind::kMinInteger, kDevice, HashWidth::k8, {}},
    {AggregateKind::kMaxInteger, kDevice, HashWidth::k8, {}},
    {AggregateKind::kSumFloat8, kPrice, HashWidth::k8, {}},
    {AggregateKind::kMaxFloat, kPrice, HashWidth::k8, {}},
    {AggregateKind::kHllAdd, kDevice, HashWidth::k8, {}},
    {AggregateKind::kHllAdd, kKind, HashWidth::kText, {.expthresh = 0}},
    {AggregateKind::kTopNAddInteger, kDevice, HashWidth::k8, {}},
    {AggregateKind::kTopNAddText, kKind, HashWidth::k8, {}},
};
constexpr std::int64_t kCounters = 20;

// A finished group as text, so that a difference can be read.
std::string Describe(const Number& n, bool real) {
  return std::to_string(n.count) + ":" +
         (n.count == 0 ? ""
          : real       ? std::to_string(n.real)
                       : std::to_string(static_cast<std::int64_t>(n.integer)));
}

std::string Hex(std::span<const std::uint8_t> bytes) {
  std::string s;
  for (auto b : bytes) s += "0123456789abcdef"[b >> 4], s += "0123456789abcdef"[b & 15];
  return s;
}

std::string Describe(std::span<const TopNItem> items) {
  std::string s;
  for (const auto& item : items)
    s += std::string(item.key) + "=" + std::to_string(item.count) + " ";
  return s;
}

using Result = std::map<Key, std::vector<std::string>>;

// One row at a time, with the sketches themselves, as PostgreSQL's aggregates do.
Result OneByOne(const std::vector<Row>& rows) {
  struct State {
    Number numbers[7] = {};
    HyperLogLog devices{HllParameters{}}, kinds{HllParameters{.expthresh = 0}};
    TopN top_devices{kCounters}, top_kinds{kCounters};
  };
  PoolAllocator allocator;
  std::map<Key, State> states;
  for (const Row& row : rows) {
    State& s = states[{row.tenant, row.kind}];
    ++s.numbers[0].count;
    if (row.device) {
      const std::int64_t d = *row.device;
      ++s.numbers[1].count;
      s.numbers[2].integer += d;
      ++s.numbers[2].count;
      if (s.numbers[3].count++ == 0 || d < s.numbers[3].integer) s.numbers[3].integer = d;
      if (s.numbers[4].count++ == 0 || d > s.numbers[4].integer) s.numbers[4].integer = d;
      s.devices.Add(MurmurHash3OfInt64(d), allocator);
      s.top_devices.Add(std::to_string(d), 1, allocator);
    }
    if (row.price) {
      s.numbers[5].real = s.numbers[5].count++ == 0 ? *row.price : s.numbers[5].real + *row.price;
      if (s.numbers[6].count++ == 0 || *row.price > s.numbers[6].real)
        s.numbers[6].real = *row.price;
    }
    if (row.kind) {
      s.kinds.Add(MurmurHash3(row.kind->data(), row.kind->size(), 0), allocator);
      s.top_kinds.Add(*row.kind, 1, allocator);
    }
  }
  Result result;
  for (auto& [key, s] : states) {
    auto& out = result[key];
    for (int i = 0; i < 7; ++i) out.push_back(Describe(s.numbers[i], i >= 5));
    for (HyperLogLog* sketch : {&s.devices, &s.kinds}) {
      const auto encoding = sketch->PrepareEncoding(-1, allocator);
      std::vector<std::uint8_t> bytes(encoding.size);
      sketch->Encode(encoding, bytes.data());
      out.push_back(Hex(bytes));
    }
    for (TopN* summary : {&s.top_devices, &s.top_kinds}) {
      std::vector<TopNItem> items(summary->size());
      items.resize(summary->Summarize(items.data()));
      out.push_back(Describe(items));
    }
  }
  return result;
}

// The engine, with batches, folding and lack of memory at random.
class Engine {
 public:
  explicit Engine(std::mt19937_64& random) : random_(random) {
    for (int c = 0; c < kColumns; ++c) {
      columns_[c] = {values_[c], nulls_[c], false};
    }
  }

  void Run(const std::vector<Row>& rows, Result* result) {
    PoolAllocator allocator;
    GroupBy groups(kKeys, kAggregates, kCounters, -1);
    std::vector<Row> spilled;
    bool insert = true;
    for (std::size_t at = 0; at < rows.size();) {
      const std::size_t n = std::min<std::size_t>(1 + random_() % kBatchRows, rows.size() - at);
      FillBatch(&groups, rows, at, n, insert, allocator);
      std::uint32_t rejected[kBatchRows], count = 0;
      ASSERT_TRUE(groups
                      .AddBatch({static_cast<std::uint32_t>(n), kColumns, columns_}, insert,
                                rejected, &count, allocator)
                      .ok());
      for (std::uint32_t i = 0; i < count; ++i) spilled.push_back(rows[at + rejected[i]]);
      at += n;
      if (random_() % 8 == 0) {
        groups.BeginFold(allocator);
        const auto half = static_cast<std::uint32_t>(random_() % (groups.groups() + 1));
        groups.FoldGroups(0, half, allocator);
        groups.FoldGroups(half, groups.groups(), allocator);
        groups.EndFold(allocator);
      }
      if (random_() % 16 == 0) insert = false;
    }
    groups.Finish(allocator);
    for (std::uint32_t g = 0; g < groups.groups(); ++g) Collect(&groups, g, result, allocator);
    if (!spilled.empty()) Run(spilled, result);
  }

 private:
  void FillBatch(GroupBy* groups, const std::vector<Row>& rows, std::size_t at, std::size_t n,
                 bool insert, Allocator& allocator) {
    for (int c = 0; c < kColumns; ++c) columns_[c].any_null = false;
    for (std::size_t i = 0; i < n; ++i) {
      const Row& row = rows[at + i];
      auto put = [&](int c, bool there, std::int64_t value) {
        values_[c][i] = there ? value : 0;
        nulls_[c][i] = !there;
        columns_[c].any_null |= !there;
      };
      put(kTenant, row.tenant.has_value(), row.tenant.value_or(0));
      put(kDevice, row.device.has_value(), row.device.value_or(0));
      put(kPrice, row.price.has_value(), std::bit_cast<std::int64_t>(row.price.value_or(0)));
      Dictionary& dictionary = groups->dictionary(kKind);
      put(kKind, row.kind.has_value(),
          !row.kind ? 0
          : insert  ? dictionary.Intern(*row.kind, allocator)
                    : dictionary.Find(*row.kind));
    }
  }

  void Collect(GroupBy* groups, std::uint32_t g, Result* result, Allocator& allocator) {
    Key key;
    if (!groups->KeyIsNull(g, 0)) key.first = groups->KeyValue(g, 0);
    if (!groups->KeyIsNull(g, 1)) {
      key.second = groups->dictionary(kKind).At(static_cast<std::uint32_t>(groups->KeyValue(g, 1)));
    }
    auto& out = (*result)[key];
    ASSERT_TRUE(out.empty()) << "a group twice";
    for (std::uint32_t a = 0; a < 7; ++a) out.push_back(Describe(groups->NumberOf(g, a), a >= 5));
    for (std::uint32_t a : {7u, 8u}) out.push_back(Hex(groups->HllOf(g, a, allocator)));
    for (std::uint32_t a : {9u, 10u}) out.push_back(Describe(groups->TopNOf(g, a, allocator)));
  }

  std::mt19937_64& random_;
  std::int64_t values_[kColumns][kBatchRows];
  std::uint8_t nulls_[kColumns][kBatchRows];
  Column columns_[kColumns];
};

TEST(GroupBy, GivesWhatOneRowAtATimeGives) {
  std::mt19937_64 random(Seed());
  for (int round = 0; round < 60; ++round) {
    SCOPED_TRACE("round " + std::to_string(round));
    const std::size_t n = std::size_t{1} << random() % 15;
    const std::uint64_t tenants = 1 + random() % (1 << random() % 10);
    const std::uint64_t devices = 1 + random() % (1 << random() % 14);
    const bool nulls = random() % 2 == 0;
    std::vector<Row> rows(n);
    for (Row& row : rows) {
      auto there = [&] { return !nulls || random() % 5 != 0; };
      if (there()) row.tenant = static_cast<std::int64_t>(random() % tenants) - 3;
      if (there()) row.device = static_cast<std::int64_t>(random() % devices) - 20;
      if (there()) row.kind = std::string(random() % 20, static_cast<char>('a' + random() % 3));
      if (there()) row.price = static_cast<double>(random() % 1000) / 7;
    }
    Result by_engine;
    auto engine = std::make_unique<Engine>(random);
    engine->Run(rows, &by_engine);
    ASSERT_EQ(by_engine, OneByOne(rows));
  }
}

TEST(GroupBy, WithoutKeysThereIsOneGroupEvenWithoutRows) {
  PoolAllocator allocator;
  GroupBy groups({}, kAggregates, kCounters, -1);
  groups.EnsureGroup(allocator);
  groups.Finish(allocator);
  ASSERT_EQ(groups.groups(), 1u);
  EXPECT_EQ(groups.NumberOf(0, 0).count, 0);
  EXPECT_TRUE(groups.HllOf(0, 7, allocator).empty());
  EXPECT_TRUE(groups.TopNOf(0, 9, allocator).empty());
}

TEST(Dictionary, NumbersTextsInTheOrderTheyCome) {
  PoolAllocator allocator;
  Dictionary dictionary;
  std::vector<std::string> texts;
  for (int i = 0; i < 5000; ++i) texts.push_back(std::string(i % 40, 'x') + std::to_string(i));
  for (std::size_t i = 0; i < texts.size(); ++i) {
    EXPECT_EQ(dictionary.Find(texts[i]), Dictionary::kAbsent);
    EXPECT_EQ(dictionary.Intern(texts[i], allocator), i);
  }
  for (std::size_t i = 0; i < texts.size(); ++i) {
    EXPECT_EQ(dictionary.Find(texts[i]), i);
    EXPECT_EQ(dictionary.At(static_cast<std::uint32_t>(i)), texts[i]);
  }
}

}  // namespace
}  // namespace millrace
