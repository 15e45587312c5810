#include "pg/tail/bounds.h"

namespace millrace::pg {
namespace {

// The number of a comparison in its operator family, with the operands as they are, or the other
// way round if `swapped`; 0 for any other operator.
int StrategyOf(Oid operation, Oid type, bool swapped) {
  const TypeCacheEntry* entry = lookup_type_cache(type, TYPECACHE_BTREE_OPFAMILY);
  if (!OidIsValid(entry->btree_opf)) return 0;
  if (swapped) operation = get_commutator(operation);
  if (!OidIsValid(operation)) return 0;
  return get_op_opfamily_strategy(operation, entry->btree_opf);
}

bool IsColumn(const Node* node, int number, AttrNumber attribute) {
  if (!IsA(node, Var)) return false;
  const auto* var = reinterpret_cast<const Var*>(node);
  return var->varno == number && var->varattno == attribute && var->varlevelsup == 0;
}

bool IsTime(Oid type) { return type == TIMESTAMPTZOID || type == TIMESTAMPOID; }

// How long a bucket of date_trunc is at most, in microseconds; 0 if that is not known.
int64 LengthOf(const char* unit) {
  static constexpr struct {
    const char* unit;
    int64 length;
  } kUnits[] = {
      {"second", USECS_PER_SEC},       {"minute", USECS_PER_MINUTE},  {"hour", USECS_PER_HOUR},
      {"day", USECS_PER_DAY},          {"week", 7 * USECS_PER_DAY},   {"month", 31 * USECS_PER_DAY},
      {"quarter", 92 * USECS_PER_DAY}, {"year", 366 * USECS_PER_DAY},
  };
  for (const auto& each : kUnits) {
    if (pg_strcasecmp(unit, each.unit) == 0) return each.length;
  }
  return 0;
}

// A call that cuts a time into buckets: for its result r, r - before <= t <= r + length.
struct BucketCall {
  Expr* time;
  int64 before, length;
};

bool IsBucketCall(const Node* node, BucketCall* call) {
  if (!IsA(node, FuncExpr)) return false;
  const auto* function = reinterpret_cast<const FuncExpr*>(node);
  const bool bins = function->funcid == F_DATE_BIN_INTERVAL_TIMESTAMPTZ_TIMESTAMPTZ ||
                    function->funcid == F_DATE_BIN_INTERVAL_TIMESTAMP_TIMESTAMP;
  const bool truncates = function->funcid == F_DATE_TRUNC_TEXT_TIMESTAMPTZ ||
                         function->funcid == F_DATE_TRUNC_TEXT_TIMESTAMPTZ_TEXT ||
                         function->funcid == F_DATE_TRUNC_TEXT_TIMESTAMP;
  if (!bins && !truncates) return false;
  const auto* width = static_cast<Const*>(linitial(function->args));
  if (!IsA(width, Const) || width->constisnull) return false;
  call->time = static_cast<Expr*>(lsecond(function->args));
  call->before = 0;
  if (bins) {
    const auto* stride = DatumGetIntervalP(width->constvalue);
    // date_bin refuses months, and strides that are not positive.
    if (stride->month != 0 || stride->day < 0 || stride->day > 1'000'000 || stride->time < 0 ||
        stride->time > PG_INT64_MAX / 4) {
      return false;
    }
    call->length = stride->day * USECS_PER_DAY + stride->time;
    return true;
  }
  call->length = LengthOf(TextDatumGetCString(width->constvalue));
  if (call->length == 0) return false;
  // In a time zone, days have more or less than 24 hours, and midnight may come twice.
  if (function->funcresulttype == TIMESTAMPTZOID && call->length >= USECS_PER_DAY) {
    call->before = USECS_PER_DAY;
    call->length += USECS_PER_DAY;
  }
  return true;
}

Const* Moved(const Const* time, int64 by) {
  int64 moved = DatumGetInt64(time->constvalue);
  // Infinity, and what is near it, says nothing.
  if (TIMESTAMP_NOT_FINITE(moved) || pg_add_s64_overflow(moved, by, &moved) ||
      !IS_VALID_TIMESTAMP(moved)) {
    return nullptr;
  }
  return makeConst(time->consttype, -1, InvalidOid, sizeof(int64), Int64GetDatum(moved), false,
                   FLOAT8PASSBYVAL);
}

Node* Compare(Expr* time, int strategy, Const* with) {
  const Oid type = with->consttype;
  const Oid operation = get_opfamily_member(
      lookup_type_cache(type, TYPECACHE_BTREE_OPFAMILY)->btree_opf, type, type, strategy);
  if (!OidIsValid(operation)) return nullptr;
  auto* made = reinterpret_cast<OpExpr*>(make_opclause(
      operation, BOOLOID, false, time, reinterpret_cast<Expr*>(with), InvalidOid, InvalidOid));
  set_opfuncid(made);
  return reinterpret_cast<Node*>(made);
}

// `node` compared with a constant: goes through the calls until there is a column.
Node* Implied(Node* node, int strategy, const Const* with) {
  BucketCall call;
  bool any = false, at_least = strategy >= BTEqualStrategyNumber,
       at_most = strategy <= BTEqualStrategyNumber;
  const Const *low = with, *high = with;
  while (IsBucketCall(node, &call)) {
    any = true;
    if (low != nullptr) low = Moved(low, -call.before);
    if (high != nullptr) high = Moved(high, call.length);
    node = reinterpret_cast<Node*>(call.time);
  }
  if (!any || !IsA(node, Var) || exprType(node) != with->consttype) return nullptr;
  auto* time = reinterpret_cast<Expr*>(node);
  Node* from = at_least && low != nullptr
                   ? Compare(time, BTGreaterEqualStrategyNumber, const_cast<Const*>(low))
                   : nullptr;
  Node* to = at_most && high != nullptr
                 ? Compare(time, BTLessEqualStrategyNumber, const_cast<Const*>(high))
                 : nullptr;
  if (from == nullptr || to == nullptr) return from == nullptr ? to : from;
  return make_and_qual(from, to);
}

}  // namespace

bool IsIntegerType(Oid type) { return type == INT2OID || type == INT4OID || type == INT8OID; }

int64 IntegerIn(Datum value, Oid type) {
  return type == INT2OID   ? DatumGetInt16(value)
         : type == INT4OID ? DatumGetInt32(value)
                           : DatumGetInt64(value);
}

bool FindLowerBound(Node* condition, int number, AttrNumber attribute, LowerBound* bound) {
  if (!IsA(condition, OpExpr)) return false;
  const auto* operation = reinterpret_cast<OpExpr*>(condition);
  if (list_length(operation->args) != 2) return false;
  auto* left = static_cast<Node*>(linitial(operation->args));
  auto* right = static_cast<Node*>(lsecond(operation->args));
  const bool swapped = IsColumn(right, number, attribute);
  if (!swapped && !IsColumn(left, number, attribute)) return false;
  bound->value = swapped ? left : right;
  const int strategy = StrategyOf(operation->opno, INT8OID, swapped);
  bound->inclusive = strategy != BTGreaterStrategyNumber;
  return strategy >= BTEqualStrategyNumber && IsIntegerType(exprType(bound->value)) &&
         !contain_vars_of_level(bound->value, 0) && !contain_volatile_functions(bound->value);
}

Node* ImpliedTimeCondition(Node* condition) {
  if (!IsA(condition, OpExpr)) return nullptr;
  const auto* operation = reinterpret_cast<OpExpr*>(condition);
  if (list_length(operation->args) != 2) return nullptr;
  auto* left = static_cast<Node*>(linitial(operation->args));
  auto* right = static_cast<Node*>(lsecond(operation->args));
  const bool swapped = IsA(left, Const);
  if (swapped) std::swap(left, right);
  if (!IsA(right, Const) || reinterpret_cast<Const*>(right)->constisnull ||
      !IsTime(exprType(right)) || exprType(left) != exprType(right)) {
    return nullptr;
  }
  const int strategy = StrategyOf(operation->opno, TIMESTAMPTZOID, swapped);
  if (strategy == 0) return nullptr;
  return Implied(left, strategy, reinterpret_cast<Const*>(right));
}

}  // namespace millrace::pg
