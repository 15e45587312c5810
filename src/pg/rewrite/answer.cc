#include "pg/rewrite/answer.h"

#include <initializer_list>

#include "pg/base/guc.h"
#include "pg/base/list.h"
#include "pg/rewrite/cut.h"
#include "pg/rewrite/fit.h"
#include "pg/rewrite/items.h"
#include "pg/rewrite/select.h"
#include "pg/rewrite/span.h"

namespace millrace::pg {
namespace {

// Rows that are at least so many times fewer are worth a second table for the ends of a span.
constexpr double kWorthASplit = 3;
// A span of unknown length is taken apart if the wide buckets have so many times fewer rows.
constexpr double kWorthASplitUnseen = 8;
// A span of fewer wide buckets is not taken apart.
constexpr int kFewestWideBuckets = 3;

// The question's conditions that a summary's own WHERE may follow from.
List* AllConditions(const Question& question) {
  List* conditions = list_copy(question.conditions);
  for (const Bound* bound : {question.lower, question.upper}) {
    if (bound != nullptr) conditions = lappend(conditions, bound->condition);
  }
  return conditions;
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
  const Oid type = getBaseType(id->type);
  const Oid above =
      get_opfamily_member(INTEGER_BTREE_FAM_OID, type, INT8OID, BTGreaterStrategyNumber);
  auto* column =
      reinterpret_cast<Expr*>(makeVar(1, id->attribute, id->type, id->typmod, id->collation, 0));
  if (type != id->type) {
    column = reinterpret_cast<Expr*>(
        makeRelabelType(column, type, -1, InvalidOid, COERCE_IMPLICIT_CAST));
  }
  return reinterpret_cast<Node*>(make_opclause(
      above, BOOLOID, false, column, reinterpret_cast<Expr*>(watermark), InvalidOid, InvalidOid));
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
