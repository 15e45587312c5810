// topn_add_agg and topn_union_agg: transition, combine, (de)serialize and final functions. The
// state is a TopN in the aggregate's memory context.

#include <new>

#include "pg/base/aggregate_context.h"
#include "pg/base/api.h"
#include "pg/base/error_fence.h"
#include "pg/base/guc.h"
#include "pg/base/memory_context.h"
#include "pg/topn/summary_codec.h"

using namespace millrace;
using namespace millrace::pg;

namespace {

// The state in argument `i`; if it is NULL, a new one in `context`.
TopN* StateArgument(FunctionCallInfo fcinfo, int i, MemoryContext context) {
  if (!PG_ARGISNULL(i)) return reinterpret_cast<TopN*>(PG_GETARG_POINTER(i));
  return new (MemoryContextAlloc(context, sizeof(TopN))) TopN(NumberOfCounters());
}

}  // namespace

MILLRACE_FUNCTION(topn_add_trans) {
  const MemoryContext context = AggregateContext(fcinfo, "topn");
  TopN* state = StateArgument(fcinfo, 0, context);
  if (!PG_ARGISNULL(1)) {
    text* item = PG_GETARG_TEXT_PP(1);
    const std::string_view key = ClipKey({VARDATA_ANY(item), VARSIZE_ANY_EXHDR(item)});
    MemoryContextAllocator allocator(context);
    RunCpp([&] { state->Add(key, 1, allocator); });
  }
  PG_RETURN_POINTER(state);
}

MILLRACE_FUNCTION(topn_union_trans) {
  const MemoryContext context = AggregateContext(fcinfo, "topn");
  TopN* state = StateArgument(fcinfo, 0, context);
  if (!PG_ARGISNULL(1)) {
    const Summary summary = SummaryFromJsonb(PG_GETARG_DATUM(1));
    MemoryContextAllocator allocator(context);
    RunCpp([&] { state->AddSummary(summary.items, summary.size, allocator); });
  }
  PG_RETURN_POINTER(state);
}

MILLRACE_FUNCTION(topn_union_internal) {
  const MemoryContext context = AggregateContext(fcinfo, "topn");
  TopN* state = StateArgument(fcinfo, 0, context);
  if (!PG_ARGISNULL(1)) {
    const auto* other = reinterpret_cast<TopN*>(PG_GETARG_POINTER(1));
    MemoryContextAllocator allocator(context);
    RunCpp([&] { state->Merge(*other, allocator); });
  }
  PG_RETURN_POINTER(state);
}

MILLRACE_FUNCTION(topn_serialize) {
  AggregateContext(fcinfo, "topn");
  const auto* state = reinterpret_cast<TopN*>(PG_GETARG_POINTER(0));
  const std::size_t size = state->SerializedSize();
  auto* result = static_cast<bytea*>(palloc(VARHDRSZ + size));
  SET_VARSIZE(result, VARHDRSZ + size);
  state->Serialize(reinterpret_cast<uint8*>(VARDATA(result)));
  PG_RETURN_BYTEA_P(result);
}

MILLRACE_FUNCTION(topn_deserialize) {
  AggregateContext(fcinfo, "topn");
  bytea* bytes = PG_GETARG_BYTEA_PP(0);
  // Called for one state at a time, which is combined at once: so it lives in the caller's
  // short-lived context.
  auto* state = new (palloc(sizeof(TopN))) TopN(NumberOfCounters());
  MemoryContextAllocator allocator(CurrentMemoryContext);
  CheckStatus(RunCpp([&] {
    return state->MergeSerialized(VARDATA_ANY(bytes), VARSIZE_ANY_EXHDR(bytes), allocator);
  }));
  PG_RETURN_POINTER(state);
}

MILLRACE_FUNCTION(topn_pack) {
  AggregateContext(fcinfo, "topn");
  if (PG_ARGISNULL(0)) return JsonbFromSummary(nullptr, 0);
  const auto* state = reinterpret_cast<TopN*>(PG_GETARG_POINTER(0));
  TopNItem* items = AllocateItems(state->size());
  return JsonbFromSummary(items, state->Summarize(items));
}
