#include "pg/rewrite/answer.h"

#include <initializer_list>
#include <limits>

#include "pg/base/guc.h"
#include "pg/base/list.h"
#include "pg/rewrite/cut.h"

namespace millrace::pg {
namespace {

// Rows that are at least so many times fewer are worth a second table for the ends of a span.
constexpr double kWorthASplit = 3;
// A span of unknown length is taken apart if the wide buckets have so many times fewer rows.
constexpr double kWorthASplitUnseen = 8;
// A span of fewer wide buckets is not taken apart.
constexpr int kFewestWideBuckets = 3;
// Of a table that was never analyzed: rows per page.
constexpr double kRowsPerPage = 40;

// What a table gives for the question: an expression for each item, and the question's conditions,
// over the columns of its rows as of table 1.
struct Fit {
  const KnownRollup* rollup;  // nullptr: the events that are not in the table yet
  List* columns;              // KnownColumn*, over the columns of the rollup that was asked
  List* values;               // Node*, one for each item
  List* conditions;
  List* security;  // conditions of row security
  double rows;
  // The bucket of the one that was asked, as this table has it: as it was (`cut` is nullptr), or
  // cut to wider buckets.
  Node* bucket;
  const FuncExpr* cut;
};

// The bounds of the span.
struct Ends {
  List* lowers;  // Bound*, ANDed
  List* uppers;
};

bool IsOpen(const Ends& ends) { return ends.lowers == NIL && ends.uppers == NIL; }

struct Mapping {
  const List* columns;
  const char* why;
};

// Puts columns of the table in the places of what they are in terms of the rollup that was asked.
Node* MapKeys(Node* node, void* context) {
  auto* mapping = static_cast<Mapping*>(context);
  if (node == nullptr || mapping->why != nullptr) return node;
  const FuncExpr* cut = AsCut(node);
  for (const KnownColumn* column : Each<KnownColumn>(mapping->columns)) {
    if (column->role != ColumnRole::kKey || column->expression == nullptr) continue;
    const bool same = equal(column->expression, node);
    const FuncExpr* finer = same || cut == nullptr ? nullptr : AsCut(column->expression);
    const bool divides =
        finer != nullptr && equal(TimeOf(finer), TimeOf(cut)) && Divides(finer, cut);
    if (!same && !divides) continue;
    if (!column->exact) {
      mapping->why = "equal values of a key may look different";
      return node;
    }
    auto* var = reinterpret_cast<Node*>(
        makeVar(1, column->attribute, column->type, column->typmod, column->collation, 0));
    return same ? var : CutTime(cut, var);
  }
  if (IsA(node, Var)) {
    mapping->why = "it lacks a key";
    return node;
  }
  return MutateExpressionTree(node, MapKeys, context);
}

// nullptr, with `why`, if the table does not have the keys.
Node* Mapped(const List* columns, Node* node, const char** why) {
  Mapping mapping = {columns, nullptr};
  Node* mapped = MapKeys(node, &mapping);
  if (mapping.why != nullptr) *why = mapping.why;
  return mapping.why == nullptr ? mapped : nullptr;
}

bool MapAll(const List* columns, const List* nodes, List** mapped, const char** why) {
  for (auto* node : Each<Node>(nodes)) {
    Node* one = Mapped(columns, node, why);
    if (one == nullptr) return false;
    *mapped = lappend(*mapped, one);
  }
  return true;
}

Node* OnlyWhere(Node* filter, Node* value) {
  if (filter == nullptr) return value;
  CaseWhen* when = makeNode(CaseWhen);
  when->expr = reinterpret_cast<Expr*>(filter);
  when->result = reinterpret_cast<Expr*>(value);
  CaseExpr* choice = makeNode(CaseExpr);
  choice->casetype = exprType(value);
  choice->casecollid = exprCollation(value);
  choice->args = list_make1(when);
  choice->defresult = reinterpret_cast<Expr*>(
      makeNullConst(exprType(value), exprTypmod(value), exprCollation(value)));
  choice->location = -1;
  return reinterpret_cast<Node*>(choice);
}

bool MergesAs(ColumnRole column, ColumnRole wanted) {
  return column == wanted || (column == ColumnRole::kCount && wanted == ColumnRole::kSum);
}

// Whether an expression hashes a value as it is, for a sketch.
bool Hashes(const Node* expression, const Node* value) {
  const auto* call = reinterpret_cast<const FuncExpr*>(expression);
  if (expression == nullptr || !IsA(call, FuncExpr) || call->args == NIL) return false;
  const char* name = get_func_name(call->funcid);
  if (name == nullptr || strncmp(name, "hll_hash_", 9) != 0) return false;
  for (int i = 1; i < list_length(call->args); ++i) {
    if (!IsA(list_nth(call->args, i), Const)) return false;
  }
  return equal(linitial(call->args), value);
}

// Whether the column has what an aggregate over events gives.
bool IsMeasureOfEvents(const KnownColumn& column, const Item& item) {
  if (column.role != item.role || column.aggref == nullptr || !equal(column.filter, item.filter)) {
    return false;
  }
  if (item.role == ColumnRole::kHll) return Hashes(column.expression, item.argument);
  const bool ordered = item.role == ColumnRole::kMin || item.role == ColumnRole::kMax;
  if (ordered && (column.input_collation != item.input_collation || column.type != item.type)) {
    return false;
  }
  return equal(column.expression, item.argument);
}

// The value of a measure in the table's rows; nullptr, with `why`, if it has none.
Node* MeasureOf(const List* columns, const Item& item, const char** why) {
  const auto read = [](const KnownColumn& column) {
    return reinterpret_cast<Node*>(
        makeVar(1, column.attribute, column.type, column.typmod, column.collation, 0));
  };
  for (const KnownColumn* column : Each<KnownColumn>(columns)) {
    if (item.aggregate != nullptr) {
      if (IsMeasureOfEvents(*column, item)) return read(*column);
      continue;
    }
    if (column->role == ColumnRole::kKey || !MergesAs(column->role, item.role) ||
        !equal(column->expression, item.argument)) {
      continue;
    }
    const bool ordered = item.role == ColumnRole::kMin || item.role == ColumnRole::kMax;
    if (ordered && OidIsValid(column->input_collation) &&
        column->input_collation != item.input_collation) {
      continue;
    }
    if (ordered && column->type != item.type) continue;
    if (equal(column->filter, item.filter)) return read(*column);
    if (column->filter != nullptr || item.filter == nullptr) continue;
    const char* ignored;
    if (Node* filter = Mapped(columns, item.filter, &ignored))
      return OnlyWhere(filter, read(*column));
  }
  // An extreme of keys, from the keys.
  const char* lacks;
  const bool extreme = item.role != ColumnRole::kSum && item.role != ColumnRole::kCount &&
                       item.role != ColumnRole::kHll && item.role != ColumnRole::kTopN;
  if (!extreme) {
    *why = "it lacks a measure";
    return nullptr;
  }
  Node* argument = Mapped(columns, item.argument, &lacks);
  Node* filter = item.filter == nullptr ? nullptr : Mapped(columns, item.filter, &lacks);
  if (argument != nullptr && (item.filter == nullptr || filter != nullptr)) {
    return OnlyWhere(filter, argument);
  }
  *why = "it lacks a measure";
  return nullptr;
}

double RowsOf(Oid relation) {
  HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relation));
  if (!HeapTupleIsValid(tuple)) return 0;
  double rows = reinterpret_cast<Form_pg_class>(GETSTRUCT(tuple))->reltuples;
  ReleaseSysCache(tuple);
  if (rows >= 0) return rows;
  // A partitioned table has no pages of its own.
  if (get_rel_relkind(relation) != RELKIND_RELATION) return std::numeric_limits<double>::max();
  Relation table = try_relation_open(relation, AccessShareLock);
  if (table == nullptr) return 0;
  rows = RelationGetNumberOfBlocks(table) * kRowsPerPage;
  relation_close(table, NoLock);
  return rows;
}

// How the table has the bucket that was asked for: the column itself, or a cut of it.
void FindBucket(const Question& question, Fit* fit) {
  for (const KnownColumn* column : Each<KnownColumn>(fit->columns)) {
    if (column->role != ColumnRole::kKey || !column->exact || column->expression == nullptr)
      continue;
    const FuncExpr* cut = AsCut(column->expression);
    const auto* time =
        reinterpret_cast<const Var*>(cut == nullptr ? column->expression : TimeOf(cut));
    if (!IsA(time, Var) || time->varattno != question.rollup->bucket) continue;
    if (cut != nullptr && (!KeepsOrder(cut) || column->type != time->vartype)) continue;
    // The narrowest that it has.
    if (fit->bucket != nullptr &&
        (cut != nullptr && (fit->cut == nullptr || Divides(fit->cut, cut)))) {
      continue;
    }
    fit->bucket = reinterpret_cast<Node*>(
        makeVar(1, column->attribute, column->type, column->typmod, column->collation, 0));
    fit->cut = cut;
  }
}

// What the table of `rollup` gives; nullptr, with `why`, if that is not all that is needed.
Fit* MakeFit(const Question& question, const KnownRollup* rollup, List* columns, const char** why) {
  auto* fit = static_cast<Fit*>(palloc0(sizeof(Fit)));
  fit->rollup = rollup;
  fit->columns = columns;
  for (const Item* item : Each<Item>(question.items)) {
    Node* value =
        item->key != nullptr ? Mapped(columns, item->key, why) : MeasureOf(columns, *item, why);
    if (value == nullptr) return nullptr;
    fit->values = lappend(fit->values, value);
  }
  if (!MapAll(columns, question.conditions, &fit->conditions, why)) return nullptr;
  FindBucket(question, fit);
  if (rollup != nullptr) fit->rows = RowsOf(rollup->relation);
  return fit;
}

// What events give for a question to them: each aggregate over those of a group.
Fit* FitOfEvents(const Question& question) {
  auto* fit = static_cast<Fit*>(palloc0(sizeof(Fit)));
  fit->rollup = question.rollup;
  fit->columns = question.rollup->columns;
  for (const Item* item : Each<Item>(question.items)) {
    fit->values = lappend(
        fit->values, item->key != nullptr ? item->key : reinterpret_cast<Node*>(item->aggregate));
  }
  fit->conditions = question.conditions;
  const KnownColumn* time = ColumnAt(fit->columns, question.rollup->bucket);
  if (time != nullptr) {
    fit->bucket = reinterpret_cast<Node*>(
        makeVar(1, time->attribute, time->type, time->typmod, time->collation, 0));
  }
  fit->rows = RowsOf(question.rollup->relation);
  return fit;
}

bool IsOfEvents(const Fit& fit) { return fit.rollup != nullptr && fit.rollup->is_events; }

// The question's conditions that a summary's own WHERE may follow from.
List* AllConditions(const Question& question) {
  List* conditions = list_copy(question.conditions);
  for (const Bound* bound : {question.lower, question.upper}) {
    if (bound != nullptr) conditions = lappend(conditions, bound->condition);
  }
  return conditions;
}

// -- Conditions of time

Node* MakeComparison(int strategy, Node* left, Node* right) {
  const Oid type = exprType(left);
  const Oid family = get_opclass_family(GetDefaultOpClass(type, BTREE_AM_OID));
  const Oid operation = get_opfamily_member(family, type, type, static_cast<int16>(strategy));
  return reinterpret_cast<Node*>(
      make_opclause(operation, BOOLOID, false, reinterpret_cast<Expr*>(left),
                    reinterpret_cast<Expr*>(right), InvalidOid, InvalidOid));
}

// The bound, for another expression in place of the bucket.
Node* AsAsked(const Bound& bound, Node* time) {
  auto* condition = CopyNode(bound.condition);
  linitial(condition->args) = CopyNode(time);
  return reinterpret_cast<Node*>(condition);
}

// The value of a bound, in the type of the time that it bounds.
Node* ValueAs(const Bound& bound, Oid type) {
  Node* value = CopyNode(bound.value);
  if (exprType(value) == type) return value;
  return coerce_to_target_type(nullptr, value, exprType(value), type, -1, COERCION_EXPLICIT,
                               COERCE_IMPLICIT_CAST, -1);
}

Node* Extreme(MinMaxOp which, List* values) {
  if (list_length(values) == 1) return static_cast<Node*>(linitial(values));
  MinMaxExpr* extreme = makeNode(MinMaxExpr);
  extreme->minmaxtype = exprType(static_cast<Node*>(linitial(values)));
  extreme->op = which;
  extreme->args = values;
  extreme->location = -1;
  return reinterpret_cast<Node*>(extreme);
}

// The start of the bucket in which the span ends: no bucket from there on is in it altogether.
Node* CutEnd(const FuncExpr* cut, const List* uppers) {
  List* values = NIL;
  for (const Bound* bound : Each<Bound>(uppers)) {
    values = lappend(values, CutTime(cut, ValueAs(*bound, exprType(TimeOf(cut)))));
  }
  return Extreme(IS_LEAST, values);
}

// A time and a number of microseconds.
Node* Later(Node* time, int64 microseconds) {
  auto* interval = static_cast<Interval*>(palloc0(sizeof(Interval)));
  interval->time = microseconds;
  auto* length = reinterpret_cast<Node*>(makeConst(INTERVALOID, -1, InvalidOid, sizeof(Interval),
                                                   IntervalPGetDatum(interval), false, false));
  const Oid type = exprType(time);
  const Oid sum = type == TIMESTAMPTZOID ? F_TIMESTAMPTZ_PL_INTERVAL : F_TIMESTAMP_PL_INTERVAL;
  return reinterpret_cast<Node*>(makeFuncExpr(sum, type, list_make2(time, length), InvalidOid,
                                              InvalidOid, COERCE_EXPLICIT_CALL));
}

// Whether all of the bucket that starts at `start` meets the lower bound. `cut`: nullptr for a
// bucket as it was asked for.
Node* BeginsInSpan(const Bound& lower, const FuncExpr* cut, Node* start) {
  if (cut == nullptr || !MayStartLate(cut)) return AsAsked(lower, start);
  // It is after the bucket of the last time that does not meet the bound.
  Node* last = ValueAs(lower, exprType(start));
  if (!lower.strict) last = Later(last, -1);
  return MakeComparison(BTGreaterStrategyNumber, CopyNode(start), CutTime(cut, last));
}

// That a time, or all of the bucket that starts then, is not before the span.
List* FromStart(const List* lowers, const FuncExpr* cut, Node* time, bool whole_too) {
  List* conditions = NIL;
  for (const Bound* bound : Each<Bound>(lowers)) {
    if (bound->is_whole && !whole_too) continue;
    conditions = lappend(conditions, BeginsInSpan(*bound, cut, time));
  }
  return conditions;
}

Node* Negated(List* conditions) {
  return reinterpret_cast<Node*>(
      make_notclause(reinterpret_cast<Expr*>(make_ands_explicit(conditions))));
}

// bucket <= start + the longest bucket: follows from the buckets that the start cuts through.
Node* NotMuchAfter(const List* lowers, Node* bucket, const FuncExpr* cut) {
  List* values = NIL;
  for (const Bound* bound : Each<Bound>(lowers)) {
    values = lappend(values, ValueAs(*bound, exprType(bucket)));
  }
  return MakeComparison(BTLessEqualStrategyNumber, CopyNode(bucket),
                        Later(Extreme(IS_GREATEST, values), LongestBucket(cut)));
}

// A table that is read for a part of the span, and the conditions that make up the part.
struct Part {
  const Fit* fit;
  List* conditions;
};

List* AddPart(List* parts, const Fit* fit, List* conditions) {
  auto* part = static_cast<Part*>(palloc(sizeof(Part)));
  *part = {fit, conditions};
  return lappend(parts, part);
}

Node* CutBucket(const Fit& fit, const FuncExpr* cut) {
  // Wider buckets of the same time: a bucket of this table is in one of them.
  return CutTime(cut, CopyNode(fit.bucket));
}

// The bounds as conditions on the rows of a table, for its whole share of the span. Wide buckets
// must be in the span altogether; a narrow one is its start.
List* InSpan(const Ends& ends, const Fit& fit) {
  List* conditions = FromStart(ends.lowers, fit.cut, fit.bucket, !IsOfEvents(fit));
  if (fit.cut != nullptr) {
    if (ends.uppers == NIL) return conditions;
    return lappend(conditions, MakeComparison(BTLessStrategyNumber, CopyNode(fit.bucket),
                                              CutEnd(fit.cut, ends.uppers)));
  }
  for (const Bound* bound : Each<Bound>(ends.uppers)) {
    if (bound->is_whole && IsOfEvents(fit)) continue;
    conditions = lappend(conditions, AsAsked(*bound, fit.bucket));
  }
  return conditions;
}

// The bucket is in the wide one that the upper bound cuts through, or after it.
List* NotInWhole(const Ends& ends, const Fit& fit, const FuncExpr* wider) {
  Node* end = CutEnd(wider, ends.uppers);
  if (!MayStartLate(wider)) {
    return list_make1(MakeComparison(BTGreaterEqualStrategyNumber, CopyNode(fit.bucket), end));
  }
  // The first condition follows from the second, and can use an index.
  return list_make2(MakeComparison(BTGreaterEqualStrategyNumber, CopyNode(fit.bucket),
                                   Later(CopyNode(end), -USECS_PER_DAY)),
                    MakeComparison(BTGreaterEqualStrategyNumber, CutBucket(fit, wider), end));
}

// The parts of a span, from the widest buckets to the narrowest. `levels` (Fit*) has each table's
// buckets divide those of the one before. What a level does not cover is at the two ends:
//
//   lower              cut(lower)+1           cut(upper)      upper
//     |---- narrow ----|-------- wide --------|----- narrow ----|
List* TakeSpanApart(const Ends& ends, const List* levels) {
  List* parts = NIL;
  const FuncExpr* wider = nullptr;
  for (const Fit* fit : Each<Fit>(levels)) {
    if (wider == nullptr) {
      parts = AddPart(parts, fit, InSpan(ends, *fit));
    } else {
      if (ends.lowers != NIL) {
        // Its wide bucket begins before the span.
        List* conditions = InSpan(ends, *fit);
        conditions = lappend(conditions, NotMuchAfter(ends.lowers, fit->bucket, wider));
        conditions = lappend(conditions,
                             Negated(FromStart(ends.lowers, wider, CutBucket(*fit, wider), true)));
        parts = AddPart(parts, fit, conditions);
      }
      if (ends.uppers != NIL) {
        // Its wide bucket ends after the span, and does not begin before it.
        List* conditions = list_concat(InSpan(ends, *fit), NotInWhole(ends, *fit, wider));
        conditions =
            list_concat(conditions, FromStart(ends.lowers, wider, CutBucket(*fit, wider), true));
        parts = AddPart(parts, fit, conditions);
      }
    }
    wider = fit->cut;
  }
  return parts;
}

// The length of the span in microseconds, as far as it can be told now: infinite if an end is open,
// -1 if it is not known.
double LengthOfSpan(const Ends& ends, ParamListInfo parameters) {
  PlannerInfo* root = makeNode(PlannerInfo);
  root->glob = makeNode(PlannerGlobal);
  root->glob->boundParams = parameters;
  double times[2];
  int known = 0;
  for (const List* bounds : {ends.lowers, ends.uppers}) {
    if (bounds == NIL) return std::numeric_limits<double>::infinity();
    const auto* bound = static_cast<Bound*>(linitial(bounds));
    Node* value = estimate_expression_value(root, CopyNode(bound->value));
    if (!IsA(value, Const)) return -1;
    const auto* constant = reinterpret_cast<Const*>(value);
    if (constant->constisnull) return 0;
    if (constant->consttype == DATEOID) {
      times[known++] = static_cast<double>(DatumGetDateADT(constant->constvalue)) * USECS_PER_DAY;
    } else if (constant->consttype == TIMESTAMPTZOID || constant->consttype == TIMESTAMPOID) {
      times[known++] = static_cast<double>(DatumGetTimestamp(constant->constvalue));
    } else {
      return -1;
    }
  }
  return times[1] - times[0];
}

// -- Choice

const Fit* FewestRows(const List* fits, bool (*may)(const Fit&)) {
  const Fit* best = nullptr;
  for (const Fit* fit : Each<Fit>(fits)) {
    if (may(*fit) && (best == nullptr || fit->rows < best->rows)) best = fit;
  }
  return best;
}

bool HasBucket(const Fit& fit) { return fit.bucket != nullptr && fit.cut == nullptr; }
bool HasAll(const Fit&) { return true; }

// Tables with wider and wider buckets, each with far fewer rows than the one before; the widest
// first. `narrow` is the last.
List* ChooseLevels(const Ends& ends, const List* fits, const Fit* narrow,
                   ParamListInfo parameters) {
  List* levels = list_make1(const_cast<Fit*>(narrow));
  const double length = LengthOfSpan(ends, parameters);
  for (;;) {
    const auto* above = static_cast<const Fit*>(linitial(levels));
    const Fit* best = nullptr;
    for (const Fit* fit : Each<Fit>(fits)) {
      if (fit->cut == nullptr) continue;
      if (above->cut != nullptr &&
          (!Divides(above->cut, fit->cut) || Divides(fit->cut, above->cut))) {
        continue;
      }
      const double worth = length < 0 ? kWorthASplitUnseen : kWorthASplit;
      if (fit->rows * worth > above->rows) continue;
      if (length >= 0 &&
          length < kFewestWideBuckets * static_cast<double>(LongestBucket(fit->cut))) {
        continue;
      }
      // The narrowest of those that are worth it comes next; a wider one may follow.
      if (best == nullptr || Divides(fit->cut, best->cut)) {
        if (best == nullptr || !Divides(best->cut, fit->cut) || fit->rows < best->rows) best = fit;
      }
    }
    if (best == nullptr) return levels;
    levels = lcons(const_cast<Fit*>(best), levels);
  }
}

// Locks the tables and makes sure that they are still what they were taken for.
bool HoldTables(const List* parts, List** used) {
  for (const Part* part : Each<Part>(parts)) {
    if (part->fit->rollup == nullptr) continue;
    if (!ConditionalLockRelationOid(part->fit->rollup->relation, AccessShareLock)) return false;
    if (IsOfEvents(*part->fit)) continue;
    *used = list_append_unique_ptr(*used, const_cast<KnownRollup*>(part->fit->rollup));
  }
  return KnownRollupsAreCurrent();
}

// -- The query

RangeTblEntry* TableEntry(const KnownRollup& rollup) {
  RangeTblEntry* entry = makeNode(RangeTblEntry);
  entry->rtekind = RTE_RELATION;
  entry->relid = rollup.relation;
  entry->relkind = get_rel_relkind(rollup.relation);
  entry->rellockmode = AccessShareLock;
  entry->inh = true;
  entry->inFromCl = true;
  // The lock is held.
  Relation table = relation_open(rollup.relation, NoLock);
  entry->eref = makeAlias(RelationGetRelationName(table), NIL);
  const TupleDesc columns = RelationGetDescr(table);
  for (int i = 0; i < columns->natts; ++i) {
    const FormData_pg_attribute* column = TupleDescAttr(columns, i);
    const char* name = column->attisdropped ? "" : NameStr(column->attname);
    entry->eref->colnames = lappend(entry->eref->colnames, makeString(pstrdup(name)));
  }
  relation_close(table, NoLock);
  return entry;
}

RangeTblEntry* SubqueryEntry(Query* query, const char* name) {
  RangeTblEntry* entry = makeNode(RangeTblEntry);
  entry->rtekind = RTE_SUBQUERY;
  entry->subquery = query;
  entry->alias = makeAlias(name, NIL);
  entry->eref = makeAlias(name, NIL);
  for (const TargetEntry* column : Each<TargetEntry>(query->targetList)) {
    entry->eref->colnames = lappend(entry->eref->colnames, makeString(pstrdup(column->resname)));
  }
  entry->inFromCl = true;
  return entry;
}

Query* MakeSelect(const Question& question) {
  Query* query = makeNode(Query);
  query->commandType = CMD_SELECT;
  query->querySource = question.query->querySource;
  query->canSetTag = true;
  query->hasRowSecurity = question.query->hasRowSecurity;
  return query;
}

RangeTblRef* Reference(int index) {
  RangeTblRef* reference = makeNode(RangeTblRef);
  reference->rtindex = index;
  return reference;
}

// Groups the events that a query selects by those of its columns that are keys.
void GroupByKeys(const Question& question, Query* query) {
  query->hasAggs = false;
  for (int i = 0; i < list_length(question.items); ++i) {
    auto* target = static_cast<TargetEntry*>(list_nth(query->targetList, i));
    if (static_cast<const Item*>(list_nth(question.items, i))->key == nullptr) {
      query->hasAggs = true;
      continue;
    }
    SortGroupClause* clause = makeNode(SortGroupClause);
    get_sort_group_operators(exprType(reinterpret_cast<Node*>(target->expr)), false, true, false,
                             &clause->sortop, &clause->eqop, nullptr, &clause->hashable);
    clause->tleSortGroupRef = target->ressortgroupref = static_cast<Index>(i + 1);
    query->groupClause = lappend(query->groupClause, clause);
  }
  query->hasSubLinks = checkExprHasSubLink(query->jointree->quals);
}

// The rows of one part. `tail` is the query of the events that are not in the table yet.
Query* SelectPart(const Question& question, const Part& part, const Query* tail) {
  Query* query = MakeSelect(question);
  if (part.fit->rollup != nullptr) {
    RangeTblEntry* entry = TableEntry(*part.fit->rollup);
    entry->securityQuals = CopyNode(part.fit->security);
    query->rtable = list_make1(entry);
    AskForNoRights(query, entry);
  } else {
    query->rtable = list_make1(SubqueryEntry(CopyNode(tail), "tail"));
    query->hasRowSecurity = tail->hasRowSecurity;
  }
  List* conditions = list_concat(CopyNode(part.fit->conditions), CopyNode(part.conditions));
  query->jointree = makeFromExpr(
      list_make1(Reference(1)),
      conditions == NIL ? nullptr : reinterpret_cast<Node*>(make_ands_explicit(conditions)));
  for (int i = 0; i < list_length(question.items); ++i) {
    const auto* item = static_cast<const Item*>(list_nth(question.items, i));
    Node* value = CopyNode(static_cast<Node*>(list_nth(part.fit->values, i)));
    if (exprType(value) != item->type) {
      value = coerce_to_target_type(nullptr, value, exprType(value), item->type, -1,
                                    COERCION_EXPLICIT, COERCE_IMPLICIT_CAST, -1);
      if (value == nullptr) elog(ERROR, "a part of the answer is of another type");
    }
    query->targetList = lappend(query->targetList, makeTargetEntry(reinterpret_cast<Expr*>(value),
                                                                   static_cast<AttrNumber>(i + 1),
                                                                   psprintf("c%d", i + 1), false));
  }
  if (IsOfEvents(*part.fit)) GroupByKeys(question, query);
  return query;
}

// a UNION ALL b UNION ALL ...
Query* UnionAll(const Question& question, const List* queries) {
  if (list_length(queries) == 1) return static_cast<Query*>(linitial(queries));
  Query* query = MakeSelect(question);
  query->jointree = makeFromExpr(NIL, nullptr);
  Node* tree = nullptr;
  for (auto* each : Each<Query>(queries)) {
    query->rtable = lappend(
        query->rtable, SubqueryEntry(each, psprintf("part_%d", list_length(query->rtable) + 1)));
    auto* leaf = reinterpret_cast<Node*>(Reference(list_length(query->rtable)));
    if (tree == nullptr) {
      tree = leaf;
      continue;
    }
    SetOperationStmt* both = makeNode(SetOperationStmt);
    both->op = SETOP_UNION;
    both->all = true;
    both->larg = tree;
    both->rarg = leaf;
    for (const Item* item : Each<Item>(question.items)) {
      both->colTypes = lappend_oid(both->colTypes, item->type);
      both->colTypmods = lappend_int(both->colTypmods, item->typmod);
      both->colCollations = lappend_oid(both->colCollations, item->collation);
    }
    tree = reinterpret_cast<Node*>(both);
  }
  query->setOperations = tree;
  int number = 0;
  for (const Item* item : Each<Item>(question.items)) {
    ++number;
    Var* column =
        makeVar(1, static_cast<AttrNumber>(number), item->type, item->typmod, item->collation, 0);
    query->targetList = lappend(query->targetList, makeTargetEntry(reinterpret_cast<Expr*>(column),
                                                                   static_cast<AttrNumber>(number),
                                                                   psprintf("c%d", number), false));
  }
  return query;
}

// -- Live views

// The parts of a live view's query: what reads the table, and what reads the events that are not in
// it yet. False if the view does not have the form that we give it.
bool OpenLiveView(const Question& question, const RangeTblEntry** table, const Query** inside,
                  Query** tail) {
  const List* from = question.live->jointree->fromlist;
  if (list_length(from) != 1 || !IsA(linitial(from), RangeTblRef)) return false;
  const RangeTblEntry* rows =
      rt_fetch(static_cast<RangeTblRef*>(linitial(from))->rtindex, question.live->rtable);
  if (rows->rtekind != RTE_SUBQUERY || rows->subquery->setOperations == nullptr) return false;
  const auto* both = reinterpret_cast<SetOperationStmt*>(rows->subquery->setOperations);
  if (!IsA(both, SetOperationStmt) || both->op != SETOP_UNION || !both->all ||
      !IsA(both->larg, RangeTblRef) || !IsA(both->rarg, RangeTblRef)) {
    return false;
  }
  const auto read = [&](Node* side) {
    return rt_fetch(reinterpret_cast<RangeTblRef*>(side)->rtindex, rows->subquery->rtable)
        ->subquery;
  };
  *inside = read(both->larg);
  *tail = read(both->rarg);
  if (*inside == nullptr || *tail == nullptr) return false;
  const List* tables = (*inside)->jointree->fromlist;
  if (list_length(tables) != 1 || !IsA(linitial(tables), RangeTblRef) ||
      (*inside)->jointree->quals != nullptr) {
    return false;
  }
  *table = rt_fetch(static_cast<RangeTblRef*>(linitial(tables))->rtindex, (*inside)->rtable);
  return (*table)->rtekind == RTE_RELATION && (*table)->relid == question.rollup->relation;
}

// The columns of the tail's query, found by their names.
List* ColumnsOfTail(const Question& question, const Query* tail) {
  List* columns = NIL;
  for (const KnownColumn* column : Each<KnownColumn>(question.rollup->columns)) {
    const char* name = get_attname(question.rollup->relation, column->attribute, false);
    for (const TargetEntry* entry : Each<TargetEntry>(tail->targetList)) {
      if (entry->resjunk || strcmp(entry->resname, name) != 0) continue;
      auto* copy = static_cast<KnownColumn*>(palloc(sizeof(KnownColumn)));
      // As it is for the table: where a row of each has the same key, the live view shows one.
      *copy = *column;
      copy->filter = nullptr;
      copy->expression = reinterpret_cast<Node*>(
          makeVar(1, column->attribute, column->type, column->typmod, column->collation, 0));
      copy->attribute = entry->resno;
      columns = lappend(columns, copy);
    }
  }
  return columns;
}

// The rollup's own columns, as a table that may answer.
List* OwnColumns(const Question& question) {
  List* columns = NIL;
  for (const KnownColumn* column : Each<KnownColumn>(question.rollup->columns)) {
    auto* copy = static_cast<KnownColumn*>(palloc(sizeof(KnownColumn)));
    *copy = *column;
    copy->filter = nullptr;
    copy->exact |= question.live == nullptr;
    copy->expression = reinterpret_cast<Node*>(
        makeVar(1, column->attribute, column->type, column->typmod, column->collation, 0));
    columns = lappend(columns, copy);
  }
  return columns;
}

// The conditions of row security, over the rollup's columns, as of table 1.
List* SecurityOf(const RangeTblEntry* entry, int index, const char** why) {
  List* conditions = CopyNode(entry->securityQuals);
  ChangeVarNodes(reinterpret_cast<Node*>(conditions), index, 1, 0);
  if (conditions != NIL && (checkExprHasSubLink(reinterpret_cast<Node*>(conditions)) ||
                            contain_volatile_functions(reinterpret_cast<Node*>(conditions)))) {
    *why = "row security has a subquery";
  }
  return conditions;
}

// The types that the parts have in common. False if there are none.
bool SettleTypes(Question* question, const List* parts) {
  for (int i = 0; i < list_length(question->items); ++i) {
    auto* item = static_cast<Item*>(list_nth(question->items, i));
    Oid common = InvalidOid;
    bool numbers = true;
    for (const Part* part : Each<Part>(parts)) {
      const Oid type = exprType(static_cast<Node*>(list_nth(part->fit->values, i)));
      numbers &= type == INT2OID || type == INT4OID || type == INT8OID || type == NUMERICOID;
      common = !OidIsValid(common) || common == type ? type : numbers ? NUMERICOID : InvalidOid;
      if (!OidIsValid(common)) return false;
    }
    const bool adds = item->role == ColumnRole::kSum || item->role == ColumnRole::kCount;
    if (item->key != nullptr || !adds) {
      if (common != item->type) return false;
      continue;
    }
    if (common != item->type) item->typmod = -1;
    item->type = common;
  }
  return true;
}

// -- Questions to events

// The times between which all partitions are there, as bounds for tables made of events; without
// these, rollups would answer with events that retention has dropped. Returns why that cannot be
// told, or nullptr.
const char* BoundByPartitions(const Question& question, const Fit& own, Ends* ends) {
  const Oid source = question.rollup->relation;
  if (rewrite_dropped_events || get_rel_relkind(source) != RELKIND_PARTITIONED_TABLE)
    return nullptr;
  constexpr const char* kUnknown = "it cannot be told which events were dropped";
  if (own.bucket == nullptr) return kUnknown;
  Relation table = relation_open(source, NoLock);
  const PartitionKey key = RelationGetPartitionKey(table);
  const PartitionDesc partitions = RelationGetPartitionDesc(table, true);
  const PartitionBoundInfo bounds = partitions->boundinfo;
  bool known = key->strategy == PARTITION_STRATEGY_RANGE && key->partnatts == 1 &&
               key->partattrs[0] == question.rollup->bucket && bounds != nullptr &&
               bounds->ndatums > 0;
  for (int i = 0; known && i < partitions->nparts; ++i) known = partitions->is_leaf[i];
  int low = known ? bounds->ndatums - 1 : 0;
  if (known) {
    // Range i ends at bound i. Down from the last, as long as there is no gap.
    while (low > 0 && bounds->indexes[low] >= 0) --low;
    const auto add = [&](int i, int strategy, List** list) {
      if (bounds->kind[i][0] != PARTITION_RANGE_DATUM_VALUE) return;
      const auto* time = reinterpret_cast<const Var*>(own.bucket);
      auto* bound = static_cast<Bound*>(palloc(sizeof(Bound)));
      bound->value = reinterpret_cast<Node*>(makeConst(
          time->vartype, -1, InvalidOid, sizeof(TimestampTz), bounds->datums[i][0], false, true));
      bound->condition = reinterpret_cast<OpExpr*>(
          MakeComparison(strategy, CopyNode(own.bucket), CopyNode(bound->value)));
      bound->strict = false;
      bound->is_whole = true;
      *list = lappend(*list, bound);
    };
    add(low, BTGreaterEqualStrategyNumber, &ends->lowers);
    add(bounds->ndatums - 1, BTLessStrategyNumber, &ends->uppers);
  }
  relation_close(table, NoLock);
  return known ? nullptr : kUnknown;
}

// That an event is not in the tables of a root yet.
Node* IsBehind(const Question& question, Oid root) {
  const KnownColumn* id = ColumnAt(question.rollup->columns, question.rollup->id);
  const char* sql = psprintf(
      "SELECT (SELECT COALESCE((SELECT w.position FROM millrace.watermark w WHERE w.relation "
      "OPERATOR(pg_catalog.=) %u::pg_catalog.oid::pg_catalog.regclass AND w.node_group "
      "OPERATOR(pg_catalog.=) 0), millrace.no_watermark(%u::pg_catalog.oid::pg_catalog.regclass)))",
      root, root);
  auto* statement = static_cast<RawStmt*>(linitial(raw_parser(sql, RAW_PARSE_DEFAULT)));
  const Query* parsed = parse_analyze_fixedparams(statement, sql, nullptr, 0, nullptr);
  auto* watermark =
      reinterpret_cast<Node*>(static_cast<TargetEntry*>(linitial(parsed->targetList))->expr);
  const Oid above =
      get_opfamily_member(INTEGER_BTREE_FAM_OID, id->type, INT8OID, BTGreaterStrategyNumber);
  auto* column = makeVar(1, id->attribute, id->type, id->typmod, id->collation, 0);
  return reinterpret_cast<Node*>(
      make_opclause(above, BOOLOID, false, reinterpret_cast<Expr*>(column),
                    reinterpret_cast<Expr*>(watermark), InvalidOid, InvalidOid));
}

// The fits of one family.
List* OfRoot(const List* fits, Oid root) {
  List* some = NIL;
  for (auto* fit : Each<Fit>(fits)) {
    if (fit->rollup->root == root) some = lappend(some, fit);
  }
  return some;
}

// The parts of an answer about events: tables of one family, events at the ends of the span, and
// events that are not in the tables yet. NIL if no tables are worth it.
List* PartsWithEvents(const Question& question, const Ends& ends, Fit* own, const List* fits,
                      ParamListInfo parameters) {
  List* best = NIL;
  double fewest = own->rows;
  for (const Fit* each : Each<Fit>(fits)) {
    const List* family = OfRoot(fits, each->rollup->root);
    List* parts = NIL;
    List* covered = NIL;  // by the tables
    const Fit* widest;
    if (IsOpen(ends)) {
      widest = FewestRows(family, HasAll);
      parts = AddPart(NIL, widest, NIL);
    } else {
      const List* levels = ChooseLevels(ends, family, own, parameters);
      if (list_length(levels) == 1) continue;
      widest = static_cast<const Fit*>(linitial(levels));
      parts = TakeSpanApart(ends, levels);
      const auto* narrowest = static_cast<const Fit*>(list_nth(levels, list_length(levels) - 2));
      Node* bucket = CutBucket(*own, narrowest->cut);
      covered = FromStart(ends.lowers, narrowest->cut, bucket, true);
      if (ends.uppers != NIL) {
        covered = lappend(covered, MakeComparison(BTLessStrategyNumber, CopyNode(bucket),
                                                  CutEnd(narrowest->cut, ends.uppers)));
      }
      // Follows from the start of the bucket, and leaves partitions out.
      covered = list_concat(covered, InSpan(ends, *own));
    }
    if (widest->rows >= fewest) continue;
    fewest = widest->rows;
    covered = lappend(covered, IsBehind(question, each->rollup->root));
    best = AddPart(parts, own, covered);
  }
  return best;
}

// The types of the sketches that stand for count(DISTINCT), and how events make them.
bool SettleSketches(Question* question, const List* parts, Fit* own) {
  const Fit* first = static_cast<Part*>(linitial(parts))->fit;
  for (int i = 0; i < list_length(question->items); ++i) {
    auto* item = static_cast<Item*>(list_nth(question->items, i));
    if (item->key != nullptr || item->role != ColumnRole::kHll) continue;
    const auto* column = static_cast<const Var*>(list_nth(first->values, i));
    const KnownColumn* sketch =
        IsA(column, Var) ? ColumnAt(first->columns, column->varattno) : nullptr;
    if (sketch == nullptr || sketch->aggref == nullptr) return false;
    item->type = column->vartype;
    lfirst(list_nth_cell(own->values, i)) = CopyNode(sketch->aggref);
  }
  return true;
}

}  // namespace

Query* MakeAnswer(Question* question, ParamListInfo parameters, List** used) {
  const RangeTblEntry* target = rt_fetch(question->target, question->query->rtable);
  const bool of_events = question->rollup->is_events;
  int target_index = static_cast<int>(question->target);
  Query* tail = nullptr;
  if (question->live != nullptr) {
    const Query* inside;
    if (!OpenLiveView(*question, &target, &inside, &tail)) {
      question->why = "the live view was replaced";
      return nullptr;
    }
    target_index = static_cast<RangeTblRef*>(linitial(inside->jointree->fromlist))->rtindex;
  }
  const char* why = nullptr;
  const List* security = SecurityOf(target, target_index, &why);
  const RewriteMode mode = of_events ? rewrite_events : enable_rewrite;
  for (const Item* item : Each<Item>(question->items)) {
    if (IsApproximate(*item) && mode != RewriteMode::kApproximate) {
      why = of_events
                ? "a measure is approximate, and millrace.rewrite_events is not 'approximate'"
                : "a measure is approximate, and millrace.enable_rewrite is not 'approximate'";
    }
  }
  Ends ends = {question->lower == nullptr ? NIL : list_make1(question->lower),
               question->upper == nullptr ? NIL : list_make1(question->upper)};
  // What the asked table itself gives, and what each summary gives.
  Fit* own = nullptr;
  if (why == nullptr) {
    own = of_events ? FitOfEvents(*question)
                    : MakeFit(*question, question->rollup, OwnColumns(*question), &why);
  }
  if (own != nullptr && of_events) why = BoundByPartitions(*question, *own, &ends);
  if (why != nullptr || own == nullptr || (!IsOpen(ends) && own->bucket == nullptr)) {
    question->why = why != nullptr ? why : "its bucket is not known";
    return nullptr;
  }
  own->security = CopyNode(security);
  List* fits = NIL;
  const List* conditions = AllConditions(*question);
  why = of_events ? "no rollup over it has all that is asked for"
                  : "there is no smaller rollup over it";
  for (const Summary* summary : Each<Summary>(question->rollup->summaries)) {
    Fit* fit = MakeFit(*question, summary->rollup, summary->columns, &why);
    if (fit == nullptr) continue;
    if (!MapAll(summary->columns, security, &fit->security, &why)) continue;
    if (summary->where != NIL &&
        !predicate_implied_by(summary->where, CopyNode(conditions), false)) {
      why = "it leaves out rows by its WHERE";
      continue;
    }
    if (!IsOpen(ends) && fit->bucket == nullptr) {
      why = "it lacks the bucket";
      continue;
    }
    fits = lappend(fits, fit);
  }
  const bool any = fits != NIL;
  List* parts = NIL;
  if (of_events) {
    parts = PartsWithEvents(*question, ends, own, fits, parameters);
    if (parts != NIL && !SettleSketches(question, parts, own)) parts = NIL;
  } else {
    fits = lcons(own, fits);
    if (IsOpen(ends)) {
      parts = AddPart(NIL, FewestRows(fits, HasAll), NIL);
    } else {
      const Fit* narrow = FewestRows(fits, HasBucket);
      parts = TakeSpanApart(ends, ChooseLevels(ends, fits, narrow, parameters));
    }
    const bool itself = list_length(parts) == 1 && static_cast<Part*>(linitial(parts))->fit == own;
    if (tail == nullptr && itself) parts = NIL;
  }
  if (parts == NIL) {
    question->why = any ? "no rollup over it has fewer rows" : why;
    return nullptr;
  }
  if (tail != nullptr) {
    Fit* fit = MakeFit(*question, nullptr, ColumnsOfTail(*question, tail), &why);
    if (fit == nullptr || (!IsOpen(ends) && fit->bucket == nullptr)) {
      question->why = "the live view was replaced";
      return nullptr;
    }
    parts = AddPart(parts, fit, IsOpen(ends) ? NIL : InSpan(ends, *fit));
  }
  if (!SettleTypes(question, parts)) {
    question->why = "the rollups have a measure in different types";
    return nullptr;
  }
  if (!HoldTables(parts, used)) {
    question->why = "the rollups over it are being changed";
    return nullptr;
  }
  List* queries = NIL;
  for (const Part* part : Each<Part>(parts)) {
    queries = lappend(queries, SelectPart(*question, *part, tail));
  }
  return UnionAll(*question, queries);
}

}  // namespace millrace::pg
