#include "core/aggregate/group_by.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <new>
#include <type_traits>

#include "core/aggregate/stored_copy.h"
#include "core/base/hash.h"

namespace millrace {
namespace {

static_assert(std::is_trivially_destructible_v<GroupBy>);
static_assert(alignof(GroupBy) <= Allocator::kAlignment &&
              alignof(HyperLogLog) <= Allocator::kAlignment &&
              alignof(TopN) <= Allocator::kAlignment);

// A group with fewer kept rows keeps them when others are folded, because a sketch object takes
// more memory.
constexpr std::size_t kFoldRows = 16;

bool IsKept(AggregateKind kind) {
  return kind == AggregateKind::kHllAdd || kind == AggregateKind::kTopNAddInteger ||
         kind == AggregateKind::kTopNAddText;
}

// PostgreSQL's order of floats: NaN equals itself and is above all others.
bool FloatLess(double a, double b) {
  if (std::isnan(a)) return false;
  return std::isnan(b) || a < b;
}

double AsDouble(std::int64_t bits) { return std::bit_cast<double>(bits); }

// Whether finite numbers gave an infinite one. PostgreSQL raises an error then.
bool Overflowed(double result, double a, double b) {
  return std::isinf(result) && !std::isinf(a) && !std::isinf(b);
}

// The first value is taken as it is, because 0 + -0 would be 0. Returns whether the sum overflowed.
bool AddFloat(Number& n, double value, bool single) {
  if (n.count++ == 0) {
    n.real = value;
    return false;
  }
  const double before = n.real;
  // The sum of two floats, rounded to double and then to float, is rounded correctly.
  n.real = single ? static_cast<float>(before + value) : before + value;
  return Overflowed(n.real, before, value);
}

// A step of the algorithm of Youngs and Cramer (float8_accum in PostgreSQL's float.c). Returns
// whether a sum overflowed.
bool AddMoments(Number& n, double value) {
  auto& [sum, squares] = n.moments;
  const double before = sum;
  const auto count_before = static_cast<double>(n.count++);
  const double count = count_before + 1;
  sum = before + value;
  if (count_before == 0) {
    if (!std::isfinite(value)) squares = std::nan("");
    return false;
  }
  const double difference = value * count - sum;
  squares += difference * difference / (count * count_before);
  if (!std::isinf(sum) && !std::isinf(squares)) return false;
  squares = std::nan("");
  return !std::isinf(before) && !std::isinf(value);
}

}  // namespace

GroupBy::GroupBy(std::span<const KeySpec> keys, std::span<const AggregateSpec> aggregates,
                 std::int64_t topn_counters, int max_sparse)
    : keys_(keys),
      aggregates_(aggregates),
      topn_counters_(topn_counters),
      max_sparse_(max_sparse),
      table_(static_cast<std::uint32_t>(keys.size())) {
  for (std::size_t i = 0; i < aggregates.size(); ++i) {
    const AggregateSpec& spec = aggregates[i];
    if (spec.kind == AggregateKind::kHllUnion || spec.kind == AggregateKind::kTopNUnion) {
      has_sketches_ = true;
    }
    if (!IsKept(spec.kind)) continue;
    kept_of_[i] = kept_.AddColumn(spec.column);
    const bool text = spec.kind == AggregateKind::kTopNAddText ||
                      (spec.kind == AggregateKind::kHllAdd && spec.hash_width == HashWidth::kText);
    const bool key = std::any_of(keys.begin(), keys.end(),
                                 [&](const KeySpec& k) { return k.column == spec.column; });
    if (text && !key) KeepText(spec.column);
  }
}

void GroupBy::KeepText(std::uint16_t column) {
  const auto end = kept_texts_ + kept_text_count_;
  if (std::find(kept_texts_, end, column) == end) kept_texts_[kept_text_count_++] = column;
}

void GroupBy::HashKeys(const ColumnBatch& batch, std::uint64_t* hashes) const {
  std::memset(hashes, 0, batch.rows * sizeof(*hashes));
  for (const KeySpec& key : keys_) {
    const Column& column = batch.columns[key.column];
    if (key.text) {
      const Dictionary& dictionary = dictionaries_[key.column];
      for (std::uint32_t i = 0; i < batch.rows; ++i) {
        const bool null = column.any_null && column.nulls[i] != 0;
        // A text that is not in the dictionary belongs to no group, so its hash does not matter.
        const auto code = static_cast<std::uint32_t>(column.values[i]);
        const std::uint64_t value =
            null || code == Dictionary::kAbsent ? 0 : dictionary.HashOf(code);
        hashes[i] = HashCombine(hashes[i], value);
      }
    } else {
      for (std::uint32_t i = 0; i < batch.rows; ++i) {
        hashes[i] = HashCombine(hashes[i], static_cast<std::uint64_t>(column.values[i]));
      }
    }
  }
}

// New groups begin with zeros.
void GroupBy::ExtendStates(Allocator& allocator) {
  const std::size_t wanted = std::size_t{groups()} * aggregates_.size();
  if (const std::size_t missing = wanted - numbers_.size(); missing > 0) {
    std::memset(static_cast<void*>(numbers_.Extend(missing, allocator)), 0,
                missing * sizeof(Number));
  }
  if (has_sketches_ && wanted > sketches_.size()) {
    const std::size_t missing = wanted - sketches_.size();
    std::memset(sketches_.Extend(missing, allocator), 0, missing * sizeof(void*));
  }
}

Status GroupBy::AddBatch(const ColumnBatch& batch, bool insert, std::uint32_t* rejected,
                         std::uint32_t* rejected_count, Allocator& allocator) {
  std::uint64_t hashes[kBatchRows];
  std::uint32_t groups[kBatchRows];
  const Column* keys[kMaxKeys];
  for (std::size_t i = 0; i < keys_.size(); ++i) keys[i] = &batch.columns[keys_[i].column];
  HashKeys(batch, hashes);
  table_.Lookup(keys, hashes, batch.rows, insert, groups, allocator);
  *rejected_count = 0;
  any_rows_ = any_rows_ || batch.rows > 0;
  if (!insert) {
    for (std::uint32_t i = 0; i < batch.rows; ++i) {
      if (groups[i] == AggregateHashTable::kNoGroup) rejected[(*rejected_count)++] = i;
    }
  }
  ExtendStates(allocator);
  const Status status = UpdateStates(batch, groups, allocator);
  if (status.ok() && kept_.has_columns()) kept_.Append(batch, groups, allocator);
  return status;
}

// Long, but flat: one case per kind of aggregate, so that the loops over rows have no branch on it.
Status GroupBy::UpdateStates(const ColumnBatch& batch, const std::uint32_t* groups,
                             Allocator& allocator) {
  const std::size_t stride = aggregates_.size();
  bool overflow = false;
  for (std::uint32_t a = 0; a < stride; ++a) {
    const AggregateSpec& spec = aggregates_[a];
    if (IsKept(spec.kind)) continue;
    // Calls update(state, row) for each row that is taken and whose argument is not NULL.
    auto for_each = [&](auto update) {
      const Column* column =
          spec.kind == AggregateKind::kCountRows ? nullptr : &batch.columns[spec.column];
      const std::uint8_t* nulls = column != nullptr && column->any_null ? column->nulls : nullptr;
      for (std::uint32_t i = 0; i < batch.rows; ++i) {
        if (groups[i] == AggregateHashTable::kNoGroup || (nulls != nullptr && nulls[i] != 0)) {
          continue;
        }
        update(numbers_[std::size_t{groups[i]} * stride + a], i);
      }
    };
    const std::int64_t* values = batch.columns == nullptr || spec.kind == AggregateKind::kCountRows
                                     ? nullptr
                                     : batch.columns[spec.column].values;
    switch (spec.kind) {
      case AggregateKind::kCountRows:
      case AggregateKind::kCount:
        for_each([](Number& n, std::uint32_t) { ++n.count; });
        break;
      case AggregateKind::kSumInteger:
        for_each([values](Number& n, std::uint32_t i) {
          n.integer += values[i];
          ++n.count;
        });
        break;
      case AggregateKind::kSumFloat4:
      case AggregateKind::kSumFloat8:
        for_each([&, single = spec.kind == AggregateKind::kSumFloat4](Number& n, std::uint32_t i) {
          overflow |= AddFloat(n, AsDouble(values[i]), single);
        });
        break;
      case AggregateKind::kAvgFloat:
        for_each(
            [&](Number& n, std::uint32_t i) { overflow |= AddMoments(n, AsDouble(values[i])); });
        break;
      case AggregateKind::kMinInteger:
        for_each([values](Number& n, std::uint32_t i) {
          if (n.count++ == 0 || values[i] < n.integer) n.integer = values[i];
        });
        break;
      case AggregateKind::kMaxInteger:
        for_each([values](Number& n, std::uint32_t i) {
          if (n.count++ == 0 || values[i] > n.integer) n.integer = values[i];
        });
        break;
      case AggregateKind::kMinFloat:
        for_each([values](Number& n, std::uint32_t i) {
          const double value = AsDouble(values[i]);
          if (n.count++ == 0 || !FloatLess(n.real, value)) n.real = value;
        });
        break;
      case AggregateKind::kMaxFloat:
        for_each([values](Number& n, std::uint32_t i) {
          const double value = AsDouble(values[i]);
          if (n.count++ == 0 || !FloatLess(value, n.real)) n.real = value;
        });
        break;
      case AggregateKind::kHllUnion: {
        const Status status =
            UpdateHllUnion(a, batch.columns[spec.column], groups, batch.rows, allocator);
        if (!status.ok()) return status;
        break;
      }
      case AggregateKind::kTopNUnion:
        for_each([&](Number&, std::uint32_t i) {
          UnionTopN(&SketchState(groups[i], a), *reinterpret_cast<const TopNStored*>(values[i]),
                    allocator);
        });
        break;
      case AggregateKind::kHllAdd:
      case AggregateKind::kTopNAddInteger:
      case AggregateKind::kTopNAddText:
        break;
    }
  }
  return overflow ? Status::OutOfRange("value out of range: overflow") : Status::Ok();
}

Status GroupBy::UpdateHllUnion(std::uint32_t aggregate, const Column& column,
                               const std::uint32_t* groups, std::uint32_t rows,
                               Allocator& allocator) {
  for (std::uint32_t i = 0; i < rows; ++i) {
    if (groups[i] == AggregateHashTable::kNoGroup || (column.any_null && column.nulls[i] != 0)) {
      continue;
    }
    const Status status = UnionHll(&SketchState(groups[i], aggregate),
                                   *reinterpret_cast<const HllView*>(column.values[i]), allocator);
    if (!status.ok()) return status;
  }
  return Status::Ok();
}

Status GroupBy::UnionHll(void** slot, const HllView& view, Allocator& allocator) {
  if (*slot == nullptr) {
    if (view.IsOwnUnion()) {
      *slot = CopyStoredHll(view, allocator);
      return Status::Ok();
    }
    *slot = new (allocator.Allocate(sizeof(HyperLogLog))) HyperLogLog(view.parameters());
  } else if (IsStoredCopy(*slot)) {
    const auto bytes = StoredHll(*slot);
    HllView first;
    if (const Status status = HllView::Parse(bytes.data(), bytes.size(), &first); !status.ok()) {
      return status;
    }
    auto* state = new (allocator.Allocate(sizeof(HyperLogLog))) HyperLogLog(first.parameters());
    state->Merge(first, allocator);
    FreeStoredCopy(*slot, allocator);
    *slot = state;
  }
  auto* state = static_cast<HyperLogLog*>(*slot);
  if (state->parameters() != view.parameters()) {
    mismatch_ = {state->parameters(), view.parameters()};
    return Status::Mismatch("hll parameters do not match");
  }
  state->Merge(view, allocator);
  return Status::Ok();
}

void GroupBy::UnionTopN(void** slot, const TopNStored& stored, Allocator& allocator) const {
  if (*slot == nullptr) {
    // Only TopN can handle a summary that is full (it has a floor) or too large (it must be
    // trimmed).
    if (stored.size < static_cast<std::size_t>(topn_counters_)) {
      *slot = CopyStoredTopN({stored.items, stored.size}, allocator);
      return;
    }
    *slot = new (allocator.Allocate(sizeof(TopN))) TopN(topn_counters_);
  } else if (IsStoredCopy(*slot)) {
    const auto first = StoredTopN(*slot);
    auto* state = new (allocator.Allocate(sizeof(TopN))) TopN(topn_counters_);
    state->AddSummary(first.data(), first.size(), allocator);
    FreeStoredCopy(*slot, allocator);
    *slot = state;
  }
  static_cast<TopN*>(*slot)->AddSummary(stored.items, stored.size, allocator);
}

std::size_t GroupBy::KeptBytes() const {
  std::size_t texts = 0;
  for (int i = 0; i < kept_text_count_; ++i) texts += dictionaries_[kept_texts_[i]].memory();
  return kept_.Bytes() + texts;
}

void GroupBy::BeginFold(Allocator& allocator) {
  has_sketches_ = true;
  ExtendStates(allocator);
  kept_.Scatter(groups(), allocator);
}

// A group does not keep its rows if they have text, because the text's dictionary will be freed.
bool GroupBy::StaysKept(std::uint32_t group) const {
  if (kept_text_count_ > 0 || kept_.RowsOf(group) >= kFoldRows) return false;
  for (std::uint32_t a = 0; a < aggregates_.size(); ++a) {
    if (IsKept(aggregates_[a].kind) &&
        sketches_[std::size_t{group} * aggregates_.size() + a] != nullptr) {
      return false;
    }
  }
  return true;
}

void GroupBy::FoldGroups(std::uint32_t begin, std::uint32_t end, Allocator& allocator) {
  for (std::uint32_t group = begin; group < end; ++group) {
    if (kept_.RowsOf(group) == 0) continue;
    if (StaysKept(group)) {
      kept_.KeepAgain(group, allocator);
      continue;
    }
    for (std::uint32_t a = 0; a < aggregates_.size(); ++a) {
      const AggregateSpec& spec = aggregates_[a];
      if (!IsKept(spec.kind)) continue;
      const KeptRows::Segment segment = SegmentOf(group, a);
      if (spec.kind == AggregateKind::kHllAdd) {
        HyperLogLog*& state = HllState(group, a);
        if (state == nullptr) {
          state = new (allocator.Allocate(sizeof(HyperLogLog))) HyperLogLog(spec.hll);
        }
        AddToHll(spec, segment, state, allocator);
      } else {
        TopN*& state = TopNState(group, a);
        if (state == nullptr) {
          state = new (allocator.Allocate(sizeof(TopN))) TopN(topn_counters_);
        }
        AddToTopN(a, segment, state, allocator);
      }
    }
  }
}

void GroupBy::EndFold(Allocator& allocator) {
  kept_.FreeScattered(allocator);
  for (int i = 0; i < kept_text_count_; ++i) dictionaries_[kept_texts_[i]].Release(allocator);
}

void GroupBy::EnsureGroup(Allocator& allocator) {
  if (groups() > 0 || !keys_.empty()) return;
  const std::uint64_t hash = 0;
  std::uint32_t group;
  table_.Lookup(nullptr, &hash, 1, true, &group, allocator);
  ExtendStates(allocator);
}

void GroupBy::Finish(Allocator& allocator) { kept_.Scatter(groups(), allocator); }

}  // namespace millrace
