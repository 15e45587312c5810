// Stored hll bytes: whatever they are, parsing, estimating, adding and merging stay within them.
// A value that can be parsed is the same after a round trip through a sketch.

#include <cmath>
#include <cstring>
#include <vector>

#include "core/sketch/hyperloglog.h"
#include "fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace millrace;
  HllView view;
  if (!HllView::Parse(data, size, &view).ok()) return 0;
  double estimate = 0;
  if (EstimateCardinality(view, &estimate).ok()) {
    FUZZ_CHECK(std::isfinite(estimate) && estimate >= 0);
  }
  FuzzAllocator allocator;
  HyperLogLog sketch(view.parameters());
  sketch.Merge(view, allocator);
  auto encode = [&] {
    const auto encoding = sketch.PrepareEncoding(-1, allocator);
    std::vector<std::uint8_t> bytes(encoding.size);
    sketch.Encode(encoding, bytes.data());
    return bytes;
  };
  const auto once = encode();
  HllView again;
  FUZZ_CHECK(HllView::Parse(once.data(), once.size(), &again).ok());
  sketch.Merge(again, allocator);
  FUZZ_CHECK(encode() == once);
  if (view.type() == HllType::kExplicit) {
    std::vector<std::uint8_t> out(2 * size);
    const std::size_t n = UnionExplicit(view, view, out.data());
    FUZZ_CHECK(n == 0 || (n == size && std::memcmp(out.data(), data, n) == 0));
  }
  sketch.Add(0x123456789abcdef, allocator);
  encode();
  return 0;
}
