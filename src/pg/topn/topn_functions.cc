// Functions on stored topn values.

#include <algorithm>

#include "pg/base/api.h"
#include "pg/base/guc.h"
#include "pg/topn/summary_codec.h"

using namespace millrace;
using namespace millrace::pg;

namespace {

Datum UnionToJsonb(const Summary& a, const Summary& b) {
  TopNItem* items = AllocateItems(a.size + b.size);
  const std::size_t size =
      UnionSummaries(a.items, a.size, b.items, b.size, NumberOfCounters(), items);
  return JsonbFromSummary(items, size);
}

// Fills the multi-call context of topn() with the items that it returns, by rank.
void StartRanking(FunctionCallInfo fcinfo) {
  FuncCallContext* call = SRF_FIRSTCALL_INIT();
  const int32 wanted = PG_GETARG_INT32(1);
  if (wanted < 0) {
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                    errmsg("number of items must not be negative")));
  }
  if (wanted > NumberOfCounters()) {
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                    errmsg("desired number of counters is higher than the "
                           "topn.number_of_counters variable")));
  }
  const MemoryContext caller = MemoryContextSwitchTo(call->multi_call_memory_ctx);
  const Summary summary = SummaryFromJsonb(PG_GETARG_DATUM(0));
  // The keys point into the argument, which need not outlive this call.
  for (std::size_t i = 0; i < summary.size; ++i) {
    auto& key = summary.items[i].key;
    auto* copy = static_cast<char*>(palloc(Max(key.size(), 1)));
    memcpy(copy, key.data(), key.size());
    key = {copy, key.size()};
  }
  const std::size_t returned = Min(static_cast<std::size_t>(wanted), summary.size);
  std::partial_sort(summary.items, summary.items + returned, summary.items + summary.size,
                    RanksBefore);
  TupleDesc descriptor;
  if (get_call_result_type(fcinfo, nullptr, &descriptor) != TYPEFUNC_COMPOSITE) {
    elog(ERROR, "return type must be a row type");
  }
  call->tuple_desc = BlessTupleDesc(descriptor);
  call->max_calls = returned;
  call->user_fctx = summary.items;
  MemoryContextSwitchTo(caller);
}

}  // namespace

// topn(jsonb, integer): the items with the highest counts, highest first, ties by key.
MILLRACE_FUNCTION(topn) {
  if (SRF_IS_FIRSTCALL()) StartRanking(fcinfo);
  FuncCallContext* call = SRF_PERCALL_SETUP();
  if (call->call_cntr >= call->max_calls) SRF_RETURN_DONE(call);
  const TopNItem& item = static_cast<const TopNItem*>(call->user_fctx)[call->call_cntr];
  Datum values[] = {
      PointerGetDatum(cstring_to_text_with_len(item.key.data(), static_cast<int>(item.key.size()))),
      Int64GetDatum(item.count)};
  bool nulls[2] = {};
  SRF_RETURN_NEXT(call, HeapTupleGetDatum(heap_form_tuple(call->tuple_desc, values, nulls)));
}

// topn_add(jsonb, text) is not strict: a NULL summary counts as an empty one, and a NULL item adds
// nothing.
MILLRACE_FUNCTION(topn_add) {
  const Summary summary =
      PG_ARGISNULL(0) ? Summary{nullptr, 0} : SummaryFromJsonb(PG_GETARG_DATUM(0));
  if (PG_ARGISNULL(1)) {
    if (PG_ARGISNULL(0)) return JsonbFromSummary(nullptr, 0);
    return PG_GETARG_DATUM(0);
  }
  text* item = PG_GETARG_TEXT_PP(1);
  TopNItem one = {ClipKey({VARDATA_ANY(item), VARSIZE_ANY_EXHDR(item)}), 1};
  return UnionToJsonb(summary, {&one, 1});
}

MILLRACE_FUNCTION(topn_union) {
  return UnionToJsonb(SummaryFromJsonb(PG_GETARG_DATUM(0)), SummaryFromJsonb(PG_GETARG_DATUM(1)));
}
