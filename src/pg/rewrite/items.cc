#include "pg/rewrite/items.h"

#include "pg/base/list.h"
#include "pg/rewrite/keys.h"

namespace millrace::pg {
namespace {

bool SameItem(const Item& a, const Item& b) {
  if ((a.key == nullptr) != (b.key == nullptr)) return false;
  if (a.key != nullptr) return equal(a.key, b.key);
  return a.role == b.role && a.input_collation == b.input_collation &&
         equal(a.argument, b.argument) && equal(a.filter, b.filter);
}

// What an aggregate does with values that it may see merged.
bool FindRole(const Aggref* aggref, const KnownColumn* measure, ColumnRole* role) {
  if (aggref->aggfnoid >= FirstNormalObjectId) {
    if (measure == nullptr || measure->merge != aggref->aggfnoid) return false;
    *role = measure->role;
    return true;
  }
  const char* name = get_func_name(aggref->aggfnoid);
  if (name == nullptr) return false;
  static constexpr struct {
    const char* name;
    ColumnRole role;
  } kRoles[] = {{"sum", ColumnRole::kSum},       {"min", ColumnRole::kMin},
                {"max", ColumnRole::kMax},       {"bool_and", ColumnRole::kBoolAnd},
                {"every", ColumnRole::kBoolAnd}, {"bool_or", ColumnRole::kBoolOr}};
  for (const auto& known : kRoles) {
    if (strcmp(name, known.name) == 0) {
      *role = known.role;
      return true;
    }
  }
  return false;
}

bool MergesItself(ColumnRole column, ColumnRole aggregate) {
  return column == aggregate || (column == ColumnRole::kCount && aggregate == ColumnRole::kSum);
}

Node* OnlyArgument(const Aggref* aggref) {
  if (list_length(aggref->args) != 1) return nullptr;
  return reinterpret_cast<Node*>(static_cast<TargetEntry*>(linitial(aggref->args))->expr);
}

// The item of an aggregate over events. False if rollups do not keep it.
bool FindAggregateOfEvents(const Question& question, const Aggref* aggref, Item* item) {
  if (aggref->aggorder != NIL || aggref->aggkind != AGGKIND_NORMAL || aggref->aggvariadic ||
      aggref->aggfnoid >= FirstNormalObjectId) {
    return false;
  }
  auto* filter = reinterpret_cast<Node*>(aggref->aggfilter);
  if (filter != nullptr && !IsOfKeys(question, filter)) return false;
  Node* argument = OnlyArgument(aggref);
  const bool counts = aggref->aggfnoid == F_COUNT_ || aggref->aggfnoid == F_COUNT_ANY;
  if (counts && argument != nullptr && IsA(argument, Const) && aggref->aggdistinct == NIL &&
      !reinterpret_cast<Const*>(argument)->constisnull) {
    argument = nullptr;  // count(1)
  } else if (argument != nullptr ? !IsOfKeys(question, argument) : !aggref->aggstar) {
    return false;
  }
  *item = {};
  if (counts) {
    // A row of NULLs that an outer join adds counts too.
    if (argument == nullptr && question.nullable) return false;
    item->role = aggref->aggdistinct != NIL ? ColumnRole::kHll : ColumnRole::kCount;
  } else if (aggref->aggdistinct != NIL || !FindRole(aggref, nullptr, &item->role)) {
    return false;
  }
  if (question.nullable && argument != nullptr && !IsA(argument, Var)) return false;
  item->argument = argument == nullptr ? nullptr : Normalized(question, argument);
  item->filter = filter == nullptr ? nullptr : Normalized(question, filter);
  item->input_collation = aggref->inputcollid;
  item->aggregate =
      reinterpret_cast<Aggref*>(OverRollup(question, reinterpret_cast<Node*>(CopyNode(aggref))));
  item->type = aggref->aggtype;
  item->typmod = -1;
  item->collation = aggref->aggcollid;
  return true;
}

// A call of the aggregate that merges values of a type.
Aggref* MakeMerge(const Aggref* aggref, Oid function, Var* column) {
  auto* merged = CopyNode(aggref);
  merged->aggfnoid = function;
  merged->aggtype = get_func_rettype(function);
  merged->aggcollid = InvalidOid;
  merged->inputcollid = InvalidOid;
  merged->aggargtypes = list_make1_oid(column->vartype);
  merged->args = list_make1(makeTargetEntry(reinterpret_cast<Expr*>(column), 1, nullptr, false));
  merged->aggdistinct = NIL;
  merged->aggstar = false;
  merged->aggfilter = nullptr;
  return merged;
}

Node* OrZero(Node* count) {
  CoalesceExpr* coalesce = makeNode(CoalesceExpr);
  coalesce->coalescetype = INT8OID;
  coalesce->args = list_make2(count, makeConst(INT8OID, -1, InvalidOid, sizeof(int64),
                                               Int64GetDatum(0), false, FLOAT8PASSBYVAL));
  coalesce->location = -1;
  return reinterpret_cast<Node*>(coalesce);
}

// A function of the schema in which the type's other functions are.
Oid SketchFunction(Oid type, const char* name) {
  HeapTuple tuple = SearchSysCache1(TYPEOID, ObjectIdGetDatum(type));
  if (!HeapTupleIsValid(tuple)) elog(ERROR, "type %u is gone", type);
  char* schema = get_namespace_name(reinterpret_cast<Form_pg_type>(GETSTRUCT(tuple))->typnamespace);
  ReleaseSysCache(tuple);
  return LookupFuncName(list_make2(makeString(schema), makeString(pstrdup(name))), 1, &type, false);
}

// count over the counts of the answer, or over its sketches.
Node* MergeCounts(const Aggref* aggref, const Item& item, Var* column) {
  Node* count;
  if (item.role == ColumnRole::kHll) {
    const Oid type = column->vartype;
    auto* sketch = MakeMerge(aggref, SketchFunction(type, "hll_union_agg"), column);
    const Oid cardinality = SketchFunction(type, "hll_cardinality");
    FuncExpr* estimate = makeFuncExpr(cardinality, FLOAT8OID, list_make1(sketch), InvalidOid,
                                      InvalidOid, COERCE_EXPLICIT_CALL);
    count = coerce_to_target_type(nullptr, reinterpret_cast<Node*>(estimate), FLOAT8OID, INT8OID,
                                  -1, COERCION_EXPLICIT, COERCE_IMPLICIT_CAST, -1);
  } else {
    List* name = list_make2(makeString(pstrdup("pg_catalog")), makeString(pstrdup("sum")));
    auto* sum = MakeMerge(aggref, LookupFuncName(name, 1, &column->vartype, false), column);
    count = coerce_to_target_type(nullptr, reinterpret_cast<Node*>(sum), sum->aggtype, INT8OID, -1,
                                  COERCION_EXPLICIT, COERCE_IMPLICIT_CAST, -1);
  }
  return OrZero(count);
}

}  // namespace

Item KeyItem(const Question& question, Node* node) {
  Item item = {};
  item.key = Normalized(question, node);
  item.type = exprType(node);
  item.typmod = exprTypmod(node);
  item.collation = exprCollation(node);
  return item;
}

bool FindMeasure(const Question& question, const Aggref* aggref, Item* item) {
  if (question.rollup->is_events) return FindAggregateOfEvents(question, aggref, item);
  Node* argument = OnlyArgument(aggref);
  if (argument == nullptr || aggref->aggdistinct != NIL || aggref->aggorder != NIL ||
      aggref->aggkind != AGGKIND_NORMAL || aggref->aggvariadic) {
    return false;
  }
  auto* filter = reinterpret_cast<Node*>(aggref->aggfilter);
  if (filter != nullptr && !IsOfKeys(question, filter)) return false;
  const KnownColumn* measure = nullptr;
  if (IsTarget(question, argument)) {
    const AttrNumber number = reinterpret_cast<Var*>(argument)->varattno;
    if (number > 0) {
      measure = ColumnAt(question.rollup->columns,
                         question.live == nullptr ? number : question.attributes[number - 1]);
    }
  }
  *item = {};
  if (!FindRole(aggref, measure, &item->role)) return false;
  if (measure != nullptr && measure->role != ColumnRole::kKey) {
    if (!MergesItself(measure->role, item->role)) return false;
  } else {
    // The columns that an outer join makes NULL are not the arguments that a row below it has.
    const bool extreme = item->role != ColumnRole::kSum && item->role != ColumnRole::kCount;
    if (!extreme || !IsOfKeys(question, argument)) return false;
    if (question.nullable && !IsA(argument, Var)) return false;
  }
  item->argument = Normalized(question, argument);
  item->filter = filter == nullptr ? nullptr : Normalized(question, filter);
  item->input_collation = aggref->inputcollid;
  item->type = exprType(argument);
  item->typmod = exprTypmod(argument);
  item->collation = exprCollation(argument);
  return true;
}

void Need(Question* question, const Item& wanted) {
  for (const Item* item : Each<Item>(question->items)) {
    if (SameItem(*item, wanted)) return;
  }
  auto* item = static_cast<Item*>(palloc(sizeof(Item)));
  *item = wanted;
  question->items = lappend(question->items, item);
}

Var* AnswerColumn(const Question& question, const Item& wanted) {
  int number = 0;
  for (const Item* item : Each<Item>(question.items)) {
    ++number;
    if (!SameItem(*item, wanted)) continue;
    return makeVar(static_cast<int>(question.answer), static_cast<AttrNumber>(number), item->type,
                   item->typmod, item->collation, 0);
  }
  elog(ERROR, "the answer from a rollup lacks a column");
}

Node* MergeColumn(const Question& question, const Aggref* aggref, const Item& item) {
  if (item.aggregate != nullptr &&
      (item.role == ColumnRole::kCount || item.role == ColumnRole::kHll)) {
    return MergeCounts(aggref, item, AnswerColumn(question, item));
  }
  auto* merged = CopyNode(aggref);
  Var* column = AnswerColumn(question, item);
  auto* argument = static_cast<TargetEntry*>(linitial(merged->args));
  if (IsA(argument->expr, Var)) {
    CopyNullingRelations(column, reinterpret_cast<Var*>(argument->expr));
  }
  argument->expr = reinterpret_cast<Expr*>(column);
  if (column->vartype != linitial_oid(aggref->aggargtypes)) {
    List* name = list_make2(makeString(pstrdup("pg_catalog")), makeString(pstrdup("sum")));
    merged->aggfnoid = LookupFuncName(name, 1, &column->vartype, false);
    merged->aggtype = get_func_rettype(merged->aggfnoid);
    merged->aggargtypes = list_make1_oid(column->vartype);
  }
  if (merged->aggfilter != nullptr) {
    // The filter is below: what it refuses is NULL.
    NullTest* test = makeNode(NullTest);
    test->arg = reinterpret_cast<Expr*>(CopyNode(column));
    test->nulltesttype = IS_NOT_NULL;
    test->location = -1;
    merged->aggfilter = reinterpret_cast<Expr*>(test);
  }
  auto* node = reinterpret_cast<Node*>(merged);
  if (merged->aggtype == aggref->aggtype) return node;
  return coerce_to_target_type(nullptr, node, merged->aggtype, aggref->aggtype, -1,
                               COERCION_EXPLICIT, COERCE_IMPLICIT_CAST, -1);
}

bool IsApproximate(const Item& item) {
  if (item.key != nullptr) return false;
  if (item.role == ColumnRole::kTopN) return true;
  if (item.role == ColumnRole::kHll && item.aggregate != nullptr) return true;
  return item.role == ColumnRole::kSum && (item.type == FLOAT4OID || item.type == FLOAT8OID);
}

}  // namespace millrace::pg
