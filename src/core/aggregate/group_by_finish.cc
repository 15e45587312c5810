// The second half of GroupBy: from a group's kept values to its sketches and their stored forms.

#include <algorithm>
#include <charconv>
#include <cstring>

#include "core/aggregate/group_by.h"
#include "core/aggregate/rank_sort.h"
#include "core/aggregate/stored_copy.h"
#include "core/base/coding.h"
#include "core/base/hash.h"

namespace millrace {
namespace {

// With more values than this in one group, sorting them all costs more than a sketch that
// deduplicates as it goes.
constexpr std::size_t kSortLimit = 1024;
// Characters of an int64: a sign and 19 digits.
constexpr std::size_t kMaxDigits = 20;

bool IsNull(const std::uint8_t* nulls, std::size_t i) { return nulls != nullptr && nulls[i] != 0; }

}  // namespace

std::uint64_t GroupBy::HashForHll(const AggregateSpec& spec, std::int64_t value) const {
  switch (spec.hash_width) {
    case HashWidth::k8:
      return MurmurHash3OfInt64(value);
    case HashWidth::k4: {
      const auto narrow = static_cast<std::int32_t>(value);
      return MurmurHash3(&narrow, sizeof(narrow), 0);
    }
    case HashWidth::k2: {
      const auto narrow = static_cast<std::int16_t>(value);
      return MurmurHash3(&narrow, sizeof(narrow), 0);
    }
    case HashWidth::k1: {
      const auto narrow = static_cast<std::int8_t>(value);
      return MurmurHash3(&narrow, sizeof(narrow), 0);
    }
    case HashWidth::kText: {
      const std::string_view text =
          dictionaries_[spec.column].At(static_cast<std::uint32_t>(value));
      return MurmurHash3(text.data(), text.size(), 0);
    }
    case HashWidth::kHashed:
      return static_cast<std::uint64_t>(value);
  }
  return 0;
}

void GroupBy::AddToHll(const AggregateSpec& spec, const KeptRows::Segment& segment,
                       HyperLogLog* sketch, Allocator& allocator) const {
  for (std::size_t i = 0; i < segment.size; ++i) {
    if (!IsNull(segment.nulls, i)) sketch->Add(HashForHll(spec, segment.values[i]), allocator);
  }
}

std::string_view GroupBy::KeyText(const AggregateSpec& spec, std::int64_t value,
                                  char* digits) const {
  if (spec.kind == AggregateKind::kTopNAddText) {
    return dictionaries_[spec.column].At(static_cast<std::uint32_t>(value));
  }
  const auto end = std::to_chars(digits, digits + kMaxDigits, value).ptr;
  return {digits, static_cast<std::size_t>(end - digits)};
}

// In the order of the rows: when the summary is full, the result depends on it.
void GroupBy::AddToTopN(std::uint32_t aggregate, const KeptRows::Segment& segment, TopN* summary,
                        Allocator& allocator) const {
  char digits[kMaxDigits];
  for (std::size_t i = 0; i < segment.size; ++i) {
    if (IsNull(segment.nulls, i)) continue;
    summary->Add(KeyText(aggregates_[aggregate], segment.values[i], digits), 1, allocator);
  }
}

std::span<const std::uint8_t> GroupBy::EncodeHll(HyperLogLog* sketch, Allocator& allocator) {
  const auto encoding = sketch->PrepareEncoding(max_sparse_, allocator);
  bytes_.Clear();
  sketch->Encode(encoding, bytes_.Extend(encoding.size, allocator));
  return {bytes_.data(), encoding.size};
}

std::span<const std::uint8_t> GroupBy::HllOf(std::uint32_t group, std::uint32_t aggregate,
                                             Allocator& allocator) {
  const AggregateSpec& spec = aggregates_[aggregate];
  HyperLogLog* state = sketches_.empty() ? nullptr : HllState(group, aggregate);
  if (spec.kind == AggregateKind::kHllUnion) {
    if (state == nullptr) return {};
    if (IsStoredCopy(state)) return StoredHll(state);
    return EncodeHll(state, allocator);
  }
  if (!any_rows_) return {};
  const KeptRows::Segment segment = SegmentOf(group, aggregate);
  if (state != nullptr || segment.size > kSortLimit) {
    HyperLogLog fresh(spec.hll);
    HyperLogLog* sketch = state != nullptr ? state : &fresh;
    AddToHll(spec, segment, sketch, allocator);
    const auto bytes = EncodeHll(sketch, allocator);
    if (state == nullptr) fresh.Free(allocator);
    return bytes;
  }
  values_.Clear();
  std::int64_t* hashes = values_.Extend(segment.size, allocator);
  std::size_t n = 0;
  if (spec.hash_width == HashWidth::k8 && segment.nulls == nullptr) {
    for (; n < segment.size; ++n) {
      hashes[n] = static_cast<std::int64_t>(MurmurHash3OfInt64(segment.values[n]));
    }
  } else {
    for (std::size_t i = 0; i < segment.size; ++i) {
      if (IsNull(segment.nulls, i)) continue;
      hashes[n++] = static_cast<std::int64_t>(HashForHll(spec, segment.values[i]));
    }
  }
  n = SortDistinct(hashes, n, nullptr);
  if (n > spec.hll.explicit_limit()) {
    HyperLogLog sketch(spec.hll);
    for (std::size_t i = 0; i < n; ++i) {
      sketch.Add(static_cast<std::uint64_t>(hashes[i]), allocator);
    }
    const auto bytes = EncodeHll(&sketch, allocator);
    sketch.Free(allocator);
    return bytes;
  }
  bytes_.Clear();
  std::uint8_t* out = bytes_.Extend(kHllHeaderBytes + n * sizeof(*hashes), allocator);
  WriteHllHeader(n == 0 ? HllType::kEmpty : HllType::kExplicit, spec.hll, out);
  for (std::size_t i = 0; i < n; ++i) {
    StoreBigEndian64(out + kHllHeaderBytes + i * sizeof(*hashes),
                     static_cast<std::uint64_t>(hashes[i]));
  }
  return {bytes_.data(), bytes_.size()};
}

std::size_t GroupBy::CountRuns(const KeptRows::Segment& segment, Allocator& allocator) {
  values_.Clear();
  counts_.Clear();
  std::int64_t* values = values_.Extend(segment.size, allocator);
  std::size_t n = 0;
  for (std::size_t i = 0; i < segment.size; ++i) {
    if (!IsNull(segment.nulls, i)) values[n++] = segment.values[i];
  }
  return SortDistinct(values, n, counts_.Extend(segment.size, allocator));
}

// REQUIRES: so few runs that TopN prunes nothing and loses nothing; then their order does not
// matter.
std::span<const TopNItem> GroupBy::ItemsFromRuns(const AggregateSpec& spec, std::size_t runs,
                                                 Allocator& allocator) {
  const bool text = spec.kind == AggregateKind::kTopNAddText;
  digits_.Clear();
  if (!text) digits_.Reserve(runs * kMaxDigits, allocator);
  items_.Clear();
  items_.Reserve(runs, allocator);
  bool in_order = true;
  for (std::size_t i = 0; i < runs; ++i) {
    char* digits = text ? nullptr : digits_.Extend(kMaxDigits, allocator);
    const TopNItem item = {KeyText(spec, values_[i], digits), counts_[i]};
    if (i > 0 && !StoredOrder(items_[i - 1].key, item.key)) in_order = false;
    items_.Append(item, allocator);
  }
  // Integers from 0 on come out of CountRuns in the order of their text.
  if (!in_order) {
    std::sort(items_.data(), items_.data() + items_.size(),
              [](const TopNItem& a, const TopNItem& b) { return StoredOrder(a.key, b.key); });
  }
  return {items_.data(), KeepHighest(items_.data(), items_.size(), topn_counters_)};
}

const TopN* GroupBy::TopNStateOf(std::uint32_t group, std::uint32_t aggregate,
                                 Allocator& allocator) {
  TopN* state = sketches_.empty() ? nullptr : TopNState(group, aggregate);
  if (aggregates_[aggregate].kind == AggregateKind::kTopNUnion) {
    if (IsStoredCopy(state)) UnionTopN(&SketchState(group, aggregate), {nullptr, 0}, allocator);
    return sketches_.empty() ? nullptr : TopNState(group, aggregate);
  }
  TopN fresh(topn_counters_);
  // The number, which the aggregate does not use, says whether the values are in the state already.
  Number& added = numbers_[std::size_t{group} * aggregates_.size() + aggregate];
  if (added.count++ == 0) {
    AddToTopN(aggregate, SegmentOf(group, aggregate), state != nullptr ? state : &fresh, allocator);
  }
  if (state == nullptr) {
    // It must keep its keys while the caller reads them, so it becomes the group's sketch.
    has_sketches_ = true;
    ExtendStates(allocator);
    state = new (allocator.Allocate(sizeof(TopN))) TopN(fresh);
    TopNState(group, aggregate) = state;
  }
  return state;
}

std::span<const TopNItem> GroupBy::TopNOf(std::uint32_t group, std::uint32_t aggregate,
                                          Allocator& allocator) {
  const AggregateSpec& spec = aggregates_[aggregate];
  const bool has_state = !sketches_.empty() && TopNState(group, aggregate) != nullptr;
  if (spec.kind != AggregateKind::kTopNUnion && !has_state) {
    const std::size_t runs = CountRuns(SegmentOf(group, aggregate), allocator);
    if (runs <= static_cast<std::uint64_t>(TopN::kSlack * topn_counters_)) {
      return ItemsFromRuns(spec, runs, allocator);
    }
  }
  if (has_state && IsStoredCopy(TopNState(group, aggregate))) {
    return StoredTopN(TopNState(group, aggregate));
  }
  const TopN* state = TopNStateOf(group, aggregate, allocator);
  if (state == nullptr) return {};
  items_.Clear();
  items_.Extend(state->size(), allocator);
  return {items_.data(), state->Summarize(items_.data())};
}

}  // namespace millrace
