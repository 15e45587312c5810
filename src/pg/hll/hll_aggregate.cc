// hll_add_agg and hll_union_agg: transition, combine, (de)serialize and final functions. The state
// is a HyperLogLog in the aggregate's memory context.

#include <cmath>
#include <new>

#include "pg/base/aggregate_context.h"
#include "pg/base/api.h"
#include "pg/base/error_fence.h"
#include "pg/base/memory_context.h"
#include "pg/hll/hll_value.h"

using namespace millrace;
using namespace millrace::pg;

namespace {

HyperLogLog* NewState(MemoryContext context, const HllParameters& parameters) {
  return new (MemoryContextAlloc(context, sizeof(HyperLogLog))) HyperLogLog(parameters);
}

HyperLogLog* StateArgument(FunctionCallInfo fcinfo, int i) {
  return PG_ARGISNULL(i) ? nullptr : reinterpret_cast<HyperLogLog*>(PG_GETARG_POINTER(i));
}

// The parameters after (state, value); those not given come from the settings.
HllParameters ParametersFromArguments(FunctionCallInfo fcinfo) {
  int64 values[4];
  const int given = PG_NARGS() - 2;
  for (int i = 0; i < given; ++i) {
    if (PG_ARGISNULL(i + 2)) {
      ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
                      errmsg("parameters of hll_add_agg must not be null")));
    }
    values[i] = i == 2 ? PG_GETARG_INT64(i + 2) : PG_GETARG_INT32(i + 2);
  }
  return HllParametersWithDefaults(values, given);
}

Datum AddTransition(FunctionCallInfo fcinfo) {
  const MemoryContext context = AggregateContext(fcinfo, "hll");
  HyperLogLog* state = StateArgument(fcinfo, 0);
  if (unlikely(state == nullptr)) {
    state = NewState(context, ParametersFromArguments(fcinfo));
  } else if (PG_NARGS() > 2) {
    CheckSameHllParameters(state->parameters(), ParametersFromArguments(fcinfo));
  }
  if (!PG_ARGISNULL(1)) {
    const auto hash = static_cast<std::uint64_t>(PG_GETARG_INT64(1));
    MemoryContextAllocator allocator(context);
    RunCpp([&] { state->Add(hash, allocator); });
  }
  PG_RETURN_POINTER(state);
}

// False if there is nothing to estimate: no input, or an undefined value.
bool EstimateState(FunctionCallInfo fcinfo, double* estimate) {
  MemoryContextAllocator allocator(AggregateContext(fcinfo, "hll"));
  HyperLogLog* state = StateArgument(fcinfo, 0);
  if (state == nullptr || state->undefined()) return false;
  CheckStatus(RunCpp([&] { return state->EstimateCardinality(allocator, estimate); }));
  return true;
}

}  // namespace

MILLRACE_FUNCTION(hll_add_trans0) { return AddTransition(fcinfo); }
MILLRACE_FUNCTION(hll_add_trans1) { return AddTransition(fcinfo); }
MILLRACE_FUNCTION(hll_add_trans2) { return AddTransition(fcinfo); }
MILLRACE_FUNCTION(hll_add_trans3) { return AddTransition(fcinfo); }
MILLRACE_FUNCTION(hll_add_trans4) { return AddTransition(fcinfo); }

MILLRACE_FUNCTION(hll_union_trans) {
  const MemoryContext context = AggregateContext(fcinfo, "hll");
  HyperLogLog* state = StateArgument(fcinfo, 0);
  if (PG_ARGISNULL(1)) {
    if (state == nullptr) PG_RETURN_NULL();
    PG_RETURN_POINTER(state);
  }
  const HllView view = HllFromDatum(PG_GETARG_DATUM(1));
  if (state == nullptr) {
    state = NewState(context, view.parameters());
  } else {
    CheckSameHllParameters(state->parameters(), view.parameters());
  }
  MemoryContextAllocator allocator(context);
  RunCpp([&] { state->Merge(view, allocator); });
  PG_RETURN_POINTER(state);
}

MILLRACE_FUNCTION(hll_union_internal) {
  const MemoryContext context = AggregateContext(fcinfo, "hll");
  HyperLogLog* state = StateArgument(fcinfo, 0);
  const HyperLogLog* other = StateArgument(fcinfo, 1);
  if (other != nullptr) {
    if (state == nullptr) {
      state = NewState(context, other->parameters());
    } else {
      CheckSameHllParameters(state->parameters(), other->parameters());
    }
    MemoryContextAllocator allocator(context);
    RunCpp([&] { state->Merge(*other, allocator); });
  }
  if (state == nullptr) PG_RETURN_NULL();
  PG_RETURN_POINTER(state);
}

// A state is serialized as a stored value.
MILLRACE_FUNCTION(hll_serialize) {
  MemoryContextAllocator allocator(AggregateContext(fcinfo, "hll"));
  return HllToDatum(StateArgument(fcinfo, 0), allocator);
}

MILLRACE_FUNCTION(hll_deserialize) {
  AggregateContext(fcinfo, "hll");
  const HllView view = HllFromDatum(PG_GETARG_DATUM(0));
  // Called for one state at a time, which is combined at once: so it lives in the caller's
  // short-lived context.
  MemoryContextAllocator allocator(CurrentMemoryContext);
  HyperLogLog* state = NewState(CurrentMemoryContext, view.parameters());
  RunCpp([&] { state->Merge(view, allocator); });
  PG_RETURN_POINTER(state);
}

MILLRACE_FUNCTION(hll_pack) {
  MemoryContextAllocator allocator(AggregateContext(fcinfo, "hll"));
  HyperLogLog* state = StateArgument(fcinfo, 0);
  if (state == nullptr) PG_RETURN_NULL();
  return HllToDatum(state, allocator);
}

MILLRACE_FUNCTION(hll_card_unpacked) {
  double estimate;
  if (!EstimateState(fcinfo, &estimate)) PG_RETURN_NULL();
  PG_RETURN_FLOAT8(estimate);
}

MILLRACE_FUNCTION(hll_floor_card_unpacked) {
  double estimate;
  if (!EstimateState(fcinfo, &estimate)) PG_RETURN_NULL();
  PG_RETURN_INT64(static_cast<int64>(std::floor(estimate)));
}

MILLRACE_FUNCTION(hll_ceil_card_unpacked) {
  double estimate;
  if (!EstimateState(fcinfo, &estimate)) PG_RETURN_NULL();
  PG_RETURN_INT64(static_cast<int64>(std::ceil(estimate)));
}
