#include "pg/scan/emit.h"

#include <algorithm>

#include "pg/base/error_fence.h"
#include "pg/topn/summary_codec.h"

namespace millrace::pg {
namespace {

// Sorting a dictionary calls the collation for every comparison.
constexpr uint32 kMaxSortedTexts = 10000;

// The rank of each text of a key among the others. Only trivial locals: comparing may raise.
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

// A 128-bit integer as numeric. If it does not fit a bigint, it is put together from two halves.
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

// sum and avg of integers, in PostgreSQL's types.
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

// The state of sum and avg over bigint as int8_avg_serialize writes it: how many values, and their
// sum in the parts of a numeric, with digits to the base 10,000 (numeric.c, numericvar_serialize).
Datum SerializedIntegerSum(const Number& number) {
  constexpr int kBase = 10000, kPositive = 0x0000, kNegative = 0x4000, kMaxDigits = 10;
  int16 digits[kMaxDigits];
  int count = 0;
  const bool negative = number.integer < 0;
  auto rest = static_cast<unsigned __int128>(number.integer);
  for (rest = negative ? -rest : rest; rest > 0; rest /= kBase) {
    digits[count++] = static_cast<int16>(rest % kBase);
  }
  StringInfoData buffer;
  pq_begintypsend(&buffer);
  pq_sendint64(&buffer, static_cast<uint64>(number.count));
  pq_sendint32(&buffer, static_cast<uint32>(count));
  pq_sendint32(&buffer, static_cast<uint32>(Max(count - 1, 0)));
  pq_sendint32(&buffer, negative ? kNegative : kPositive);
  pq_sendint32(&buffer, 0);
  while (count > 0) pq_sendint16(&buffer, static_cast<uint16>(digits[--count]));
  return PointerGetDatum(pq_endtypsend(&buffer));
}

// The states of avg that are arrays: the number of values and their sum; for floats also the
// squares.
Datum IntegerAverageState(const Number& number) {
  Datum elements[] = {Int64GetDatum(number.count),
                      Int64GetDatum(static_cast<int64>(number.integer))};
  return PointerGetDatum(
      construct_array(elements, 2, INT8OID, sizeof(int64), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
}

Datum FloatAverageState(const Number& number) {
  Datum elements[] = {Float8GetDatum(static_cast<double>(number.count)),
                      Float8GetDatum(number.moments.sum), Float8GetDatum(number.moments.squares)};
  return PointerGetDatum(
      construct_array(elements, 3, FLOAT8OID, sizeof(float8), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
}

Datum SerializedTopN(GroupBy* groups, uint32 group, uint32 aggregate, Allocator* allocator,
                     bool* is_null) {
  const TopN* state = RunCpp([&] { return groups->TopNStateOf(group, aggregate, *allocator); });
  *is_null = state == nullptr;
  if (*is_null) return 0;
  const std::size_t size = state->SerializedSize();
  auto* result = static_cast<bytea*>(palloc_extended(VARHDRSZ + size, MCXT_ALLOC_HUGE));
  SET_VARSIZE(result, VARHDRSZ + size);
  state->Serialize(reinterpret_cast<uint8*>(VARDATA(result)));
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
    case AggregateKind::kAvgFloat:
      return Float8GetDatum(number.moments.sum / static_cast<double>(number.count));
    default:
      return plan.result_type == FLOAT4OID ? Float4GetDatum(static_cast<float4>(number.real))
                                           : Float8GetDatum(number.real);
  }
}

// The aggregate's transition state as a partial aggregation returns it: serialized if its type is
// internal.
Datum TransitionDatum(const AggregatePlan& plan, GroupBy* groups, uint32 group, uint32 aggregate,
                      Allocator* allocator, bool* is_null) {
  switch (plan.kind) {
    case AggregateKind::kTopNAddInteger:
    case AggregateKind::kTopNAddText:
    case AggregateKind::kTopNUnion:
      return SerializedTopN(groups, group, aggregate, allocator, is_null);
    case AggregateKind::kAvgFloat:
      *is_null = false;
      return FloatAverageState(groups->NumberOf(group, aggregate));
    case AggregateKind::kSumInteger:
      break;
    default:
      // A number is its own state, and an hll is handed over as it is stored.
      return AggregateDatum(plan, groups, group, aggregate, allocator, is_null);
  }
  const Number& number = groups->NumberOf(group, aggregate);
  *is_null = false;
  if (plan.function == F_AVG_INT2 || plan.function == F_AVG_INT4) {
    return IntegerAverageState(number);
  }
  *is_null = number.count == 0;
  if (*is_null) return 0;
  const bool wide = plan.function == F_SUM_INT8 || plan.function == F_AVG_INT8;
  return wide ? SerializedIntegerSum(number) : Int64GetDatum(static_cast<int64>(number.integer));
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
  const auto datum = plan.partial ? TransitionDatum : AggregateDatum;
  for (int i = 0; i < plan.aggregate_count; ++i, ++out) {
    slot->tts_values[out] = datum(plan.aggregates[i], groups, group, static_cast<uint32>(i),
                                  allocator, &slot->tts_isnull[out]);
  }
  ExecStoreVirtualTuple(slot);
}

}  // namespace millrace::pg
