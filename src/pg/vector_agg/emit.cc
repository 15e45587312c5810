#include "pg/vector_agg/emit.h"

#include <algorithm>

#include "pg/error_fence.h"
#include "pg/topn/summary_codec.h"

namespace millrace::pg {
namespace {

// Sorting a dictionary calls the collation for every comparison.
constexpr uint32 kMaxSortedTexts = 10000;

// The place of each text of a key among the others. Trivial locals only: comparing may raise.
uint32* RankTexts(const Dictionary& dictionary, Oid collation) {
  struct Context {
    const Dictionary* dictionary;
    Oid collation;
  } context = {&dictionary, collation};
  const uint32 size = dictionary.size();
  auto* codes = static_cast<uint32*>(palloc(Max(size, 1) * sizeof(uint32)));
  auto* ranks = static_cast<uint32*>(palloc(Max(size, 1) * sizeof(uint32)));
  for (uint32 i = 0; i < size; ++i) codes[i] = i;
  qsort_arg(
      codes, size, sizeof(uint32),
      [](const void* a, const void* b, void* argument) {
        const auto* c = static_cast<Context*>(argument);
        const std::string_view left = c->dictionary->At(*static_cast<const uint32*>(a));
        const std::string_view right = c->dictionary->At(*static_cast<const uint32*>(b));
        return varstr_cmp(left.data(), static_cast<int>(left.size()), right.data(),
                          static_cast<int>(right.size()), c->collation);
      },
      &context);
  for (uint32 i = 0; i < size; ++i) ranks[codes[i]] = i;
  return ranks;
}

Datum KeyDatum(const KeyPlan& key, int64 value, const Dictionary& dictionary) {
  switch (key.type) {
    case INT2OID:
      return Int16GetDatum(static_cast<int16>(value));
    case INT4OID:
    case DATEOID:
      return Int32GetDatum(static_cast<int32>(value));
    case BOOLOID:
      return BoolGetDatum(value != 0);
    case UUIDOID:
    case TEXTOID:
    case VARCHAROID: {
      const std::string_view text = dictionary.At(static_cast<uint32>(value));
      if (key.type == UUIDOID) {
        void* copy = palloc(UUID_LEN);
        memcpy(copy, text.data(), UUID_LEN);
        return PointerGetDatum(copy);
      }
      return PointerGetDatum(cstring_to_text_with_len(text.data(), static_cast<int>(text.size())));
    }
    default:
      return Int64GetDatum(value);
  }
}

// An integer of 128 bits as numeric: in two halves, where it does not fit a bigint.
Datum NumericFromInt128(__int128 value) {
  constexpr int64 kHalf = 1000000000000000000;
  if (value >= PG_INT64_MIN && value <= PG_INT64_MAX) {
    return NumericGetDatum(int64_to_numeric(static_cast<int64>(value)));
  }
  const Datum high = NumericGetDatum(int64_to_numeric(static_cast<int64>(value / kHalf)));
  const Datum low = NumericGetDatum(int64_to_numeric(static_cast<int64>(value % kHalf)));
  const Datum half = NumericGetDatum(int64_to_numeric(kHalf));
  return DirectFunctionCall2(numeric_add, DirectFunctionCall2(numeric_mul, high, half), low);
}

// sum and avg of integers, in the types PostgreSQL gives them.
Datum IntegerSum(const AggregatePlan& aggregate, const Number& number) {
  switch (aggregate.function) {
    case F_SUM_INT2:
    case F_SUM_INT4:
      return Int64GetDatum(static_cast<int64>(number.integer));
    case F_SUM_INT8:
      return NumericFromInt128(number.integer);
    default:
      return DirectFunctionCall2(numeric_div, NumericFromInt128(number.integer),
                                 NumericGetDatum(int64_to_numeric(number.count)));
  }
}

Datum IntegerExtreme(const AggregatePlan& aggregate, const Number& number) {
  const auto value = static_cast<int64>(number.integer);
  switch (aggregate.result_type) {
    case INT2OID:
      return Int16GetDatum(static_cast<int16>(value));
    case INT4OID:
    case DATEOID:
      return Int32GetDatum(static_cast<int32>(value));
    default:
      return Int64GetDatum(value);
  }
}

Datum HllDatum(GroupBy* groups, uint32 group, uint32 aggregate, Allocator* allocator,
               bool* is_null) {
  const auto bytes = RunCpp([&] { return groups->HllOf(group, aggregate, *allocator); });
  *is_null = bytes.empty();
  if (*is_null) return 0;
  auto* result = static_cast<bytea*>(palloc(VARHDRSZ + bytes.size()));
  SET_VARSIZE(result, VARHDRSZ + bytes.size());
  memcpy(VARDATA(result), bytes.data(), bytes.size());
  return PointerGetDatum(result);
}

Datum AggregateDatum(const AggregatePlan& plan, GroupBy* groups, uint32 group, uint32 aggregate,
                     Allocator* allocator, bool* is_null) {
  *is_null = false;
  switch (plan.kind) {
    case AggregateKind::kHllAdd:
    case AggregateKind::kHllUnion:
      return HllDatum(groups, group, aggregate, allocator, is_null);
    case AggregateKind::kTopNAddInteger:
    case AggregateKind::kTopNAddText:
    case AggregateKind::kTopNUnion: {
      const auto items = RunCpp([&] { return groups->TopNOf(group, aggregate, *allocator); });
      return JsonbFromSummary(items.data(), items.size());
    }
    default:
      break;
  }
  const Number& number = groups->NumberOf(group, aggregate);
  if (plan.kind == AggregateKind::kCountRows || plan.kind == AggregateKind::kCount) {
    return Int64GetDatum(number.count);
  }
  *is_null = number.count == 0;
  if (*is_null) return 0;
  switch (plan.kind) {
    case AggregateKind::kSumInteger:
      return IntegerSum(plan, number);
    case AggregateKind::kMinInteger:
    case AggregateKind::kMaxInteger:
      return IntegerExtreme(plan, number);
    default:
      return Float8GetDatum(number.real);
  }
}

}  // namespace

uint32* SortGroups(const VectorAggPlan& plan, GroupBy* groups) {
  const uint32* ranks[GroupBy::kMaxKeys] = {};
  for (int i = 0; i < plan.key_count; ++i) {
    const KeyPlan& key = plan.keys[i];
    if (plan.columns[key.column].kind != ColumnKind::kText) continue;
    const Dictionary& dictionary = groups->dictionary(static_cast<uint32>(key.column));
    // uuids are ordered by their bytes, but not through varstr_cmp.
    if (key.type == UUIDOID || dictionary.size() > kMaxSortedTexts) return nullptr;
    ranks[i] = RankTexts(dictionary, key.collation);
  }
  const uint32 count = groups->groups();
  auto* order =
      static_cast<uint32*>(palloc_extended(Max(count, 1) * sizeof(uint32), MCXT_ALLOC_HUGE));
  for (uint32 i = 0; i < count; ++i) order[i] = i;
  auto before = [&](uint32 a, uint32 b) {
    for (int i = 0; i < plan.key_count; ++i) {
      const auto key = static_cast<uint32>(i);
      const bool a_null = groups->KeyIsNull(a, key), b_null = groups->KeyIsNull(b, key);
      if (a_null || b_null) {
        if (a_null == b_null) continue;
        return b_null;
      }
      int64 x = groups->KeyValue(a, key), y = groups->KeyValue(b, key);
      if (ranks[i] != nullptr) {
        x = ranks[i][x];
        y = ranks[i][y];
      }
      if (x != y) return x < y;
    }
    return false;
  };
  std::sort(order, order + count, before);
  return order;
}

void EmitGroup(const VectorAggPlan& plan, GroupBy* groups, uint32 group, Allocator* allocator,
               TupleTableSlot* slot) {
  ExecClearTuple(slot);
  int out = 0;
  for (int i = 0; i < plan.key_count; ++i, ++out) {
    const auto key = static_cast<uint32>(i);
    slot->tts_isnull[out] = groups->KeyIsNull(group, key);
    slot->tts_values[out] =
        slot->tts_isnull[out]
            ? 0
            : KeyDatum(plan.keys[i], groups->KeyValue(group, key),
                       groups->dictionary(static_cast<uint32>(plan.keys[i].column)));
  }
  for (int i = 0; i < plan.aggregate_count; ++i, ++out) {
    slot->tts_values[out] =
        AggregateDatum(plan.aggregates[i], groups, group, static_cast<uint32>(i), allocator,
                       &slot->tts_isnull[out]);
  }
  ExecStoreVirtualTuple(slot);
}

}  // namespace millrace::pg
