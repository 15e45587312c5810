// The bytes of a topn state that parallel processes send each other.

#include <vector>

#include "core/sketch/top_n.h"
#include "fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace millrace;
  FuzzAllocator allocator;
  TopN state(3);
  if (!state.MergeSerialized(data, size, allocator).ok()) return 0;
  std::vector<std::uint8_t> bytes(state.SerializedSize());
  state.Serialize(bytes.data());
  TopN again(3);
  FUZZ_CHECK(again.MergeSerialized(bytes.data(), bytes.size(), allocator).ok());
  std::vector<TopNItem> items(state.size()), items_again(again.size());
  const std::size_t n = state.Summarize(items.data());
  FUZZ_CHECK(n <= 3 && again.Summarize(items_again.data()) == n);
  for (std::size_t i = 0; i < n; ++i) {
    FUZZ_CHECK(items[i].key == items_again[i].key && items[i].count == items_again[i].count);
  }
  return 0;
}
