#include "pg/scan/recognize.h"

#include <initializer_list>

#include "pg/hll/hll_value.h"

namespace millrace::pg {
namespace {

struct BuiltIn {
  Oid function;
  AggregateKind kind;
  ColumnKind column;
};

Oid BaseTypeOf(const Expr* expression) {
  return getBaseType(exprType(reinterpret_cast<const Node*>(expression)));
}

// PostgreSQL's own aggregates. Sums and averages differ only in their last step, which PostgreSQL
// does.
constexpr BuiltIn kBuiltIns[] = {
    {F_COUNT_ANY, AggregateKind::kCount, ColumnKind::kInteger},
    {F_SUM_INT8, AggregateKind::kSumInteger, ColumnKind::kInteger},
    {F_SUM_INT4, AggregateKind::kSumInteger, ColumnKind::kInteger},
    {F_SUM_INT2, AggregateKind::kSumInteger, ColumnKind::kInteger},
    {F_AVG_INT8, AggregateKind::kSumInteger, ColumnKind::kInteger},
    {F_AVG_INT4, AggregateKind::kSumInteger, ColumnKind::kInteger},
    {F_AVG_INT2, AggregateKind::kSumInteger, ColumnKind::kInteger},
    {F_SUM_FLOAT4, AggregateKind::kSumFloat4, ColumnKind::kFloat},
    {F_SUM_FLOAT8, AggregateKind::kSumFloat8, ColumnKind::kFloat},
    {F_AVG_FLOAT4, AggregateKind::kAvgFloat, ColumnKind::kFloat},
    {F_AVG_FLOAT8, AggregateKind::kAvgFloat, ColumnKind::kFloat},
    {F_MIN_INT8, AggregateKind::kMinInteger, ColumnKind::kInteger},
    {F_MIN_INT4, AggregateKind::kMinInteger, ColumnKind::kInteger},
    {F_MIN_INT2, AggregateKind::kMinInteger, ColumnKind::kInteger},
    {F_MIN_DATE, AggregateKind::kMinInteger, ColumnKind::kInteger},
    {F_MIN_TIMESTAMP, AggregateKind::kMinInteger, ColumnKind::kInteger},
    {F_MIN_TIMESTAMPTZ, AggregateKind::kMinInteger, ColumnKind::kInteger},
    {F_MAX_INT8, AggregateKind::kMaxInteger, ColumnKind::kInteger},
    {F_MAX_INT4, AggregateKind::kMaxInteger, ColumnKind::kInteger},
    {F_MAX_INT2, AggregateKind::kMaxInteger, ColumnKind::kInteger},
    {F_MAX_DATE, AggregateKind::kMaxInteger, ColumnKind::kInteger},
    {F_MAX_TIMESTAMP, AggregateKind::kMaxInteger, ColumnKind::kInteger},
    {F_MAX_TIMESTAMPTZ, AggregateKind::kMaxInteger, ColumnKind::kInteger},
    {F_MIN_FLOAT4, AggregateKind::kMinFloat, ColumnKind::kFloat},
    {F_MAX_FLOAT4, AggregateKind::kMaxFloat, ColumnKind::kFloat},
    {F_MIN_FLOAT8, AggregateKind::kMinFloat, ColumnKind::kFloat},
    {F_MAX_FLOAT8, AggregateKind::kMaxFloat, ColumnKind::kFloat},
};

// Whether values of the type are read as ColumnKind::kInteger.
bool IsIntegerType(Oid type) {
  switch (type) {
    case INT2OID:
    case INT4OID:
    case INT8OID:
    case BOOLOID:
    case DATEOID:
    case TIMESTAMPOID:
    case TIMESTAMPTZOID:
      return true;
    default:
      return false;
  }
}

// The name of a function of our hll or topn library; nullptr for any other. The aggregates of a
// published library have state that we cannot see here (hll_set_defaults).
const char* OurFunctionName(Oid function) {
  HeapTuple tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
  if (!HeapTupleIsValid(tuple)) return nullptr;
  const auto* form = reinterpret_cast<Form_pg_proc>(GETSTRUCT(tuple));
  Oid code = function;
  const char* name = pstrdup(NameStr(form->proname));
  const bool aggregate = form->prokind == PROKIND_AGGREGATE;
  ReleaseSysCache(tuple);
  if (function < FirstNormalObjectId) return nullptr;
  if (aggregate) {
    HeapTuple agg = SearchSysCache1(AGGFNOID, ObjectIdGetDatum(function));
    if (!HeapTupleIsValid(agg)) return nullptr;
    code = reinterpret_cast<Form_pg_aggregate>(GETSTRUCT(agg))->aggtransfn;
    ReleaseSysCache(agg);
  }
  tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(code));
  if (!HeapTupleIsValid(tuple)) return nullptr;
  bool is_null;
  const Datum library = SysCacheGetAttr(PROCOID, tuple, Anum_pg_proc_probin, &is_null);
  const bool ours = reinterpret_cast<Form_pg_proc>(GETSTRUCT(tuple))->prolang == ClanguageId &&
                    !is_null && strcmp(TextDatumGetCString(library), "$libdir/millrace") == 0;
  ReleaseSysCache(tuple);
  return ours ? name : nullptr;
}

Expr* ArgumentAt(const Aggref* aggref, int i) {
  return reinterpret_cast<TargetEntry*>(list_nth(aggref->args, i))->expr;
}

bool IsTextType(Oid type) { return type == TEXTOID || type == VARCHAROID; }

// The expression below casts that leave the value as it is: from a domain to its base
// type, and between text and varchar. Other casts stay, because they may read the same
// bits in another way (an oid as an integer, a user's type with its own functions).
Expr* StripRelabel(Expr* expression) {
  while (IsA(expression, RelabelType)) {
    Expr* inner = reinterpret_cast<RelabelType*>(expression)->arg;
    const Oid outer_type = BaseTypeOf(expression), inner_type = BaseTypeOf(inner);
    if (outer_type != inner_type && !(IsTextType(outer_type) && IsTextType(inner_type))) break;
    expression = inner;
  }
  return expression;
}

// Whether values of the type are read as columns of the kind.
bool ReadsAs(Oid type, ColumnKind kind) {
  switch (kind) {
    case ColumnKind::kInteger:
      return IsIntegerType(type);
    case ColumnKind::kFloat:
      return type == FLOAT4OID || type == FLOAT8OID;
    case ColumnKind::kText:
      return IsTextType(type) || type == BYTEAOID || type == UUIDOID;
    case ColumnKind::kItem:
      return IsTextType(type);
    case ColumnKind::kHll:
    case ColumnKind::kTopN:
      return true;  // of the functions' own types
  }
  return false;
}

struct HashFunction {
  const char* name;
  HashWidth width;
  ColumnKind column;
};

constexpr HashFunction kHashFunctions[] = {
    {"hll_hash_boolean", HashWidth::k1, ColumnKind::kInteger},
    {"hll_hash_smallint", HashWidth::k2, ColumnKind::kInteger},
    {"hll_hash_integer", HashWidth::k4, ColumnKind::kInteger},
    {"hll_hash_bigint", HashWidth::k8, ColumnKind::kInteger},
    {"hll_hash_text", HashWidth::kText, ColumnKind::kText},
    {"hll_hash_bytea", HashWidth::kText, ColumnKind::kText},
};

// How hll_hash_any hashes a value of this type.
bool HashOfAny(Oid type, HashWidth* width, ColumnKind* kind) {
  *kind = ColumnKind::kInteger;
  switch (type) {
    case BOOLOID:
      *width = HashWidth::k1;
      return true;
    case INT2OID:
      *width = HashWidth::k2;
      return true;
    case INT4OID:
    case DATEOID:
      *width = HashWidth::k4;
      return true;
    case INT8OID:
    case TIMESTAMPOID:
    case TIMESTAMPTZOID:
      *width = HashWidth::k8;
      return true;
    case TEXTOID:
    case VARCHAROID:
    case BYTEAOID:
    case UUIDOID:  // 16 bytes, as it is sent
      *width = HashWidth::kText;
      *kind = ColumnKind::kText;
      return true;
    default:
      return false;
  }
}

// hll_hash_*(x) or a column of hashes.
const char* RecognizeHash(Expr* expression, AggregatePlan* plan, Expr** argument,
                          ColumnKind* kind) {
  expression = StripRelabel(expression);
  if (IsA(expression, Var)) {
    plan->hash_width = HashWidth::kHashed;
    *argument = expression;
    *kind = ColumnKind::kInteger;
    return nullptr;
  }
  if (!IsA(expression, FuncExpr)) return "hll_add_agg over an expression that is no hll_hash_*";
  const auto* call = reinterpret_cast<FuncExpr*>(expression);
  const char* name = OurFunctionName(call->funcid);
  if (name == nullptr) return "hll_add_agg over a function that is not ours";
  bool known = false;
  *argument = StripRelabel(static_cast<Expr*>(linitial(call->args)));
  if (strcmp(name, "hll_hash_any") == 0) {
    known = HashOfAny(BaseTypeOf(*argument), &plan->hash_width, kind);
  }
  for (const HashFunction& function : kHashFunctions) {
    if (strcmp(name, function.name) != 0) continue;
    plan->hash_width = function.width;
    *kind = function.column;
    known = true;
  }
  if (!known) return "hash function that the engine does not know";
  const auto* seed = reinterpret_cast<Const*>(lsecond(call->args));
  if (!IsA(seed, Const) || seed->constisnull || DatumGetInt32(seed->constvalue) != 0) {
    return "hash with a seed";
  }
  return nullptr;
}

// The parameters after the first argument of hll_add_agg, which must be constants.
const char* RecognizeHllParameters(const Aggref* aggref, HllArguments* arguments) {
  arguments->given = list_length(aggref->args) - 1;
  for (int i = 0; i < arguments->given; ++i) {
    const auto* value = reinterpret_cast<Const*>(ArgumentAt(aggref, i + 1));
    if (!IsA(value, Const) || value->constisnull) return "hll_add_agg with changing parameters";
    arguments->values[i] =
        i == 2 ? DatumGetInt64(value->constvalue) : DatumGetInt32(value->constvalue);
  }
  return nullptr;
}

const char* RecognizeTopNAdd(Expr* expression, AggregatePlan* plan, Expr** argument,
                             ColumnKind* kind) {
  expression = StripRelabel(expression);
  if (IsA(expression, CoerceViaIO)) {
    Expr* inner = StripRelabel(reinterpret_cast<CoerceViaIO*>(expression)->arg);
    const Oid type = BaseTypeOf(inner);
    if (!IsTextType(BaseTypeOf(expression)) ||
        (type != INT2OID && type != INT4OID && type != INT8OID)) {
      return "topn of a type's text";
    }
    plan->kind = AggregateKind::kTopNAddInteger;
    *argument = inner;
    *kind = ColumnKind::kInteger;
    return nullptr;
  }
  plan->kind = AggregateKind::kTopNAddText;
  *argument = expression;
  *kind = ColumnKind::kItem;
  return nullptr;
}

const char* RecognizeOurs(const Aggref* aggref, const char* name, AggregatePlan* plan,
                          Expr** argument, ColumnKind* kind) {
  Expr* first = ArgumentAt(aggref, 0);
  if (strcmp(name, "hll_add_agg") == 0) {
    plan->kind = AggregateKind::kHllAdd;
    const char* why = RecognizeHllParameters(aggref, &plan->hll);
    return why != nullptr ? why : RecognizeHash(first, plan, argument, kind);
  }
  if (strcmp(name, "hll_union_agg") == 0) {
    plan->kind = AggregateKind::kHllUnion;
    *argument = StripRelabel(first);
    *kind = ColumnKind::kHll;
    return nullptr;
  }
  if (strcmp(name, "topn_add_agg") == 0) return RecognizeTopNAdd(first, plan, argument, kind);
  if (strcmp(name, "topn_union_agg") == 0) {
    plan->kind = AggregateKind::kTopNUnion;
    *argument = StripRelabel(first);
    *kind = ColumnKind::kTopN;
    return nullptr;
  }
  return "aggregate that the engine does not know";
}

}  // namespace

const char* RecognizeAggregate(const Aggref* aggref, AggregatePlan* plan, Expr** argument,
                               ColumnKind* kind) {
  if (aggref->aggfilter != nullptr) return "FILTER";
  if (aggref->aggdistinct != NIL) return "DISTINCT in an aggregate";
  if (aggref->aggorder != NIL) return "ORDER BY in an aggregate";
  const bool known_split =
      aggref->aggsplit == AGGSPLIT_SIMPLE || aggref->aggsplit == AGGSPLIT_INITIAL_SERIAL;
  if (!known_split || aggref->agglevelsup != 0 || aggref->aggkind != AGGKIND_NORMAL ||
      aggref->aggvariadic) {
    return "aggregate of another kind";
  }
  *plan = {};
  plan->function = aggref->aggfnoid;
  plan->result_type = aggref->aggtype;
  plan->column = -1;
  *argument = nullptr;
  *kind = ColumnKind::kInteger;
  const char* why = nullptr;
  if (aggref->aggfnoid == F_COUNT_) {
    plan->kind = AggregateKind::kCountRows;
    return nullptr;
  }
  bool known = false;
  for (const BuiltIn& built_in : kBuiltIns) {
    if (aggref->aggfnoid != built_in.function) continue;
    plan->kind = built_in.kind;
    *argument = StripRelabel(ArgumentAt(aggref, 0));
    *kind = built_in.column;
    known = true;
  }
  if (!known) {
    const char* name = OurFunctionName(aggref->aggfnoid);
    if (name == nullptr) return "aggregate that the engine does not know";
    why = RecognizeOurs(aggref, name, plan, argument, kind);
  }
  if (why != nullptr) return why;
  if (!IsA(*argument, Var)) return "aggregate over an expression";
  const Oid type = BaseTypeOf(*argument);
  if (plan->kind == AggregateKind::kCount) {
    // Only whether the value is NULL matters, but it must be of a kind that can be read.
    for (const ColumnKind readable :
         {ColumnKind::kInteger, ColumnKind::kFloat, ColumnKind::kText}) {
      if (!ReadsAs(type, readable)) continue;
      *kind = readable;
      return nullptr;
    }
    return "count of a type not known";
  }
  // A column of hashes has a type of its own and is read as an integer.
  const bool hashes =
      plan->kind == AggregateKind::kHllAdd && plan->hash_width == HashWidth::kHashed;
  return hashes || ReadsAs(type, *kind) ? nullptr : "aggregate of another type";
}

const char* RecognizeKey(const Expr* expression, const SortGroupClause* clause, ColumnKind* kind) {
  const auto* node = reinterpret_cast<const Node*>(expression);
  const Oid type = BaseTypeOf(expression);
  if (IsIntegerType(type)) {
    *kind = ColumnKind::kInteger;
  } else if (IsTextType(type) || type == UUIDOID) {
    *kind = ColumnKind::kText;
  } else {
    return "key of a type not known";
  }
  const Oid collation = exprCollation(node);
  if (OidIsValid(collation) && !get_collation_isdeterministic(collation)) {
    return "key with a nondeterministic collation";
  }
  const TypeCacheEntry* entry = lookup_type_cache(type, TYPECACHE_EQ_OPR);
  if (clause->eqop != entry->eq_opr) return "key with an equality of its own";
  return nullptr;
}

}  // namespace millrace::pg
