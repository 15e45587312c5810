#include "pg/rewrite/fit.h"

#include <limits>

#include "pg/base/list.h"
#include "pg/rewrite/cut.h"

namespace millrace::pg {
namespace {

// Of a table that was never analyzed: rows per page.
constexpr double kRowsPerPage = 40;

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

}  // namespace

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

namespace {

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

}  // namespace

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

}  // namespace millrace::pg
