#include "core/sketch/hyperloglog.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "core/base/cpu.h"
#include "core/base/hash.h"
#include "core/base/testing.h"
#include "core/sketch/hyperloglog_registers.h"

namespace millrace {
namespace {

using testing::PoolAllocator;
using testing::Seed;

using Bytes = std::vector<std::uint8_t>;

Bytes Encode(HyperLogLog& sketch, Allocator& allocator, int max_sparse = -1) {
  const auto encoding = sketch.PrepareEncoding(max_sparse, allocator);
  Bytes out(encoding.size, 0xee);
  sketch.Encode(encoding, out.data());
  return out;
}

HllView Parse(const Bytes& bytes) {
  HllView view;
  const Status status = HllView::Parse(bytes.data(), bytes.size(), &view);
  EXPECT_TRUE(status.ok()) << status.message();
  return view;
}

std::string Hex(const Bytes& bytes) {
  std::string s;
  char digits[3];
  for (auto b : bytes) {
    std::snprintf(digits, sizeof(digits), "%02x", b);
    s += digits;
  }
  return s;
}

// The stored form written directly from its definition, bit by bit.
Bytes EncodeByDefinition(const std::set<std::int64_t>& hashes, const HllParameters& p) {
  auto header = [&](HllType type) {
    Bytes out(kHllHeaderBytes);
    WriteHllHeader(type, p, out.data());
    return out;
  };
  if (hashes.empty()) return header(HllType::kEmpty);
  if (hashes.size() <= p.explicit_limit()) {
    Bytes out = header(HllType::kExplicit);
    for (auto h : hashes) {
      for (int shift = 56; shift >= 0; shift -= 8) {
        out.push_back(static_cast<std::uint8_t>(static_cast<std::uint64_t>(h) >> shift));
      }
    }
    return out;
  }
  std::vector<int> registers(p.registers());
  for (auto hash : hashes) {
    const auto h = static_cast<std::uint64_t>(hash);
    const std::uint64_t rest = h >> p.log2m;
    if (rest == 0) continue;
    auto& r = registers[h % p.registers()];
    r = std::max(r, std::min(std::countr_zero(rest) + 1, (1 << p.regwidth) - 1));
  }
  const auto set = static_cast<std::size_t>(
      std::count_if(registers.begin(), registers.end(), [](int r) { return r != 0; }));
  const bool sparse =
      p.sparseon && set * (p.log2m + p.regwidth) < std::size_t{p.registers()} * p.regwidth;
  std::vector<bool> bits;
  auto put = [&](std::uint64_t value, int width) {
    for (int i = width - 1; i >= 0; --i) bits.push_back(value >> i & 1);
  };
  for (std::size_t i = 0; i < registers.size(); ++i) {
    if (sparse && registers[i] == 0) continue;
    if (sparse) put(i, p.log2m);
    put(static_cast<std::uint64_t>(registers[i]), p.regwidth);
  }
  Bytes out = header(sparse ? HllType::kSparse : HllType::kFull);
  out.resize(kHllHeaderBytes + (bits.size() + 7) / 8);
  for (std::size_t i = 0; i < bits.size(); ++i) {
    if (bits[i]) out[kHllHeaderBytes + i / 8] |= static_cast<std::uint8_t>(0x80 >> i % 8);
  }
  return out;
}

TEST(MurmurHash3, PublishedValues) {
  EXPECT_EQ(MurmurHash3OfInt64(0), 2945182322382062539u);
  EXPECT_EQ(MurmurHash3OfInt64(1), 19144387141682250u);
  EXPECT_EQ(MurmurHash3("abcdefghijklmnopqrstuvwxyz", 26, 0), 8402764170624191145u);
  EXPECT_EQ(MurmurHash3("abc", 3, 7), 7377142722984933415u);
  const std::int64_t one = 1;
  EXPECT_EQ(MurmurHash3(&one, sizeof(one), static_cast<std::uint32_t>(-5)), 4179671713769336250u);
}

TEST(MurmurHash3, TheShortFormEqualsTheLongOne) {
  std::mt19937_64 random(Seed());
  for (int i = 0; i < 10000; ++i) {
    const auto value = static_cast<std::int64_t>(random());
    ASSERT_EQ(MurmurHash3OfInt64(value), MurmurHash3(&value, sizeof(value), 0));
  }
}

TEST(HyperLogLog, StoredFormsOfSmallContents) {
  PoolAllocator allocator;
  HyperLogLog sketch{HllParameters{}};
  EXPECT_EQ(Hex(Encode(sketch, allocator)), "118b7f");
  sketch.Add(MurmurHash3OfInt64(1), allocator);
  EXPECT_EQ(Hex(Encode(sketch, allocator)), "128b7f004403b7fb05c44a");
  HyperLogLog registers{HllParameters{.log2m = 11, .regwidth = 5, .sparseon = 1, .expthresh = 0}};
  registers.Add(0, allocator);  // a rest of zero sets nothing
  EXPECT_EQ(Hex(Encode(registers, allocator)), "138b40");
}

TEST(HyperLogLog, PublishedEstimates) {
  PoolAllocator allocator;
  HyperLogLog sketch{HllParameters{}};
  auto add_up_to = [&, i = 1](int last) mutable {
    for (; i <= last; ++i) sketch.Add(MurmurHash3OfInt64(i), allocator);
    double estimate = 0;
    EXPECT_TRUE(sketch.EstimateCardinality(allocator, &estimate).ok());
    return estimate;
  };
  EXPECT_EQ(add_up_to(160), 160.0);
  EXPECT_EQ(Parse(Encode(sketch, allocator)).type(), HllType::kExplicit);
  add_up_to(161);
  EXPECT_EQ(Parse(Encode(sketch, allocator)).type(), HllType::kSparse);
  EXPECT_DOUBLE_EQ(add_up_to(1000), 978.6302601354474);
  EXPECT_EQ(Parse(Encode(sketch, allocator)).type(), HllType::kFull);
  EXPECT_DOUBLE_EQ(add_up_to(100000), 96663.3691660477);
}

// Every combination of parameters, contents from none to saturation, in random order and with
// repetitions: the bytes are those of the definition, and a sketch merged from parts is the same.
TEST(HyperLogLog, BytesFollowTheDefinition) {
  std::mt19937_64 random(Seed());
  for (int round = 0; round < 400; ++round) {
    PoolAllocator allocator;
    HllParameters p;
    p.log2m = static_cast<std::uint8_t>(random() % 13);
    p.regwidth = static_cast<std::uint8_t>(1 + random() % 7);
    p.sparseon = random() % 2;
    const int threshold = static_cast<int>(random() % 10);
    p.expthresh = threshold == 0 ? 0 : threshold < 6 ? -1 : 1 << threshold;
    const std::size_t n = std::size_t{1} << random() % 13;

    std::set<std::int64_t> hashes;
    HyperLogLog whole(p), left(p), right(p);
    std::vector<Bytes> stored;
    for (std::size_t i = 0; i < n; ++i) {
      std::uint64_t hash = random();
      if (random() % 4 == 0 && !hashes.empty()) hash = static_cast<std::uint64_t>(*hashes.begin());
      if (random() % 64 == 0) hash &= 0xfff;
      hashes.insert(static_cast<std::int64_t>(hash));
      whole.Add(hash, allocator);
      (random() % 2 ? left : right).Add(hash, allocator);
    }
    const Bytes expected = EncodeByDefinition(hashes, p);
    const Bytes encoded = Encode(whole, allocator);
    ASSERT_EQ(Hex(encoded), Hex(expected)) << "round " << round;

    HyperLogLog by_views(p), by_states(p);
    for (HyperLogLog* part : {&left, &right}) {
      by_views.Merge(Parse(stored.emplace_back(Encode(*part, allocator))), allocator);
      by_states.Merge(*part, allocator);
    }
    ASSERT_EQ(Hex(Encode(by_views, allocator)), Hex(expected)) << "round " << round;
    ASSERT_EQ(Hex(Encode(by_states, allocator)), Hex(expected)) << "round " << round;

    if (p.log2m >= 4) {
      double from_state = 0, from_view = 0;
      ASSERT_TRUE(whole.EstimateCardinality(allocator, &from_state).ok());
      ASSERT_TRUE(EstimateCardinality(Parse(encoded), &from_view).ok());
      ASSERT_EQ(from_state, from_view);
      ASSERT_TRUE(std::isfinite(from_view));
    }
    const HllView a = Parse(stored[0]), b = Parse(stored[1]);
    if (a.type() == HllType::kExplicit && b.type() == HllType::kExplicit) {
      Bytes out(stored[0].size() + stored[1].size());
      out.resize(UnionExplicit(a, b, out.data()));
      ASSERT_EQ(out.empty(), hashes.size() > p.explicit_limit());
      if (!out.empty()) {
        ASSERT_EQ(Hex(out), Hex(expected));
      }
    }
  }
}

TEST(HyperLogLog, WideRegistersEstimateRight) {
  for (int regwidth : {6, 7}) {
    PoolAllocator allocator;
    HyperLogLog sketch{HllParameters{.regwidth = static_cast<std::uint8_t>(regwidth)}};
    for (int i = 0; i < 100000; ++i) sketch.Add(MurmurHash3OfInt64(i), allocator);
    double estimate = 0;
    ASSERT_TRUE(sketch.EstimateCardinality(allocator, &estimate).ok());
    EXPECT_NEAR(estimate, 100000, 100000 * 3 * 0.023);
  }
}

TEST(HyperLogLog, SaturatedRegistersStayFinite) {
  Bytes bytes(kHllHeaderBytes + 1280, 0xff);
  WriteHllHeader(HllType::kFull, HllParameters{}, bytes.data());
  double estimate = 0;
  ASSERT_TRUE(EstimateCardinality(Parse(bytes), &estimate).ok());
  EXPECT_TRUE(std::isfinite(estimate));
  EXPECT_GT(estimate, 1e12);
}

TEST(HyperLogLog, TooFewRegistersAreAnError) {
  PoolAllocator allocator;
  HyperLogLog sketch{HllParameters{.log2m = 3, .expthresh = 0}};
  sketch.Add(12345, allocator);
  double estimate = 0;
  EXPECT_EQ(sketch.EstimateCardinality(allocator, &estimate).code(), StatusCode::kInvalidParameter);
}

TEST(HyperLogLog, AFewValuesTakeHundredsOfBytes) {
  PoolAllocator allocator;
  HyperLogLog sketch{HllParameters{}};
  for (int i = 0; i < 10; ++i) sketch.Add(MurmurHash3OfInt64(i), allocator);
  EXPECT_LE(sizeof(sketch) + sketch.memory(), 300u);
  HyperLogLog large{HllParameters{.log2m = 17, .expthresh = 0}};
  for (int i = 0; i < 10; ++i) large.Add(MurmurHash3OfInt64(i), allocator);
  EXPECT_LE(sizeof(large) + large.memory(), 300u);
}

TEST(HyperLogLog, UndefinedAbsorbsEverything) {
  PoolAllocator allocator;
  Bytes undefined(kHllHeaderBytes);
  WriteHllHeader(HllType::kUndefined, HllParameters{}, undefined.data());
  HyperLogLog sketch{HllParameters{}};
  sketch.Add(1, allocator);
  sketch.Merge(Parse(undefined), allocator);
  sketch.Add(2, allocator);
  EXPECT_EQ(Encode(sketch, allocator), undefined);
}

// Sketches are made with thresholds below 2^14; the stored form has codes up to 2^61, which the
// published type reads.
TEST(HllView, ReadsEveryExplicitThreshold) {
  HeapAllocator allocator;
  for (int code = 0; code <= 62; ++code) {
    const Bytes empty = {0x11, 0x8b, static_cast<std::uint8_t>(0x40 | code)};
    const HllView view = Parse(empty);
    ASSERT_EQ(view.parameters().expthresh, code == 0 ? 0 : std::int64_t{1} << (code - 1));
    HyperLogLog sketch(view.parameters());
    EXPECT_EQ(Encode(sketch, allocator), empty);
    for (std::uint64_t i = 1; i <= HllParameters::kMaxExplicit + 1; ++i) {
      sketch.Add(i, allocator);
      if (i == 5) {
        EXPECT_EQ(Encode(sketch, allocator)[0], code >= 4 ? 0x12 : 0x13) << code;
      }
    }
    // However high the threshold, there is a limit.
    EXPECT_NE(Encode(sketch, allocator)[0], 0x12) << code;
    EXPECT_EQ(Encode(sketch, allocator)[2], empty[2]);
    sketch.Free(allocator);
  }
}

TEST(HllView, RefusesForgedBytes) {
  const Bytes forged[] = {
      {},
      {0x11},
      {0x11, 0x8b},
      {0x21, 0x8b, 0x7f},                          // version
      {0x15, 0x8b, 0x7f},                          // type
      {0x11, 0x8b, 0xff},                          // unknown flag
      {0x11, 0x9f, 0x40},                          // log2m 31
      {0x11, 0xeb, 0x7f},                          // regwidth 8
      {0x11, 0x8b, 0x7f, 0x00},                    // empty with a body
      {0x12, 0x8b, 0x7f, 1, 2, 3},                 // incomplete element
      {0x13, 0x8b, 0x7f, 0x00},                    // a byte is no entry
      {0x13, 0x8b, 0x7f, 0x00, 0x21, 0x00, 0x21},  // a register twice
      {0x13, 0x8b, 0x7f, 0x00, 0x41, 0x00, 0x21},  // descending
      {0x14, 0x8b, 0x7f, 0x00},                    // short
      {0x12, 0x8b, 0x7f, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 1},
      {0x12, 0x8b, 0x7f, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 2},
  };
  for (const Bytes& bytes : forged) {
    HllView view;
    EXPECT_EQ(HllView::Parse(bytes.data(), bytes.size(), &view).code(), StatusCode::kInvalidData)
        << Hex(bytes);
  }
}

TEST(Registers, TheVectorFormEqualsThePortableOne) {
  if (!HasAvx2()) {
    std::printf("no AVX2 on this machine: only the portable form is in use, nothing to compare\n");
    return;
  }
  std::mt19937_64 random(Seed());
  for (std::size_t count : {1, 31, 32, 33, 64, 100, 1000, 2048, 131072}) {
    Bytes packed(PackedRegisterBytes(count, 5));
    for (auto& b : packed) b = static_cast<std::uint8_t>(random());
    Bytes portable(count), vector(count);
    for (std::size_t i = 0; i < count; ++i) portable[i] = vector[i] = random() % 32;
    internal::MaxPackedRegistersPortable(packed.data(), count, 5, portable.data());
    internal::MaxPackedRegisters5Avx2(packed.data(), count, vector.data());
    ASSERT_EQ(portable, vector) << count;
  }
}

}  // namespace
}  // namespace millrace
