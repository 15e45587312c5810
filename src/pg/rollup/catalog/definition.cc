#include "pg/rollup/catalog/definition.h"

#include "pg/base/list.h"
#include "pg/rollup/catalog/aggregates.h"
#include "pg/rollup/catalog/definition_parts.h"
#include "pg/rollup/catalog/parse_hints.h"

namespace millrace::pg {
namespace {

constexpr const char* kAggregatesHint =
    "A rollup can keep count, sum, min, max, avg, bool_and, bool_or, hll_add_agg, hll_union_agg, "
    "topn_add_agg and topn_union_agg; expressions over them belong in a view over the rollup.";

}  // namespace

const char* DeparseForMessage(const Query* query, Index source_rte, const void* node) {
  auto* copy = CopyNode(static_cast<const Node*>(node));
  const RangeTblEntry* entry = rt_fetch(source_rte, query->rtable);
  if (source_rte != 1) ChangeVarNodes(copy, static_cast<int>(source_rte), 1, 0);
  List* context = deparse_context_for(get_rel_name(entry->relid), entry->relid);
  return deparse_expression(copy, context, false, false);
}

void RefuseDefinition(const char* name, const char* what, const char* hint) {
  ereport(ERROR,
          (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
           errmsg("rollup %s cannot be kept incrementally: %s", name, what), errhint("%s", hint)));
  pg_unreachable();
}

namespace {

// Refuses the clauses of a SELECT that a rollup cannot have.
void CheckClauses(const Query* query, const char* name) {
  const struct {
    bool present;
    const char* what;
    const char* hint;
  } clauses[] = {
      {query->cteList != NIL, "WITH", "Select from a table directly."},
      {query->setOperations != nullptr, "UNION, INTERSECT or EXCEPT",
       "Declare a rollup for each part."},
      {query->distinctClause != NIL, "DISTINCT", "GROUP BY the same expressions instead."},
      {query->groupingSets != NIL, "GROUPING SETS, ROLLUP or CUBE",
       "Declare one rollup for each set of keys; a coarser one can read a finer one."},
      {query->havingQual != nullptr, "HAVING",
       "A group may meet the condition later, so filter when reading the rollup."},
      {query->hasWindowFuncs, "a window function", "Use it when reading the rollup."},
      {query->hasTargetSRFs, "a set-returning function", "Use it when reading the rollup."},
      {query->hasSubLinks, "a subquery",
       "Rows of another table may change, so join when reading the rollup."},
      {query->sortClause != NIL, "ORDER BY", "Order when reading the rollup."},
      {query->limitCount != nullptr || query->limitOffset != nullptr, "LIMIT or OFFSET",
       "Limit when reading the rollup."},
      {query->rowMarks != NIL, "FOR UPDATE or FOR SHARE", "Leave it out."}};
  for (const auto& clause : clauses) {
    if (clause.present)
      RefuseDefinition(name, psprintf("its query has %s", clause.what), clause.hint);
  }
  if (query->groupClause == NIL) {
    RefuseDefinition(name, "its query has no GROUP BY",
                     "Group by the dimensions and the time bucket.");
  }
}

// The only table that the query reads. Returns its place in the range table.
Index FindSource(const Query* query, const char* name) {
  constexpr const char* kHint = "Select from one table; join when reading the rollup.";
  const List* from = query->jointree->fromlist;
  if (list_length(from) != 1 || !IsA(linitial(from), RangeTblRef)) {
    RefuseDefinition(name, "its query reads more than one table", kHint);
  }
  const auto index = static_cast<Index>(static_cast<RangeTblRef*>(linitial(from))->rtindex);
  const RangeTblEntry* entry = rt_fetch(index, query->rtable);
  const bool table =
      entry->rtekind == RTE_RELATION &&
      (entry->relkind == RELKIND_RELATION || entry->relkind == RELKIND_PARTITIONED_TABLE);
  if (!table) RefuseDefinition(name, "its query does not read a table", kHint);
  if (get_rel_persistence(entry->relid) == RELPERSISTENCE_TEMP) {
    RefuseDefinition(name, "its query reads a temporary table",
                     "Other sessions cannot read it, so use an ordinary table.");
  }
  if (entry->tablesample != nullptr)
    RefuseDefinition(name, "its query has TABLESAMPLE", "Leave it out.");
  if (!entry->inh) {
    RefuseDefinition(name, "its query has ONLY", "Select from the table with its partitions.");
  }
  return index;
}

}  // namespace

Aggref* AggregateBelowCasts(Expr* expression) {
  for (;;) {
    if (IsA(expression, Aggref)) return reinterpret_cast<Aggref*>(expression);
    if (IsA(expression, RelabelType)) {
      expression = reinterpret_cast<RelabelType*>(expression)->arg;
    } else if (IsA(expression, FuncExpr)) {
      const auto* call = reinterpret_cast<FuncExpr*>(expression);
      const bool cast =
          call->funcformat == COERCE_EXPLICIT_CAST || call->funcformat == COERCE_IMPLICIT_CAST;
      if (!cast || list_length(call->args) < 1) return nullptr;
      expression = static_cast<Expr*>(linitial(call->args));
    } else {
      return nullptr;
    }
  }
}

namespace {

RollupColumn* MakeColumn(const char* name, const void* expression, ColumnRole role) {
  auto* node = static_cast<Node*>(const_cast<void*>(expression));
  auto* column = static_cast<RollupColumn*>(palloc0(sizeof(RollupColumn)));
  column->name = name;
  column->type = exprType(node);
  column->typmod = exprTypmod(node);
  column->collation = exprCollation(node);
  column->role = role;
  return column;
}

// Writes out the parameters of hll_add_agg that a query leaves out. Otherwise they would depend on
// the session that refreshes, or that reads the live view.
Node* WithSketchParameters(Node* node, void* context) {
  if (node == nullptr) return nullptr;
  const KnownAggregate* known =
      IsA(node, Aggref) ? FindAggregate(reinterpret_cast<Aggref*>(node)) : nullptr;
  if (known == nullptr || known->role != ColumnRole::kHll ||
      strcmp(known->name, "hll_add_agg") != 0) {
    return MutateExpressionTree(node, WithSketchParameters, context);
  }
  auto* aggref = CopyNode(reinterpret_cast<Aggref*>(node));
  // log2m, regwidth, expthresh, sparseon: the defaults of the published hll.
  Const* const defaults[] = {
      makeConst(INT4OID, -1, InvalidOid, sizeof(int32), Int32GetDatum(11), false, true),
      makeConst(INT4OID, -1, InvalidOid, sizeof(int32), Int32GetDatum(5), false, true),
      makeConst(INT8OID, -1, InvalidOid, sizeof(int64), Int64GetDatum(-1), false, true),
      makeConst(INT4OID, -1, InvalidOid, sizeof(int32), Int32GetDatum(1), false, true)};
  for (int i = list_length(aggref->args); i <= 4; ++i) {
    aggref->args =
        lappend(aggref->args, makeTargetEntry(reinterpret_cast<Expr*>(defaults[i - 1]),
                                              static_cast<AttrNumber>(i + 1), nullptr, false));
    aggref->aggargtypes = lappend_oid(aggref->aggargtypes, defaults[i - 1]->consttype);
  }
  const Oid types[] = {linitial_oid(aggref->aggargtypes), INT4OID, INT4OID, INT8OID, INT4OID};
  char* schema = get_namespace_name(get_func_namespace(aggref->aggfnoid));
  aggref->aggfnoid = LookupFuncName(
      list_make2(makeString(schema), makeString(pstrdup("hll_add_agg"))), 5, types, false);
  return reinterpret_cast<Node*>(aggref);
}

// The sum or the count over the rows of an avg(x), which is kept as these two. A sum over real
// (float4) is computed in double precision, as avg does.
Aggref* Reaggregate(const Aggref* average, const char* function) {
  auto* aggref = CopyNode(average);
  auto* argument = static_cast<TargetEntry*>(linitial(aggref->args));
  Oid type = exprType(reinterpret_cast<Node*>(argument->expr));
  if (type == FLOAT4OID && strcmp(function, "sum") == 0) {
    argument->expr = reinterpret_cast<Expr*>(
        coerce_to_target_type(nullptr, reinterpret_cast<Node*>(argument->expr), type, FLOAT8OID, -1,
                              COERCION_EXPLICIT, COERCE_EXPLICIT_CAST, -1));
    type = FLOAT8OID;
    aggref->aggargtypes = list_make1_oid(type);
  }
  if (strcmp(function, "count") == 0) {
    aggref->aggfnoid = F_COUNT_ANY;
    aggref->aggtype = INT8OID;
    aggref->aggcollid = InvalidOid;
    return aggref;
  }
  List* name = list_make2(makeString(pstrdup("pg_catalog")), makeString(pstrdup(function)));
  aggref->aggfnoid = LookupFuncName(name, 1, &type, false);
  aggref->aggtype = get_func_rettype(aggref->aggfnoid);
  return aggref;
}

void AppendTarget(List** targets, const char* name, void* expression) {
  *targets = lappend(*targets, makeTargetEntry(static_cast<Expr*>(expression),
                                               static_cast<AttrNumber>(list_length(*targets) + 1),
                                               pstrdup(name), false));
}

bool IsInteger(Oid type) { return type == INT2OID || type == INT4OID || type == INT8OID; }

bool IsNumber(Oid type) {
  return IsInteger(type) || type == NUMERICOID || type == FLOAT4OID || type == FLOAT8OID;
}

// Whether a cast keeps the order of values, so that the least value is still the least. A cast to a
// time of day does not: the latest timestamp need not have the latest time of day.
bool KeepsOrder(Oid type, const Expr* expression) {
  const auto* node = reinterpret_cast<const Node*>(expression);
  const Oid target = exprType(node);
  if (IsNumber(type)) return IsNumber(target);
  if (IsTime(type)) return IsTime(target);
  const bool texts =
      (type == TEXTOID || type == VARCHAROID) && (target == TEXTOID || target == VARCHAROID);
  return texts && exprTypmod(node) == -1;
}

// Whether the aggregate still merges when it is below this cast. A sum of rounded sums is not the
// rounded sum; but the lowest of rounded values is the lowest value, rounded.
bool MergesBelowCast(const Expr* expression, const Aggref* aggref, ColumnRole role) {
  const void* bare = aggref;
  if (bare == expression) return true;
  const Oid target = exprType(reinterpret_cast<const Node*>(expression));
  switch (role) {
    case ColumnRole::kMin:
    case ColumnRole::kMax:
      return KeepsOrder(aggref->aggtype, expression);
    case ColumnRole::kCount:
      return IsInteger(target) || target == NUMERICOID;
    case ColumnRole::kSum: {
      const auto* argument = static_cast<TargetEntry*>(linitial(aggref->args));
      return IsInteger(exprType(reinterpret_cast<Node*>(argument->expr))) &&
             (IsInteger(target) || target == NUMERICOID);
    }
    default:
      return false;
  }
}

// The column of the source that an expression cuts to its unit, and the call that cuts it (nullptr
// when the expression is the column itself). Returns nullptr for any other expression.
const char* TimeBelow(const Expr* expression, Oid source, const FuncExpr** call) {
  *call = nullptr;
  const auto* time = reinterpret_cast<const Var*>(expression);
  if (IsA(expression, FuncExpr)) {
    *call = reinterpret_cast<const FuncExpr*>(expression);
    switch ((*call)->funcid) {
      case F_DATE_BIN_INTERVAL_TIMESTAMP_TIMESTAMP:
      case F_DATE_BIN_INTERVAL_TIMESTAMPTZ_TIMESTAMPTZ:
      case F_DATE_TRUNC_TEXT_TIMESTAMP:
      case F_DATE_TRUNC_TEXT_TIMESTAMPTZ_TEXT:
        break;
      default:
        return nullptr;
    }
    time = static_cast<const Var*>(lsecond((*call)->args));
    for (const Node* argument : Each<Node>((*call)->args)) {
      if (argument != reinterpret_cast<const Node*>(time) && !IsA(argument, Const)) return nullptr;
    }
  }
  if (!IsA(time, Var) || time->varattno <= 0) return nullptr;
  return get_attname(source, time->varattno, false);
}

class Analysis {
 public:
  Analysis(const Query* query, const char* name)
      : query_(query), name_(name), source_(FindSource(query, name)) {}

  RollupDefinition* Run() {
    auto* definition = static_cast<RollupDefinition*>(palloc0(sizeof(RollupDefinition)));
    definition->query = CopyNode(query_);
    definition->source = rt_fetch(source_, query_->rtable)->relid;
    definition->source_rte = source_;
    if (query_->jointree->quals != nullptr) {
      CheckImmutable(query_, source_, query_->jointree->quals, name_);
    }
    for (auto* entry : Each<TargetEntry>(query_->targetList)) {
      if (!entry->resjunk) {
        Add(entry, definition);
      } else if (IsKey(entry)) {
        RefuseDefinition(
            name_,
            psprintf("it groups by %s, which it does not select",
                     DeparseForMessage(query_, source_, entry->expr)),
            "Add it to the select list: a refresh finds the row of a group by all keys.");
      }
    }
    CheckNames(definition->columns);
    CheckNumberOfKeys();
    definition->storage = CopyNode(query_);
    definition->storage->targetList = targets_;
    return definition;
  }

 private:
  bool IsKey(const TargetEntry* entry) const {
    for (const SortGroupClause* clause : Each<SortGroupClause>(query_->groupClause)) {
      if (entry->ressortgroupref != 0 && clause->tleSortGroupRef == entry->ressortgroupref) {
        return true;
      }
    }
    return false;
  }

  // A time that is cut to its unit is the bucket, rather than one that says something else of the
  // event, such as a birthday; of several, the first.
  void ConsiderBucket(const TargetEntry* entry, const RollupColumn* column,
                      RollupDefinition* definition) const {
    const FuncExpr* call;
    const char* time = TimeBelow(entry->expr, definition->source, &call);
    const bool is_cut = definition->bucket_time != nullptr && definition->bucket_call != nullptr;
    const bool cuts = time != nullptr && call != nullptr;
    if (definition->bucket != nullptr && (is_cut || !cuts)) return;
    definition->bucket = column->name;
    definition->bucket_type = column->type;
    definition->bucket_time = time;
    definition->bucket_call = call;
  }

  void Add(TargetEntry* entry, RollupDefinition* definition) {
    CheckImmutable(query_, source_, reinterpret_cast<Node*>(entry->expr), name_);
    if (IsKey(entry)) {
      RollupColumn* column = MakeColumn(entry->resname, entry->expr, ColumnRole::kKey);
      if (IsTime(column->type)) ConsiderBucket(entry, column, definition);
      definition->columns = lappend(definition->columns, column);
      AppendTarget(&targets_, entry->resname, entry->expr);
      static_cast<TargetEntry*>(llast(targets_))->ressortgroupref = entry->ressortgroupref;
      return;
    }
    Aggref* aggref = AggregateBelowCasts(entry->expr);
    const KnownAggregate* known = aggref == nullptr ? nullptr : FindAggregate(aggref);
    if (known == nullptr || !MergesBelowCast(entry->expr, aggref, known->role)) {
      RefuseDefinition(name_,
                       psprintf("%s is neither a key nor an aggregate that merges",
                                DeparseForMessage(query_, source_, entry->expr)),
                       HintForAggregate(aggref));
    }
    if (known->role == ColumnRole::kAverage) return AddAverage(entry, aggref, definition);
    AddMeasure(entry->resname, entry->expr, known->role, definition);
    if (known->extension != nullptr) {
      static_cast<RollupColumn*>(llast(definition->columns))->schema =
          quote_identifier(get_namespace_name(get_func_namespace(aggref->aggfnoid)));
    }
  }

  // A hint for an expression that does not merge; count(DISTINCT x) can be replaced by a sketch.
  const char* HintForAggregate(const Aggref* aggref) const {
    if (aggref == nullptr || aggref->aggdistinct == NIL || aggref->args == NIL) {
      return kAggregatesHint;
    }
    if (aggref->aggfnoid != F_COUNT_ANY) return kAggregatesHint;
    const auto* argument = static_cast<TargetEntry*>(linitial(aggref->args));
    return psprintf(
        "Count distinct values with a sketch: hll_add_agg(hll_hash_any(%s)) in the query, and "
        "hll_cardinality of it when reading the rollup.",
        DeparseForMessage(query_, source_, argument->expr));
  }

  void AddMeasure(const char* name, void* expression, ColumnRole role,
                  RollupDefinition* definition) {
    definition->columns = lappend(definition->columns, MakeColumn(name, expression, role));
    AppendTarget(&targets_, name, expression);
  }

  void AddAverage(const TargetEntry* entry, const Aggref* aggref, RollupDefinition* definition) {
    if (strlen(entry->resname) + strlen("_count") >= NAMEDATALEN) {
      ereport(ERROR, (errcode(ERRCODE_NAME_TOO_LONG),
                      errmsg("name \"%s\" is too long for an average", entry->resname),
                      errdetail("Its sum and its count are kept in columns of the same name with "
                                "_sum and _count added.")));
    }
    AddMeasure(psprintf("%s_sum", entry->resname), Reaggregate(aggref, "sum"), ColumnRole::kSum,
               definition);
    AddMeasure(psprintf("%s_count", entry->resname), Reaggregate(aggref, "count"),
               ColumnRole::kCount, definition);
    definition->columns =
        lappend(definition->columns, MakeColumn(entry->resname, aggref, ColumnRole::kAverage));
  }

  void CheckNames(const List* columns) const {
    for (const RollupColumn* column : Each<RollupColumn>(columns)) {
      if (strcmp(column->name, "?column?") == 0) {
        RefuseDefinition(name_, "one of its columns has no name", "Name it with AS.");
      }
      int count = 0;
      for (const RollupColumn* other : Each<RollupColumn>(columns)) {
        count += strcmp(other->name, column->name) == 0;
      }
      if (count > 1) {
        RefuseDefinition(name_, psprintf("it has two columns named \"%s\"", column->name),
                         "Name them with AS.");
      }
    }
  }

  void CheckNumberOfKeys() const {
    if (list_length(query_->groupClause) <= INDEX_MAX_KEYS) return;
    ereport(
        ERROR,
        (errcode(ERRCODE_TOO_MANY_COLUMNS),
         errmsg("rollup %s has %d keys; at most %d are possible", name_,
                list_length(query_->groupClause), INDEX_MAX_KEYS),
         errdetail("A rollup has a unique index over its keys, which cannot have more columns."),
         errhint("Combine several keys into one: a || '/' || b.")));
  }

  const Query* query_;
  const char* name_;
  Index source_;
  List* targets_ = NIL;
};

}  // namespace

Query* ParseRollupQuery(const char* sql) {
  // Positions in errors are places in this text, not in the statement that called us.
  ErrorContextCallback callback;
  callback.callback = [](void* text) {
    const int position = geterrposition();
    if (position <= 0) return;
    const auto* query = static_cast<const char*>(text);
    const char* hint = HintForParseError(query, position, geterrcode());
    if (hint != nullptr) errhint("%s", hint);
    errposition(0);
    internalerrposition(position);
    internalerrquery(query);
  };
  callback.arg = const_cast<char*>(sql);
  callback.previous = error_context_stack;
  error_context_stack = &callback;
  Query* query = nullptr;
  List* statements = raw_parser(sql, RAW_PARSE_DEFAULT);
  if (list_length(statements) == 1 &&
      IsA(static_cast<RawStmt*>(linitial(statements))->stmt, SelectStmt)) {
    query = parse_analyze_fixedparams(static_cast<RawStmt*>(linitial(statements)), sql, nullptr, 0,
                                      nullptr);
  }
  error_context_stack = callback.previous;
  if (query == nullptr || query->commandType != CMD_SELECT || query->utilityStmt != nullptr) {
    ereport(ERROR, (errcode(ERRCODE_SYNTAX_ERROR),
                    errmsg("the query of a rollup must be one SELECT statement")));
  }
  return query;
}

RollupDefinition* AnalyzeRollupQuery(const Query* query, const char* name) {
  CheckClauses(query, name);
  auto* pinned = CopyNode(query);
  FlattenGroupEntry(pinned);
  pinned->targetList = reinterpret_cast<List*>(
      WithSketchParameters(reinterpret_cast<Node*>(pinned->targetList), nullptr));
  return Analysis(pinned, name).Run();
}

bool EqualMeansSame(Oid type, Oid collation) {
  const Oid operator_class = GetDefaultOpClass(type, BTREE_AM_OID);
  if (!OidIsValid(operator_class)) return false;
  const Oid input = get_opclass_input_type(operator_class);
  const Oid function =
      get_opfamily_proc(get_opclass_family(operator_class), input, input, BTEQUALIMAGE_PROC);
  return OidIsValid(function) &&
         DatumGetBool(OidFunctionCall1Coll(function, collation, ObjectIdGetDatum(input)));
}

}  // namespace millrace::pg
