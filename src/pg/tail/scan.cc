// Memory. Of the query: the state. `run_context`: from the first row to the last; the leaves, and
// the values of parameters. `leaf_context`: one leaf; its query and its plan. What the executor of
// that plan allocates is in a context of its own below that.
//
// Locks. A leaf is locked until the end of the transaction, as by PostgreSQL; the tree is locked
// before the query runs. A leaf that was dropped or detached before it was locked is left out.

#include "pg/tail/scan.h"

#include <algorithm>

#include "pg/base/list.h"
#include "pg/base/monotonic_time.h"
#include "pg/base/relation.h"
#include "pg/tail/ancestors.h"
#include "pg/tail/bounds.h"
#include "pg/tail/marks.h"
#include "pg/tail/publish.h"

namespace millrace::pg {
namespace {

Node* CreateState(CustomScan* scan);
constexpr CustomScanMethods kScanMethods = {"MillraceTail", CreateState};

struct TailScanState {
  CustomScanState css;  // first, because the executor sees only this
  Oid root, sequence;
  AttrNumber id;
  Bitmapset* needed;    // columns of the root, as FirstLowInvalidHeapAttributeNumber has them
  bool by_leaf;         // CanReadLeaves
  List* conditions;     // those that a query over a leaf can check
  bool all_conditions;  // these are all

  MemoryContext run_context, leaf_context;
  bool begun;
  bool handing_out;  // NextLeaf is used
  bool whole;        // the whole tree in one query
  Oid* leaves;
  int leaf_count, next_leaf;
  QueryDesc* running;
  Oid running_leaf;
  AttrNumber* columns;  // of the root, for each column of the running query

  MonotonicTime read_since;  // since when it has been read; 0: that is over
  // For EXPLAIN ANALYZE.
  int64 partitions;
  bool read_whole;
};

TailScanState* StateOf(CustomScanState* node) { return reinterpret_cast<TailScanState*>(node); }
Index TableOf(const TailScanState* state) {
  return reinterpret_cast<CustomScan*>(state->css.ss.ps.plan)->scan.scanrelid;
}
Relation RootOf(const TailScanState* state) { return state->css.ss.ss_currentRelation; }

// -- Expressions of the node as those of a query over a leaf

bool NeedsNode(Node* node, void*) {
  if (node == nullptr) return false;
  if (IsA(node, SubPlan) || IsA(node, AlternativeSubPlan) || IsA(node, NextValueExpr)) return true;
  return WalkExpressionTree(node, NeedsNode, nullptr);
}

// Whether a query of its own can compute the expression.
bool CanPass(Node* expression) {
  return !NeedsNode(expression, nullptr) && !contain_volatile_functions(expression);
}

struct Translation {
  TailScanState* state;
  Relation leaf;
};

Datum Evaluate(TailScanState* state, Node* expression, bool* is_null) {
  ExprContext* context = state->css.ss.ps.ps_ExprContext;
  ExprState* compiled = ExecInitExpr(reinterpret_cast<Expr*>(expression), &state->css.ss.ps);
  const MemoryContext caller = CurrentMemoryContext;
  const Datum value = ExecEvalExprSwitchContext(compiled, context, is_null);
  Datum kept = value;
  int16 length;
  bool by_value;
  get_typlenbyval(exprType(expression), &length, &by_value);
  if (!*is_null) {
    MemoryContextSwitchTo(state->leaf_context);
    kept = datumCopy(value, by_value, length);
    MemoryContextSwitchTo(caller);
  }
  return kept;
}

Node* AsConstant(TailScanState* state, Node* expression) {
  bool is_null;
  const Datum value = Evaluate(state, expression, &is_null);
  int16 length;
  bool by_value;
  get_typlenbyval(exprType(expression), &length, &by_value);
  return reinterpret_cast<Node*>(makeConst(exprType(expression), exprTypmod(expression),
                                           exprCollation(expression), length, value, is_null,
                                           by_value));
}

AttrNumber ColumnIn(const TailScanState* state, Relation leaf, AttrNumber of_root) {
  if (leaf == RootOf(state)) return of_root;
  const char* name = NameStr(TupleDescAttr(RelationGetDescr(RootOf(state)), of_root - 1)->attname);
  const TupleDesc descriptor = RelationGetDescr(leaf);
  if (of_root <= descriptor->natts) {
    const FormData_pg_attribute* same = TupleDescAttr(descriptor, of_root - 1);
    if (!same->attisdropped && strcmp(NameStr(same->attname), name) == 0) return of_root;
  }
  for (int i = 0; i < descriptor->natts; ++i) {
    const FormData_pg_attribute* attribute = TupleDescAttr(descriptor, i);
    if (!attribute->attisdropped && strcmp(NameStr(attribute->attname), name) == 0) return i + 1;
  }
  elog(ERROR, "partition %s lacks column \"%s\"", RelationGetRelationName(leaf), name);
}

Node* Translate(Node* node, void* context) {
  auto* translation = static_cast<Translation*>(context);
  if (node == nullptr) return nullptr;
  if (IsA(node, Var)) {
    Var* var = CopyNode(reinterpret_cast<Var*>(node));
    var->varno = var->varnosyn = 1;
    var->varattno = var->varattnosyn =
        ColumnIn(translation->state, translation->leaf, var->varattno);
    return reinterpret_cast<Node*>(var);
  }
  if (IsA(node, Param)) return AsConstant(translation->state, node);
  return MutateExpressionTree(node, Translate, context);
}

// A condition. What a column is compared with becomes a constant, so that PostgreSQL can choose
// partitions and indexes by it.
Node* TranslateCondition(Node* node, Translation* translation) {
  Node* made = Translate(node, translation);
  if (!IsA(made, OpExpr)) return made;
  auto* operation = reinterpret_cast<OpExpr*>(made);
  ListCell* cell;
  foreach (cell, operation->args) {
    auto* argument = static_cast<Node*>(lfirst(cell));
    if (IsA(argument, Const) || contain_var_clause(argument)) continue;
    lfirst(cell) = AsConstant(translation->state, argument);
  }
  return made;
}

// -- A query over a leaf, or over the whole tree

RangeTblEntry* EntryFor(Relation relation, bool with_below) {
  RangeTblEntry* entry = makeNode(RangeTblEntry);
  entry->rtekind = RTE_RELATION;
  entry->relid = RelationGetRelid(relation);
  entry->relkind = relation->rd_rel->relkind;
  entry->rellockmode = AccessShareLock;
  entry->inh = with_below;
  entry->inFromCl = true;
  List* names = NIL;
  const TupleDesc descriptor = RelationGetDescr(relation);
  for (int i = 0; i < descriptor->natts; ++i) {
    const FormData_pg_attribute* attribute = TupleDescAttr(descriptor, i);
    names = lappend(
        names,
        makeString(attribute->attisdropped ? pstrdup("") : pstrdup(NameStr(attribute->attname))));
  }
  entry->eref = makeAlias(RelationGetRelationName(relation), names);
  return entry;
}

// The columns that the node needs; fills state->columns.
List* NeededColumns(TailScanState* state, Relation leaf) {
  List* list = NIL;
  const TupleDesc descriptor = RelationGetDescr(RootOf(state));
  state->columns = static_cast<AttrNumber*>(palloc(descriptor->natts * sizeof(AttrNumber) + 1));
  for (int i = -1; (i = bms_next_member(state->needed, i)) >= 0;) {
    const auto number = static_cast<AttrNumber>(i + FirstLowInvalidHeapAttributeNumber);
    const FormData_pg_attribute* attribute = TupleDescAttr(descriptor, number - 1);
    state->columns[list_length(list)] = number;
    Var* var = makeVar(1, ColumnIn(state, leaf, number), attribute->atttypid, attribute->atttypmod,
                       attribute->attcollation, 0);
    list = lappend(list,
                   makeTargetEntry(reinterpret_cast<Expr*>(var),
                                   static_cast<AttrNumber>(list_length(list) + 1), nullptr, false));
  }
  return list;
}

List* TranslateTargets(Translation* translation) {
  List* list = NIL;
  for (auto* each : Each<TargetEntry>(translation->state->css.ss.ps.plan->targetlist)) {
    Node* made = Translate(reinterpret_cast<Node*>(each->expr), translation);
    list =
        lappend(list, makeTargetEntry(reinterpret_cast<Expr*>(made), each->resno, nullptr, false));
  }
  return list;
}

// Whether no row of the partition can meet the conditions.
bool IsLeftOut(Relation leaf, List* conditions) {
  List* holds = RelationGetPartitionQual(leaf);
  return holds != NIL && predicate_refuted_by(holds, conditions, false);
}

Query* QueryOver(TailScanState* state, Relation relation) {
  Translation translation = {state, relation};
  List* conditions = NIL;
  for (auto* each : Each<Node>(state->conditions)) {
    Node* condition = TranslateCondition(each, &translation);
    conditions = lappend(conditions, condition);
    Node* implied = ImpliedTimeCondition(condition);
    // The reader of pages takes a list of single comparisons.
    if (implied != nullptr) {
      conditions = list_concat(conditions, make_ands_implicit(reinterpret_cast<Expr*>(implied)));
    }
  }
  const bool whole = relation == RootOf(state);
  if (!whole && IsLeftOut(relation, conditions)) return nullptr;
  Query* query = makeNode(Query);
  query->commandType = CMD_SELECT;
  query->querySource = QSRC_ORIGINAL;
  query->canSetTag = true;
  RangeTblEntry* entry = EntryFor(relation, whole);
  query->rtable = list_make1(entry);
  AskForNoRights(query, entry);
  RangeTblRef* reference = makeNode(RangeTblRef);
  reference->rtindex = 1;
  query->jointree = makeFromExpr(
      list_make1(reference),
      conditions == NIL ? nullptr : reinterpret_cast<Node*>(make_ands_explicit(conditions)));
  query->targetList =
      state->handing_out ? TranslateTargets(&translation) : NeededColumns(state, relation);
  return query;
}

// -- Running

void EndRunning(TailScanState* state) {
  if (state->running == nullptr) return;
  QueryDesc* query = state->running;
  state->running = nullptr;
  standard_ExecutorFinish(query);
  standard_ExecutorEnd(query);
  FreeQueryDesc(query);
  MemoryContextReset(state->leaf_context);
}

// The bound of the ids, exclusive. False if a condition is NULL, so that no row meets it.
bool FindBound(TailScanState* state, int64* bound) {
  *bound = PG_INT64_MIN;
  for (auto* each : Each<Node>(state->css.ss.ps.plan->qual)) {
    LowerBound lower;
    if (!FindLowerBound(each, static_cast<int>(TableOf(state)), state->id, &lower)) continue;
    // The plan of a subquery in it would be kept in the node, and outlive this run's memory.
    if (NeedsNode(lower.value, nullptr)) continue;
    bool is_null;
    const Datum value = Evaluate(state, lower.value, &is_null);
    if (is_null) return false;
    int64 above = IntegerIn(value, exprType(lower.value));
    if (lower.inclusive && above > PG_INT64_MIN) --above;
    *bound = Max(*bound, above);
  }
  return true;
}

// Adds the leaves that this transaction has written itself, which it has not published yet.
void AddOwnLeaves(TailScanState* state) {
  if (!TransactionIdIsValid(GetTopTransactionIdIfAny())) return;
  int count;
  const Oid* own = LockedForWriting(&count);
  auto* all = static_cast<Oid*>(palloc((state->leaf_count + count) * sizeof(Oid) + 1));
  if (state->leaf_count > 0) memcpy(all, state->leaves, state->leaf_count * sizeof(Oid));
  for (int i = 0; i < count; ++i) {
    if (own[i] != state->root && IsInTree(own[i], state->root)) all[state->leaf_count++] = own[i];
  }
  state->leaves = all;
  std::sort(all, all + state->leaf_count);
  state->leaf_count = static_cast<int>(std::unique(all, all + state->leaf_count) - all);
}

// Whether some leaves may be left out.
bool MayLeaveOut(TailScanState* state) {
  // A serializable transaction must show others what it has not read in the other leaves. The locks
  // by which a transaction knows what it has written are not a parallel worker's.
  if (IsolationIsSerializable() || IsParallelWorker()) return false;
  // The table may take its ids from another sequence since.
  return SequenceOfDefault(build_column_default(RootOf(state), state->id)) == state->sequence;
}

void Begin(TailScanState* state) {
  const MemoryContext caller = MemoryContextSwitchTo(state->run_context);
  int64 bound;
  state->begun = true;
  state->read_since = MonotonicNow();
  state->next_leaf = state->leaf_count = 0;
  state->whole = false;
  if (FindBound(state, &bound)) {
    state->whole = !MayLeaveOut(state) || !LeavesAbove(state->root, state->sequence, bound,
                                                       &state->leaves, &state->leaf_count);
    if (state->whole) {
      state->leaf_count = 1;
      state->read_whole = true;
    } else {
      AddOwnLeaves(state);
    }
  }
  MemoryContextReset(state->leaf_context);
  MemoryContextSwitchTo(caller);
}

// The tail has been read to its end, or as far as anybody wants: says how long that took, by which
// the worker weighs whether a refresh is worth it. Not of a refresh itself, and of a cursor that
// waits for its client only some seconds.
void NoteRead(TailScanState* state) {
  constexpr int64 kLongest = 5'000'000;
  if (state->read_since == 0) return;
  if (!AmBackgroundWorker()) {
    NoteTailRead(state->root, Min(MonotonicNow() - state->read_since, kLongest));
  }
  state->read_since = 0;
}

// Opens a leaf, if it is still one.
Relation OpenLeaf(const TailScanState* state, Oid leaf) {
  LockRelationOid(leaf, AccessShareLock);
  if (SearchSysCacheExists1(RELOID, ObjectIdGetDatum(leaf)) &&
      get_rel_relkind(leaf) == RELKIND_RELATION && IsLeafNow(leaf, state->root)) {
    return table_open(leaf, NoLock);
  }
  UnlockRelationOid(leaf, AccessShareLock);
  return nullptr;
}

// Starts the query over the next leaf. False if there is none.
bool StartNext(TailScanState* state) {
  EState* estate = state->css.ss.ps.state;
  while (state->next_leaf < state->leaf_count) {
    CHECK_FOR_INTERRUPTS();
    const Oid leaf = state->whole ? state->root : state->leaves[state->next_leaf];
    ++state->next_leaf;
    const MemoryContext caller = MemoryContextSwitchTo(state->leaf_context);
    Relation relation = state->whole ? RootOf(state) : OpenLeaf(state, leaf);
    Query* query = relation == nullptr ? nullptr : QueryOver(state, relation);
    if (relation != nullptr && !state->whole) table_close(relation, NoLock);
    if (query != nullptr) {
      PlannedStmt* plan = standard_planner(query, "", 0, nullptr);
      plan->jitFlags = PGJIT_NONE;
      QueryDesc* made = CreateQueryDesc(plan, "", estate->es_snapshot, InvalidSnapshot,
                                        None_Receiver, nullptr, estate->es_queryEnv, 0);
      standard_ExecutorStart(made, EXEC_FLAG_SKIP_TRIGGERS);
      state->running = made;
      state->running_leaf = leaf;
      ++state->partitions;
    }
    MemoryContextSwitchTo(caller);
    if (query != nullptr) return true;
    MemoryContextReset(state->leaf_context);
  }
  return false;
}

TupleTableSlot* NextRow(ScanState* node) {
  auto* state = reinterpret_cast<TailScanState*>(node);
  TupleTableSlot* slot = node->ss_ScanTupleSlot;
  ExecClearTuple(slot);
  if (!state->begun) Begin(state);
  for (;;) {
    if (state->running == nullptr && !StartNext(state)) return slot;
    QueryDesc* query = state->running;
    const MemoryContext caller = MemoryContextSwitchTo(query->estate->es_query_cxt);
    TupleTableSlot* row = ExecProcNode(query->planstate);
    MemoryContextSwitchTo(caller);
    if (TupIsNull(row)) {
      EndRunning(state);
      continue;
    }
    slot_getallattrs(row);
    const int natts = slot->tts_tupleDescriptor->natts;
    memset(slot->tts_isnull, true, natts * sizeof(bool));
    for (int i = 0; i < row->tts_tupleDescriptor->natts; ++i) {
      const int number = state->columns[i] - 1;
      slot->tts_values[number] = row->tts_values[i];
      slot->tts_isnull[number] = row->tts_isnull[i];
    }
    return ExecStoreVirtualTuple(slot);
  }
}

// -- The node

bool Recheck(ScanState*, TupleTableSlot*) { return true; }

void BeginScan(CustomScanState* node, EState*, int) {
  TailScanState* state = StateOf(node);
  const auto* scan = reinterpret_cast<CustomScan*>(node->ss.ps.plan);
  state->root = linitial_oid(scan->custom_private);
  state->sequence = lsecond_oid(scan->custom_private);
  state->id = static_cast<AttrNumber>(lthird_oid(scan->custom_private));
  pull_varattnos(reinterpret_cast<Node*>(scan->scan.plan.targetlist), scan->scan.scanrelid,
                 &state->needed);
  pull_varattnos(reinterpret_cast<Node*>(scan->scan.plan.qual), scan->scan.scanrelid,
                 &state->needed);
  state->all_conditions = true;
  for (auto* each : Each<Node>(scan->scan.plan.qual)) {
    if (CanPass(each)) {
      state->conditions = lappend(state->conditions, each);
    } else {
      state->all_conditions = false;
    }
  }
  state->by_leaf =
      state->all_conditions && CanPass(reinterpret_cast<Node*>(scan->scan.plan.targetlist));
  state->run_context =
      AllocSetContextCreate(CurrentMemoryContext, "MillraceTail", ALLOCSET_SMALL_SIZES);
  state->leaf_context =
      AllocSetContextCreate(CurrentMemoryContext, "MillraceTail leaf", ALLOCSET_DEFAULT_SIZES);
}

TupleTableSlot* ExecuteScan(CustomScanState* node) { return ExecScan(&node->ss, NextRow, Recheck); }

void StopScan(TailScanState* state) {
  NoteRead(state);
  EndRunning(state);
  MemoryContextReset(state->leaf_context);
  MemoryContextReset(state->run_context);
  state->begun = false;
  state->handing_out = false;
}

void EndScan(CustomScanState* node) { StopScan(StateOf(node)); }

void RescanScan(CustomScanState* node) {
  StopScan(StateOf(node));
  ExecScanReScan(&node->ss);
}

void Explain(CustomScanState* node, List*, ExplainState* es) {
  const TailScanState* state = StateOf(node);
  if (!es->analyze) return;
  if (state->read_whole) {
    ExplainPropertyText("Partitions Read", "all: not known which", es);
  } else {
    ExplainPropertyInteger("Partitions Read", nullptr, state->partitions, es);
  }
}

constexpr CustomExecMethods kExecMethods = {
    .CustomName = "MillraceTail",
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
  auto* state = static_cast<TailScanState*>(palloc0(sizeof(TailScanState)));
  NodeSetTag(state, T_CustomScanState);
  state->css.methods = &kExecMethods;
  return reinterpret_cast<Node*>(state);
}

}  // namespace

const CustomScanMethods* TailScanMethods() { return &kScanMethods; }

bool CanReadLeaves(const PlanState* scan) {
  if (!IsA(scan, CustomScanState)) return false;
  const auto* node = reinterpret_cast<const CustomScanState*>(scan);
  return node->methods == &kExecMethods && reinterpret_cast<const TailScanState*>(node)->by_leaf;
}

PlanState* NextLeaf(PlanState* scan) {
  auto* state = reinterpret_cast<TailScanState*>(scan);
  if (scan->chgParam != nullptr) ExecReScan(scan);
  if (!state->begun) {
    Begin(state);
    state->handing_out = true;
  }
  EndRunning(state);
  if (StartNext(state)) return state->running->planstate;
  NoteRead(state);
  return nullptr;
}

}  // namespace millrace::pg
