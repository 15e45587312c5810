// jsonb bytes given to topn functions: what can be decoded has valid items, and is the same after
// it was encoded and decoded again.

#include <algorithm>
#include <vector>

#include "core/sketch/top_n_jsonb.h"
#include "fuzz.h"

namespace {
millrace::Status Seven(const char* bytes, std::size_t size, std::int64_t* count) {
  // A number in another form: reads all of it, so that the sanitizer checks where it ends.
  *count = 7 + (std::count(bytes, bytes + size, '\x7f') & 1);
  return millrace::Status::Ok();
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace millrace;
  std::size_t count = 0;
  if (!JsonbSummarySize(data, size, &count).ok()) return 0;
  std::vector<TopNItem> items(count);
  if (!DecodeJsonbSummary(data, size, Seven, items.data()).ok()) return 0;
  for (const TopNItem& item : items) {
    FUZZ_CHECK(item.count >= 0 && item.key.size() <= kTopNMaxKeyBytes);
  }
  std::vector<char> bytes(EncodedJsonbSize(items.data(), count));
  EncodeJsonbSummary(items.data(), count, bytes.data());
  std::vector<TopNItem> again(count);
  FUZZ_CHECK(DecodeJsonbSummary(bytes.data(), bytes.size(), Seven, again.data()).ok());
  for (std::size_t i = 0; i < count; ++i) {
    FUZZ_CHECK(items[i].key == again[i].key && items[i].count == again[i].count);
  }
  std::vector<TopNItem> merged(2 * count);
  FUZZ_CHECK(UnionSummaries(items.data(), count, again.data(), count, 5, merged.data()) ==
             std::min<std::size_t>(count, 5));
  return 0;
}
