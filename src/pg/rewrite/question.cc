#include "pg/rewrite/question.h"

#include "pg/base/list.h"
#include "pg/rollup/catalog/aggregates.h"

namespace millrace::pg {
namespace {

// Walks the expressions of the query. The same walk finds the items and, later, puts columns of the
// answer in their places.
struct Taker {
  Question* question;
  const List* grouped;  // the expressions that the query groups by
  // Whether only these, and what is below aggregates, may read the rollup.
  bool is_grouped;
  bool put;
};

Node* Take(Node* node, void* context);

Node* Refuse(Taker* taker, Node* node, const char* why) {
  if (taker->question->why == nullptr) taker->question->why = why;
  return node;
}

bool IsTarget(const Question& question, const Node* node) {
  return IsA(node, Var) &&
         reinterpret_cast<const Var*>(node)->varno == static_cast<int>(question.target) &&
         reinterpret_cast<const Var*>(node)->varlevelsup == 0;
}

// What an expression reads.
struct Reading {
  const Question* question;
  bool rollup;  // columns of the rollup
  bool others;  // anything else that may differ from row to row, or from call to call
  bool measures;
  int cases;  // how many expressions it is in whose parts refer to a value of theirs
};

bool Read(Node* node, void* context) {
  auto* reading = static_cast<Reading*>(context);
  if (node == nullptr) return false;
  if (IsTarget(*reading->question, node)) {
    reading->rollup = true;
    const AttrNumber number = reinterpret_cast<Var*>(node)->varattno;
    if (number <= 0) {
      reading->others = true;
      return false;
    }
    const AttrNumber attribute =
        reading->question->live == nullptr ? number : reading->question->attributes[number - 1];
    const KnownColumn* column = ColumnAt(reading->question->rollup->columns, attribute);
    if (column == nullptr || column->role != ColumnRole::kKey) reading->measures = true;
    return false;
  }
  if (IsA(node, Var) || IsA(node, Aggref) || IsA(node, WindowFunc) || IsA(node, SubLink) ||
      IsA(node, GroupingFunc) || IsA(node, Query) || IsA(node, CurrentOfExpr) ||
      IsA(node, NextValueExpr) || (IsA(node, CaseTestExpr) && reading->cases == 0) ||
      (IsA(node, Param) && reinterpret_cast<Param*>(node)->paramkind != PARAM_EXTERN)) {
    reading->others = true;
  }
  const bool is_case = IsA(node, CaseExpr) || IsA(node, ArrayCoerceExpr);
  reading->cases += is_case;
  (void)WalkExpressionTree(node, Read, context);
  reading->cases -= is_case;
  return false;
}

Reading ReadingOf(const Question& question, Node* node) {
  Reading reading = {&question, false, false, false, 0};
  Read(node, &reading);
  return reading;
}

// Whether a node stands for a value, and is not a part of another that does.
bool IsValue(const Node* node) {
  switch (nodeTag(node)) {
    case T_List:
    case T_TargetEntry:
    case T_SortGroupClause:
    case T_FromExpr:
    case T_JoinExpr:
    case T_RangeTblRef:
    case T_CaseWhen:
    case T_NamedArgExpr:
      return false;
    default:
      return true;
  }
}

// Whether the expression follows from the keys of a row of the rollup, and has at least one.
bool IsOfKeys(const Question& question, Node* node) {
  if (!IsValue(node)) return false;
  const Reading reading = ReadingOf(question, node);
  return reading.rollup && !reading.others && !reading.measures && !expression_returns_set(node) &&
         !contain_volatile_functions(node);
}

// The expression over the rollup's columns, as of table 1.
Node* Normalize(Node* node, void* context) {
  const auto* question = static_cast<const Question*>(context);
  if (node == nullptr) return nullptr;
  if (!IsTarget(*question, node)) return MutateExpressionTree(node, Normalize, context);
  auto* var = CopyNode(reinterpret_cast<Var*>(node));
  var->varno = 1;
  if (question->live != nullptr) var->varattno = question->attributes[var->varattno - 1];
  CopyNullingRelations(var, nullptr);
  return reinterpret_cast<Node*>(var);
}

Node* Normalized(const Question& question, Node* node) {
  return Simplified(Normalize(node, const_cast<Question*>(&question)));
}

bool SameItem(const Item& a, const Item& b) {
  if ((a.key == nullptr) != (b.key == nullptr)) return false;
  if (a.key != nullptr) return equal(a.key, b.key);
  return a.role == b.role && a.input_collation == b.input_collation &&
         equal(a.argument, b.argument) && equal(a.filter, b.filter);
}

// A column of the answer.
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

void Need(Question* question, const Item& wanted) {
  for (const Item* item : Each<Item>(question->items)) {
    if (SameItem(*item, wanted)) return;
  }
  auto* item = static_cast<Item*>(palloc(sizeof(Item)));
  *item = wanted;
  question->items = lappend(question->items, item);
}

Item KeyItem(const Question& question, Node* node) {
  Item item = {};
  item.key = Normalized(question, node);
  item.type = exprType(node);
  item.typmod = exprTypmod(node);
  item.collation = exprCollation(node);
  return item;
}

Node* TakeKey(Taker* taker, Node* node) {
  const Item item = KeyItem(*taker->question, node);
  if (!taker->put) {
    Need(taker->question, item);
    return node;
  }
  Var* column = AnswerColumn(*taker->question, item);
  if (IsA(node, Var)) CopyNullingRelations(column, reinterpret_cast<Var*>(node));
  return reinterpret_cast<Node*>(column);
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

// An aggregate that gives the same however often it sees a value.
bool IsIdempotent(const Aggref* aggref) {
  if (aggref->aggkind != AGGKIND_NORMAL) return false;
  if (aggref->aggdistinct != NIL) return true;
  if (aggref->aggorder != NIL) return false;
  const KnownAggregate* known = FindAggregate(aggref);
  return known != nullptr && known->idempotent;
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
  item->aggregate = reinterpret_cast<Aggref*>(
      Normalize(reinterpret_cast<Node*>(CopyNode(aggref)), const_cast<Question*>(&question)));
  item->type = aggref->aggtype;
  item->typmod = -1;
  item->collation = aggref->aggcollid;
  return true;
}

// The item of an aggregate that merges a measure, or takes an extreme of keys. False if it is none.
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

// The aggregate over the column of the answer, as the type that the query had before.
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

Node* TakeAggregate(Taker* taker, Aggref* aggref) {
  const Question& question = *taker->question;
  auto* node = reinterpret_cast<Node*>(aggref);
  Item item;
  if (FindMeasure(question, aggref, &item)) {
    if (taker->put) return MergeColumn(question, aggref, item);
    Need(taker->question, item);
    return node;
  }
  if (!IsIdempotent(aggref)) {
    return Refuse(taker, node,
                  aggref->aggstar
                      ? "it counts the rollup's rows"
                      : "it has an aggregate that does not merge the rollup's measures");
  }
  if (contain_volatile_functions(node)) {
    return Refuse(taker, node, "it aggregates a volatile expression");
  }
  // However many rows of a value there are, it gives the same.
  Taker below = *taker;
  below.is_grouped = false;
  below.grouped = NIL;
  return MutateExpressionTree(node, Take, &below);
}

Node* Take(Node* node, void* context) {
  auto* taker = static_cast<Taker*>(context);
  if (node == nullptr || taker->question->why != nullptr) return node;
  // That no subquery reads the rollup's columns was looked at before.
  if (IsA(node, Query)) return node;
  if (IsA(node, Aggref) && reinterpret_cast<Aggref*>(node)->agglevelsup == 0) {
    return TakeAggregate(taker, reinterpret_cast<Aggref*>(node));
  }
  if (taker->is_grouped) {
    if (list_member(taker->grouped, node)) {
      if (contain_volatile_functions(node)) {
        return Refuse(taker, node, "it groups by a volatile expression");
      }
      Taker below = *taker;
      below.is_grouped = false;
      return Take(node, &below);
    }
    if (IsTarget(*taker->question, node)) {
      return Refuse(taker, node, "it reads a column that it does not group by");
    }
    return MutateExpressionTree(node, Take, context);
  }
  // Below an outer join, only the columns themselves are the same.
  if ((!taker->question->nullable || IsA(node, Var)) && IsOfKeys(*taker->question, node)) {
    return TakeKey(taker, node);
  }
  if (IsTarget(*taker->question, node)) {
    return Refuse(taker, node, "it reads a measure other than through an aggregate that merges it");
  }
  return MutateExpressionTree(node, Take, context);
}

bool IsBucket(const Question& question, const Node* node) {
  if (question.rollup->bucket == InvalidAttrNumber || !IsA(node, Var)) return false;
  return reinterpret_cast<const Var*>(node)->varattno == question.rollup->bucket;
}

// Whether the ends of buckets near a constant are times too, and a date is one. Others are not
// taken for bounds.
bool IsOfOurAge(const Node* value) {
  const auto* constant = reinterpret_cast<const Const*>(value);
  if (!IsA(value, Const) || constant->constisnull) return true;
  constexpr double kDays = 100'000'000;      // from the year 2000: the last time is later than that
  constexpr double kDaysBefore = 2'440'000;  // the first time is 4714 BC
  double days;
  if (constant->consttype == DATEOID) {
    const DateADT date = DatumGetDateADT(constant->constvalue);
    if (DATE_NOT_FINITE(date)) return true;
    days = date;
  } else if (constant->consttype == TIMESTAMPTZOID || constant->consttype == TIMESTAMPOID) {
    const Timestamp time = DatumGetTimestamp(constant->constvalue);
    if (TIMESTAMP_NOT_FINITE(time)) return true;
    days = static_cast<double>(time) / USECS_PER_DAY;
  } else {
    return false;
  }
  return days < kDays && days > -kDaysBefore;
}

// bucket OPERATOR value, or the other way round; `condition` is normalized.
Bound* AsBound(const Question& question, Node* condition, bool* is_lower) {
  if (!IsA(condition, OpExpr)) return nullptr;
  auto* comparison = CopyNode(reinterpret_cast<OpExpr*>(condition));
  if (list_length(comparison->args) != 2) return nullptr;
  if (IsBucket(question, static_cast<Node*>(lsecond(comparison->args)))) {
    if (!OidIsValid(get_commutator(comparison->opno))) return nullptr;
    CommuteOpExpr(comparison);
  }
  auto* value = static_cast<Node*>(lsecond(comparison->args));
  if (!IsBucket(question, static_cast<Node*>(linitial(comparison->args))) ||
      contain_var_clause(value) || !IsOfOurAge(value)) {
    return nullptr;
  }
  const Oid type = exprType(static_cast<Node*>(linitial(comparison->args)));
  // The local times of two instants need not be in their order.
  if (exprType(value) == TIMESTAMPTZOID && type != TIMESTAMPTZOID) return nullptr;
  const Oid family = get_opclass_family(GetDefaultOpClass(type, BTREE_AM_OID));
  const int strategy = get_op_opfamily_strategy(comparison->opno, family);
  if (strategy == 0 || strategy == BTEqualStrategyNumber) return nullptr;
  auto* bound = static_cast<Bound*>(palloc(sizeof(Bound)));
  *is_lower = strategy == BTGreaterStrategyNumber || strategy == BTGreaterEqualStrategyNumber;
  *bound = {comparison, value,
            strategy == BTGreaterStrategyNumber || strategy == BTLessStrategyNumber, false};
  return bound;
}

// A condition of the rollup's keys alone goes to where the rows are read.
void AddCondition(Question* question, Node* condition) {
  Node* normalized = Normalized(*question, condition);
  bool is_lower;
  Bound* bound = AsBound(*question, normalized, &is_lower);
  Bound** place = is_lower ? &question->lower : &question->upper;
  if (bound != nullptr && *place == nullptr) {
    *place = bound;
  } else {
    question->conditions = lappend(question->conditions, normalized);
  }
}

// The conditions that are ANDed, also in BETWEEN.
void Split(Node* quals, List** conditions) {
  if (quals == nullptr) return;
  if (!is_andclause(quals)) {
    *conditions = lappend(*conditions, quals);
    return;
  }
  for (auto* each : Each<Node>(reinterpret_cast<BoolExpr*>(quals)->args)) Split(each, conditions);
}

// The WHERE of the query: what is of the rollup's keys alone leaves it.
Node* TakeWhere(Taker* taker, Node* quals) {
  if (taker->question->nullable) return Take(quals, taker);
  List *conditions = NIL, *left = NIL;
  Split(quals, &conditions);
  for (auto* each : Each<Node>(conditions)) {
    if (IsOfKeys(*taker->question, each)) {
      if (!taker->put) AddCondition(taker->question, each);
      continue;
    }
    left = lappend(left, Take(each, taker));
  }
  return left == NIL ? nullptr : reinterpret_cast<Node*>(make_ands_explicit(left));
}

void TakeJoins(Taker* taker, Node* node) {
  if (IsA(node, RangeTblRef)) {
    auto* reference = reinterpret_cast<RangeTblRef*>(node);
    const bool target = reference->rtindex == static_cast<int>(taker->question->target);
    if (taker->put && target) reference->rtindex = static_cast<int>(taker->question->answer);
    return;
  }
  Node** quals = IsA(node, FromExpr) ? &reinterpret_cast<FromExpr*>(node)->quals
                                     : &reinterpret_cast<JoinExpr*>(node)->quals;
  const bool is_where = node == reinterpret_cast<Node*>(taker->question->query->jointree);
  Node* taken = is_where ? TakeWhere(taker, *quals) : Take(*quals, taker);
  if (taker->put) *quals = taken;
  if (IsA(node, FromExpr)) {
    for (auto* each : Each<Node>(reinterpret_cast<FromExpr*>(node)->fromlist)) {
      TakeJoins(taker, each);
    }
    return;
  }
  TakeJoins(taker, reinterpret_cast<JoinExpr*>(node)->larg);
  TakeJoins(taker, reinterpret_cast<JoinExpr*>(node)->rarg);
}

List* GroupedExpressions(const Query* query) {
  List* expressions = NIL;
  for (const TargetEntry* entry : Each<TargetEntry>(query->targetList)) {
    for (const SortGroupClause* clause : Each<SortGroupClause>(query->groupClause)) {
      if (entry->ressortgroupref != 0 && clause->tleSortGroupRef == entry->ressortgroupref) {
        expressions = lappend(expressions, entry->expr);
      }
    }
  }
  return expressions;
}

void TakeQuery(Question* question, bool put) {
  Query* query = question->query;
  const bool is_grouped = query->hasAggs || query->groupClause != NIL ||
                          query->groupingSets != NIL || query->havingQual != nullptr;
  Taker rows = {question, NIL, false, put};
  Taker groups = {question, is_grouped ? GroupedExpressions(query) : NIL, is_grouped, put};
  auto* targets =
      reinterpret_cast<List*>(Take(reinterpret_cast<Node*>(query->targetList), &groups));
  Node* having = Take(query->havingQual, &groups);
  if (put) {
    query->targetList = targets;
    query->havingQual = having;
  }
  // From 18 on, the query refers to these.
  if (List** expressions = GroupEntryExpressions(query)) {
    auto* taken = reinterpret_cast<List*>(Take(reinterpret_cast<Node*>(*expressions), &rows));
    if (put) *expressions = taken;
  }
  TakeJoins(&rows, reinterpret_cast<Node*>(query->jointree));
}

// Whether something below a subquery of the query reads the rollup's columns, or may do so through
// a column of a join.
struct Below {
  const Question* question;
  int depth;
};

bool ReadsFromBelow(Node* node, void* context) {
  auto* below = static_cast<Below*>(context);
  if (node == nullptr) return false;
  if (IsA(node, Var)) {
    const auto* var = reinterpret_cast<Var*>(node);
    if (below->depth == 0 || static_cast<int>(var->varlevelsup) != below->depth) return false;
    return var->varno == static_cast<int>(below->question->target) ||
           rt_fetch(var->varno, below->question->query->rtable)->rtekind == RTE_JOIN;
  }
  if (IsA(node, Query)) {
    ++below->depth;
    const bool found = WalkQueryTree(reinterpret_cast<Query*>(node), ReadsFromBelow, context, 0);
    --below->depth;
    return found;
  }
  return WalkExpressionTree(node, ReadsFromBelow, context);
}

// Whether the column of a join may be a column of the rollup, perhaps through another join.
bool ReadsTargetOrJoin(const Question& question, Node* column) {
  for (const Node* node : Each<Node>(pull_var_clause(column, 0))) {
    const auto* var = reinterpret_cast<const Var*>(node);
    if (IsTarget(question, node)) return true;
    if (rt_fetch(var->varno, question.query->rtable)->rtekind == RTE_JOIN) return true;
  }
  return false;
}

// Replaces columns of joins by the columns that they are. Sets `why` for those that may be either
// of two, or NULL.
Node* OpenJoins(Node* node, void* context) {
  auto* question = static_cast<Question*>(context);
  if (node == nullptr) return nullptr;
  if (IsA(node, Query)) return node;
  if (!IsA(node, Var)) return MutateExpressionTree(node, OpenJoins, context);
  const auto* var = reinterpret_cast<Var*>(node);
  if (var->varlevelsup != 0) return node;
  const RangeTblEntry* entry = rt_fetch(var->varno, question->query->rtable);
  if (entry->rtekind != RTE_JOIN) return node;
  if (var->varattno <= 0) {
    question->why = "it reads whole rows of a join";
    return node;
  }
  auto* column = static_cast<Node*>(list_nth(entry->joinaliasvars, var->varattno - 1));
  if (entry->jointype != JOIN_INNER || !IsA(column, Var) || question->nullable) {
    if (ReadsTargetOrJoin(*question, column))
      question->why = "it reads a column that a join has merged";
    return node;
  }
  return OpenJoins(CopyNode(column), context);
}

// What is left in the list of a join's columns is read by nobody.
Node* ForgetTarget(Node* node, void* context) {
  if (node == nullptr) return nullptr;
  if (!IsTarget(*static_cast<Question*>(context), node)) {
    return MutateExpressionTree(node, ForgetTarget, context);
  }
  const auto* var = reinterpret_cast<Var*>(node);
  return reinterpret_cast<Node*>(makeNullConst(var->vartype, var->vartypmod, var->varcollid));
}

const char* LookAtClauses(const Question& question) {
  Query* query = question.query;
  if (query->rowMarks != NIL) return "it locks rows";
  if (query->setOperations != nullptr) return "it is a UNION or the like";
  const bool is_grouped = query->hasAggs || query->groupClause != NIL;
  if (!is_grouped && query->distinctClause == NIL) return "it does not group";
  if (!is_grouped && query->hasWindowFuncs) return "it has window functions over the rows";
  if (contain_volatile_functions(reinterpret_cast<Node*>(query->jointree))) {
    return "its condition is volatile";
  }
  if (!is_grouped && contain_volatile_functions(reinterpret_cast<Node*>(query->targetList))) {
    return "it groups by a volatile expression";
  }
  // A subquery is looked at below. Rows of functions, say, would have to be made for each row.
  for (const RangeTblEntry* entry : Each<RangeTblEntry>(query->rtable)) {
    if (entry->lateral && entry->rtekind != RTE_SUBQUERY) {
      return "a function in its FROM reads columns of the tables before";
    }
  }
  Below below = {&question, 0};
  if (WalkQueryTree(query, ReadsFromBelow, &below, 0)) {
    return "a subquery of it reads the rollup's columns";
  }
  return nullptr;
}

}  // namespace

bool TakeApart(Question* question) {
  Query* query = question->query;
  question->answer = static_cast<Index>(list_length(query->rtable) + 1);
  question->why = LookAtClauses(*question);
  if (question->why != nullptr) return false;
  auto open = [question](auto** place) {
    using Type = std::remove_reference_t<decltype(**place)>;
    *place = reinterpret_cast<Type*>(OpenJoins(reinterpret_cast<Node*>(*place), question));
  };
  open(&query->targetList);
  open(&query->havingQual);
  open(&query->jointree);
  if (List** expressions = GroupEntryExpressions(query)) open(expressions);
  if (question->why == nullptr) TakeQuery(question, false);
  if (question->why == nullptr && question->items == NIL) question->why = "it reads no columns";
  return question->why == nullptr;
}

void PutAnswer(Question* question, Query* rows) {
  Query* query = question->query;
  TakeQuery(question, true);
  for (auto* entry : Each<RangeTblEntry>(query->rtable)) {
    if (entry->rtekind != RTE_JOIN) continue;
    entry->joinaliasvars = reinterpret_cast<List*>(
        ForgetTarget(reinterpret_cast<Node*>(entry->joinaliasvars), question));
  }
  RangeTblEntry* entry = makeNode(RangeTblEntry);
  entry->rtekind = RTE_SUBQUERY;
  entry->subquery = rows;
  entry->alias = makeAlias("rollup", NIL);
  entry->eref = makeAlias("rollup", NIL);
  for (const TargetEntry* column : Each<TargetEntry>(rows->targetList)) {
    entry->eref->colnames = lappend(entry->eref->colnames, makeString(pstrdup(column->resname)));
  }
  entry->inFromCl = true;
  query->rtable = lappend(query->rtable, entry);
  if (question->why != nullptr) elog(ERROR, "the answer from a rollup: %s", question->why);
}

bool IsApproximate(const Item& item) {
  if (item.key != nullptr) return false;
  if (item.role == ColumnRole::kTopN) return true;
  if (item.role == ColumnRole::kHll && item.aggregate != nullptr) return true;
  return item.role == ColumnRole::kSum && (item.type == FLOAT4OID || item.type == FLOAT8OID);
}

}  // namespace millrace::pg
