// The custom scan MillraceAggregate: reads its child in batches, then returns one tuple per group.
//
// Phases: consume (fill a batch, give it to GroupBy), finish, emit. If rows were spilled, the same
// again for each partition. Memory contexts, and how long they live:
//   query context            the node, its plan, the heap reader. Nothing is added for a rescan.
//   "MillraceAggregate input"  spill files; reset for each scan of the input
//   "MillraceAggregate"      groups and sketches; reset when a partition's groups are out
//   "MillraceAggregate batch"  what one batch refers to (BatchBuilder)
//   per-tuple context        the values of one tuple, as everywhere in the executor
// The executor is called (ExecProcNode, ExecReScan, expressions) in the context that the node was
// called in, the query's: it keeps what it allocates, and none of the others lives as long.

#include "pg/scan/exec.h"

#include <new>

#include "pg/base/error_fence.h"
#include "pg/base/guc.h"
#include "pg/base/memory_context.h"
#include "pg/hll/hll_value.h"
#include "pg/scan/batch_builder.h"
#include "pg/scan/emit.h"
#include "pg/scan/explain.h"
#include "pg/scan/spill.h"
#include "pg/scan/state.h"
#include "pg/scan/table_reader.h"
#include "pg/tail/scan.h"

namespace millrace::pg {
namespace {

// At this share of the allowed memory, kept rows are folded, and later no more groups are added.
// The share is no higher, because tables double when they grow.
constexpr double kMemoryShare = 0.6;

Node* CreateState(CustomScan* scan);

constexpr CustomScanMethods kScanMethods = {"MillraceAggregate", CreateState};

VectorAggState* StateOf(CustomScanState* node) { return reinterpret_cast<VectorAggState*>(node); }

// What GroupBy needs to know, except the hll parameters.
void FillSpecs(VectorAggState* state) {
  const VectorAggPlan& plan = state->plan;
  for (int i = 0; i < plan.key_count; ++i) {
    const int column = plan.keys[i].column;
    state->keys[i] = {static_cast<std::uint16_t>(column),
                      plan.columns[column].kind == ColumnKind::kText};
  }
  for (int i = 0; i < plan.aggregate_count; ++i) {
    const AggregatePlan& aggregate = plan.aggregates[i];
    state->specs[i] = {aggregate.kind, static_cast<std::uint16_t>(Max(aggregate.column, 0)),
                       aggregate.hash_width, HllParameters()};
  }
}

// The parameters of new sketches, with the session's settings at this moment. This is done for the
// first row of a scan, as the aggregates do it: without a row, wrong settings are no error.
void SettleHllParameters(VectorAggState* state) {
  if (state->hll_settled) return;
  const VectorAggPlan& plan = state->plan;
  for (int i = 0; i < plan.aggregate_count; ++i) {
    const AggregatePlan& aggregate = plan.aggregates[i];
    if (aggregate.kind != AggregateKind::kHllAdd) continue;
    state->specs[i].hll = HllParametersWithDefaults(aggregate.hll.values, aggregate.hll.given);
  }
  state->hll_settled = true;
}

void StartGroups(VectorAggState* state) {
  MemoryContextReset(state->groups_context);
  state->group_by = new (MemoryContextAlloc(state->groups_context, sizeof(GroupBy)))
      GroupBy({state->keys, static_cast<std::size_t>(state->plan.key_count)},
              {state->specs, static_cast<std::size_t>(state->plan.aggregate_count)},
              NumberOfCounters(), hll_max_sparse);
  state->inserting = true;
  state->kept_after_fold = 0;
  state->order = nullptr;
  state->next_group = 0;
}

void BeginScan(CustomScanState* node, EState* estate, int eflags) {
  VectorAggState* state = StateOf(node);
  auto* scan = reinterpret_cast<CustomScan*>(node->ss.ps.plan);
  DeserializePlan(scan->custom_private, &state->plan);
  PlanState* child = ExecInitNode(static_cast<Plan*>(linitial(scan->custom_plans)), estate, eflags);
  node->custom_ps = list_make1(child);
  if ((eflags & EXEC_FLAG_EXPLAIN_ONLY) != 0) return;
  FillSpecs(state);
  state->groups_context =
      AllocSetContextCreate(CurrentMemoryContext, "MillraceAggregate", ALLOCSET_DEFAULT_SIZES);
  state->input_context =
      AllocSetContextCreate(CurrentMemoryContext, "MillraceAggregate input", ALLOCSET_SMALL_SIZES);
  state->builder.Init(state->plan);
  state->memory_limit = get_hash_memory_limit();
}

// Spills the rows that GroupBy did not take.
void SpillRows(VectorAggState* state, const uint32* rows, uint32 count) {
  if (count == 0) return;
  if (state->spill == nullptr) {
    const MemoryContext caller = MemoryContextSwitchTo(state->input_context);
    const int level = state->source == nullptr ? 0 : state->source->level() + 1;
    state->spill = new (palloc(sizeof(Spill))) Spill(&state->plan, level);
    MemoryContextSwitchTo(caller);
  }
  for (uint32 i = 0; i < count; ++i) {
    state->spilled_bytes += state->spill->Write(state->builder, rows[i]);
  }
  state->spilled_rows += count;
}

void Fold(GroupBy* groups, Allocator* allocator) {
  // So many groups take some milliseconds.
  constexpr uint32 kGroupsAStep = 4096;
  RunCpp([&] { groups->BeginFold(*allocator); });
  for (uint32 begin = 0; begin < groups->groups(); begin += kGroupsAStep) {
    CHECK_FOR_INTERRUPTS();
    const uint32 end = Min(begin + kGroupsAStep, groups->groups());
    RunCpp([&] { groups->FoldGroups(begin, end, *allocator); });
  }
  RunCpp([&] { groups->EndFold(*allocator); });
}

// Keeps memory within its limit: first kept rows become sketches, then no more groups are added.
void LimitMemory(VectorAggState* state, Allocator* allocator) {
  const auto share = static_cast<Size>(kMemoryShare * static_cast<double>(state->memory_limit));
  Size used = MemoryContextMemAllocated(state->groups_context, true);
  state->peak_memory = Max(state->peak_memory, used);
  GroupBy* groups = state->group_by;
  const Size kept = groups->KeptBytes();
  if (used + kept / 2 <= share) return;
  // Folding looks at every group, and keeps the rows of small ones, so it must be worth it.
  if (kept > 2 * state->kept_after_fold + share / 16) {
    Fold(groups, allocator);
    state->kept_after_fold = groups->KeptBytes();
    used = MemoryContextMemAllocated(state->groups_context, true);
    state->peak_memory = Max(state->peak_memory, used);
  }
  const int level = state->source == nullptr ? 0 : state->source->level() + 1;
  if (used > share && groups->groups() > 1 && level < kMaxSpillLevel) state->inserting = false;
}

void AddBatch(VectorAggState* state, Allocator* allocator) {
  BatchBuilder& builder = state->builder;
  if (builder.rows() == 0) return;
  CHECK_FOR_INTERRUPTS();
  SettleHllParameters(state);
  uint32 rejected[kBatchRows];
  uint32 rejected_count = 0;
  const Status status = RunCpp([&] {
    return state->group_by->AddBatch(builder.batch(), state->inserting, rejected, &rejected_count,
                                     *allocator);
  });
  if (status.code() == StatusCode::kMismatch) {
    RaiseHllMismatch(state->group_by->mismatch().state, state->group_by->mismatch().value);
  }
  CheckStatus(status);
  ++state->batches;
  state->rows += builder.rows();
  SpillRows(state, rejected, rejected_count);
  LimitMemory(state, allocator);
  builder.Begin(state->group_by, allocator, state->inserting);
}

// Adds a tuple of the child. Its values must stay until the batch is done, even when the slot has
// its next tuple.
void PutSlot(VectorAggState* state, TupleTableSlot* slot) {
  BatchBuilder& builder = state->builder;
  for (int i = 0; i < state->plan.column_count; ++i) {
    const ColumnPlan& column = state->plan.columns[i];
    bool is_null;
    Datum value = slot_getattr(slot, column.resno, &is_null);
    if (is_null) {
      builder.PutNull(i);
      continue;
    }
    // Texts are interned at once, unless the row may have to be spilled.
    const bool sketch = column.kind == ColumnKind::kHll || column.kind == ColumnKind::kTopN;
    const bool text = column.kind == ColumnKind::kText || column.kind == ColumnKind::kItem;
    if (sketch || (text && !state->inserting)) {
      const MemoryContext caller = MemoryContextSwitchTo(builder.context());
      value = column.type == UUIDOID ? datumCopy(value, false, UUID_LEN)
                                     : PointerGetDatum(PG_DETOAST_DATUM_COPY(value));
      MemoryContextSwitchTo(caller);
    }
    builder.Put(i, value);
  }
  builder.EndRow();
}

void ConsumeChild(VectorAggState* state, PlanState* child, Allocator* allocator) {
  BatchBuilder& builder = state->builder;
  for (;;) {
    TupleTableSlot* slot = ExecProcNode(child);
    if (TupIsNull(slot)) break;
    SettleHllParameters(state);
    PutSlot(state, slot);
    if (builder.full()) AddBatch(state, allocator);
  }
  AddBatch(state, allocator);
}

void ConsumeHeap(VectorAggState* state, Allocator* allocator) {
  BatchBuilder& builder = state->builder;
  // Stored sketches are read from the pinned page, and so is text that may have to be spilled.
  while (state->reader->Fill(&builder, builder.refers_to_tuples() || !state->inserting)) {
    AddBatch(state, allocator);
  }
  AddBatch(state, allocator);
  state->reader->Close();
}

// Reads the leaves of a tail one after the other, each by its own plan (tail/scan.h).
void ConsumeLeaves(VectorAggState* state, PlanState* tail, Allocator* allocator) {
  while (PlanState* leaf = NextLeaf(tail)) {
    // The reader goes with the plan; spill files and groups stay.
    const MemoryContext caller = MemoryContextSwitchTo(leaf->state->es_query_cxt);
    state->reader = TableReader::Make(leaf, state->plan);
    if (state->reader != nullptr) state->reader->Start();
    MemoryContextSwitchTo(caller);
    if (state->reader != nullptr) {
      ConsumeHeap(state, allocator);
    } else {
      ConsumeChild(state, leaf, allocator);
    }
    state->read_pages |= state->reader != nullptr;
    state->reader = nullptr;
  }
}

void Finish(VectorAggState* state, Allocator* allocator) {
  GroupBy* groups = state->group_by;
  RunCpp([&] {
    groups->EnsureGroup(*allocator);
    groups->Finish(*allocator);
  });
  state->peak_memory =
      Max(state->peak_memory, MemoryContextMemAllocated(state->groups_context, true));
  state->groups += groups->groups();
  if (state->plan.sorted && state->plan.key_count > 0) {
    const MemoryContext caller = MemoryContextSwitchTo(state->groups_context);
    state->order = SortGroups(state->plan, groups);
    MemoryContextSwitchTo(caller);
  }
}

void ConsumeInput(VectorAggState* state) {
  auto* child = static_cast<PlanState*>(linitial(state->css.custom_ps));
  state->hll_settled = false;
  StartGroups(state);
  MemoryContextAllocator allocator(state->groups_context);
  state->builder.Begin(state->group_by, &allocator, true);
  if (CanReadLeaves(child)) {
    ConsumeLeaves(state, child, &allocator);
    return Finish(state, &allocator);
  }
  if (!state->reader_sought) {
    const MemoryContext caller = MemoryContextSwitchTo(child->state->es_query_cxt);
    state->reader = TableReader::Make(child, state->plan);
    MemoryContextSwitchTo(caller);
    state->reader_sought = true;
    state->read_pages = state->reader != nullptr;
  }
  if (state->reader != nullptr) {
    state->reader->Start();
    ConsumeHeap(state, &allocator);
  } else {
    ConsumeChild(state, child, &allocator);
  }
  Finish(state, &allocator);
}

// Reads the next spilled partition, the deepest level first. False if there is none.
bool ConsumePartition(VectorAggState* state) {
  // The rows that this level spilled come before the rest of the level above.
  if (state->spill != nullptr) {
    const MemoryContext caller = MemoryContextSwitchTo(state->input_context);
    state->levels = lcons(state->spill, state->levels);
    MemoryContextSwitchTo(caller);
    state->spill = nullptr;
  }
  while (state->levels != NIL) {
    auto* level = static_cast<Spill*>(linitial(state->levels));
    int partition = 0;
    while (partition < kSpillPartitions && !level->Has(partition)) ++partition;
    if (partition == kSpillPartitions) {
      state->levels = list_delete_first(state->levels);
      continue;
    }
    state->source = level;
    StartGroups(state);
    MemoryContextAllocator allocator(state->groups_context);
    state->builder.Begin(state->group_by, &allocator, true);
    level->Rewind(partition);
    while (level->Read(partition, &state->builder)) AddBatch(state, &allocator);
    AddBatch(state, &allocator);
    level->Close(partition);
    Finish(state, &allocator);
    return true;
  }
  return false;
}

// The next group's tuple, before HAVING and the projection; nullptr after the last.
TupleTableSlot* NextTuple(VectorAggState* state) {
  ScanState* node = &state->css.ss;
  if (!state->consumed) {
    ConsumeInput(state);
    state->consumed = true;
  }
  while (state->next_group >= state->group_by->groups()) {
    if (!ConsumePartition(state)) return nullptr;
  }
  const uint32 next = state->next_group++;
  const uint32 group = state->order != nullptr ? state->order[next] : next;
  MemoryContextAllocator allocator(state->groups_context);
  const MemoryContext caller =
      MemoryContextSwitchTo(node->ps.ps_ExprContext->ecxt_per_tuple_memory);
  EmitGroup(state->plan, state->group_by, group, &allocator, node->ss_ScanTupleSlot);
  MemoryContextSwitchTo(caller);
  return node->ss_ScanTupleSlot;
}

// Applies HAVING and the projection. ExecScan cannot be used: inside EvalPlanQual it takes a node
// without a table of its own for a join. It then rechecks the node's tuple instead of asking for
// one, and so returns an empty tuple (PostgreSQL before 15.15 even in a subquery's plan, later ones
// in the main plan). Aggregates need no recheck: they are computed again, over rows that the scans
// below replace.
TupleTableSlot* ExecuteScan(CustomScanState* node) {
  VectorAggState* state = StateOf(node);
  PlanState* plan = &node->ss.ps;
  ExprContext* context = plan->ps_ExprContext;
  for (;;) {
    CHECK_FOR_INTERRUPTS();
    ResetExprContext(context);
    TupleTableSlot* slot = NextTuple(state);
    if (slot == nullptr) {
      // With the descriptor of the tuples that the node returns.
      return ExecClearTuple(plan->ps_ProjInfo != nullptr ? plan->ps_ProjInfo->pi_state.resultslot
                                                         : node->ss.ss_ScanTupleSlot);
    }
    context->ecxt_scantuple = slot;
    if (plan->qual == nullptr || ExecQual(plan->qual, context)) {
      return plan->ps_ProjInfo != nullptr ? ExecProject(plan->ps_ProjInfo) : slot;
    }
    InstrCountFiltered1(node, 1);
  }
}

void ForgetInput(VectorAggState* state) {
  if (state->reader != nullptr) state->reader->Close();
  for (; state->levels != NIL; state->levels = list_delete_first(state->levels)) {
    auto* level = static_cast<Spill*>(linitial(state->levels));
    for (int i = 0; i < kSpillPartitions; ++i) level->Close(i);
  }
  if (state->spill != nullptr) {
    for (int i = 0; i < kSpillPartitions; ++i) state->spill->Close(i);
  }
  state->spill = nullptr;
  state->source = nullptr;
  if (state->input_context != nullptr) MemoryContextReset(state->input_context);
}

void EndScan(CustomScanState* node) {
  VectorAggState* state = StateOf(node);
  ForgetInput(state);
  if (state->groups_context != nullptr) MemoryContextDelete(state->groups_context);
  if (state->input_context != nullptr) MemoryContextDelete(state->input_context);
  ExecEndNode(static_cast<PlanState*>(linitial(node->custom_ps)));
}

// Whether the groups can be returned once more instead of being computed again. HashAggregate does
// that too, so that a volatile function below does not give other rows.
bool HasAllGroups(const VectorAggState& state) {
  return state.consumed && state.plan.key_count > 0 && state.spill == nullptr &&
         state.levels == NIL && state.source == nullptr;
}

void RescanScan(CustomScanState* node) {
  VectorAggState* state = StateOf(node);
  auto* child = static_cast<PlanState*>(linitial(node->custom_ps));
  if (node->ss.ps.chgParam != nullptr) UpdateChangedParamSet(child, node->ss.ps.chgParam);
  if (child->chgParam == nullptr && HasAllGroups(*state)) {
    ExecClearTuple(node->ss.ss_ScanTupleSlot);
    state->next_group = 0;
    return;
  }
  ForgetInput(state);
  state->consumed = false;
  // A child whose parameters have changed is rescanned by ExecProcNode.
  if (child->chgParam == nullptr) ExecReScan(child);
  ExecClearTuple(node->ss.ss_ScanTupleSlot);
}

void Explain(CustomScanState* node, List* ancestors, ExplainState* es) {
  ExplainVectorAgg(*StateOf(node), ancestors, es);
}

constexpr CustomExecMethods kExecMethods = {
    .CustomName = "MillraceAggregate",
    .BeginCustomScan = BeginScan,
    .ExecCustomScan = ExecuteScan,
    .EndCustomScan = EndScan,
    .ReScanCustomScan = RescanScan,
    .MarkPosCustomScan = nullptr,
    .RestrPosCustomScan = nullptr,
    .EstimateDSMCustomScan = nullptr,
    .InitializeDSMCustomScan = nullptr,
    .ReInitializeDSMCustomScan = nullptr,
    .InitializeWorkerCustomScan = nullptr,
    .ShutdownCustomScan = nullptr,
    .ExplainCustomScan = Explain,
};

Node* CreateState(CustomScan*) {
  auto* state = static_cast<VectorAggState*>(palloc0(sizeof(VectorAggState)));
  NodeSetTag(state, T_CustomScanState);
  state->css.methods = &kExecMethods;
  return reinterpret_cast<Node*>(state);
}

}  // namespace

const CustomScanMethods* VectorAggScanMethods() { return &kScanMethods; }

}  // namespace millrace::pg
