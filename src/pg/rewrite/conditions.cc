#include "pg/rewrite/conditions.h"

#include "pg/rewrite/keys.h"

namespace millrace::pg {
namespace {

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

}  // namespace

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

}  // namespace millrace::pg
