// The sketches by themselves: no PostgreSQL, one core. Times are per call; items_per_second counts
// values, registers or entries.

#include <benchmark/benchmark.h>

#include <string>
#include <vector>

#include "core/base/cpu.h"
#include "core/base/hash.h"
#include "core/sketch/hyperloglog.h"
#include "core/sketch/hyperloglog_registers.h"
#include "core/sketch/top_n.h"

namespace millrace {
namespace {

std::vector<std::uint8_t> Stored(int values) {
  HeapAllocator allocator;
  HyperLogLog sketch{HllParameters{}};
  for (int i = 0; i < values; ++i) sketch.Add(MurmurHash3OfInt64(i), allocator);
  const auto encoding = sketch.PrepareEncoding(-1, allocator);
  std::vector<std::uint8_t> bytes(encoding.size);
  sketch.Encode(encoding, bytes.data());
  return bytes;
}

void HashAndAdd(benchmark::State& state) {
  HeapAllocator allocator;
  HyperLogLog sketch{HllParameters{}};
  std::int64_t value = 0;
  for (auto _ : state) sketch.Add(MurmurHash3OfInt64(value++), allocator);
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(HashAndAdd);

void MergeStored(benchmark::State& state) {
  HeapAllocator allocator;
  const auto stored = Stored(static_cast<int>(state.range(0)));
  const auto other = Stored(100000);
  HyperLogLog sketch{HllParameters{}};
  HllView view;
  if (HllView::Parse(other.data(), other.size(), &view).ok()) sketch.Merge(view, allocator);
  for (auto _ : state) {
    if (!HllView::Parse(stored.data(), stored.size(), &view).ok()) state.SkipWithError("bad bytes");
    sketch.Merge(view, allocator);
  }
}
BENCHMARK(MergeStored)->ArgName("values")->Arg(30)->Arg(300)->Arg(100000);

void MaxPackedPortable(benchmark::State& state) {
  const auto stored = Stored(100000);
  std::vector<std::uint8_t> registers(2048);
  for (auto _ : state) {
    internal::MaxPackedRegistersPortable(stored.data() + kHllHeaderBytes, 2048, 5,
                                         registers.data());
    benchmark::ClobberMemory();
  }
  state.SetItemsProcessed(state.iterations() * 2048);
}
BENCHMARK(MaxPackedPortable);

void MaxPackedAvx2(benchmark::State& state) {
  if (!HasAvx2()) {
    state.SkipWithError("no AVX2");
    return;
  }
  const auto stored = Stored(100000);
  std::vector<std::uint8_t> registers(2048);
  for (auto _ : state) {
    internal::MaxPackedRegisters5Avx2(stored.data() + kHllHeaderBytes, 2048, registers.data());
    benchmark::ClobberMemory();
  }
  state.SetItemsProcessed(state.iterations() * 2048);
}
BENCHMARK(MaxPackedAvx2);

void Cardinality(benchmark::State& state) {
  const auto stored = Stored(static_cast<int>(state.range(0)));
  for (auto _ : state) {
    HllView view;
    double estimate = 0;
    if (!HllView::Parse(stored.data(), stored.size(), &view).ok() ||
        !EstimateCardinality(view, &estimate).ok()) {
      state.SkipWithError("bad bytes");
    }
    benchmark::DoNotOptimize(estimate);
  }
}
BENCHMARK(Cardinality)->ArgName("values")->Arg(100)->Arg(100000);

void TopNAdd(benchmark::State& state) {
  HeapAllocator allocator;
  TopN summary(kTopNDefaultCounters);
  std::vector<std::string> keys;
  for (std::int64_t i = 0; i < state.range(0); ++i) keys.push_back(std::to_string(i * 7919));
  std::size_t next = 0;
  for (auto _ : state) {
    summary.Add(keys[next], 1, allocator);
    if (++next == keys.size()) next = 0;
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(TopNAdd)->ArgName("keys")->Arg(20)->Arg(1000)->Arg(100000);

void TopNUnion(benchmark::State& state) {
  std::vector<std::string> keys;
  std::vector<TopNItem> a, b;
  for (int i = 100; i < 130; ++i) keys.push_back(std::to_string(i));
  for (int i = 0; i < 20; ++i) {
    a.push_back({keys[static_cast<std::size_t>(i)], i});
    b.push_back({keys[static_cast<std::size_t>(i) + 10], i});
  }
  std::vector<TopNItem> out(40);
  for (auto _ : state) {
    benchmark::DoNotOptimize(
        UnionSummaries(a.data(), a.size(), b.data(), b.size(), kTopNDefaultCounters, out.data()));
  }
}
BENCHMARK(TopNUnion);

}  // namespace
}  // namespace millrace
