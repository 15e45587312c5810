#include "pg/rewrite/span.h"

#include <initializer_list>
#include <limits>

#include "pg/base/list.h"
#include "pg/rewrite/cut.h"

namespace millrace::pg {

Node* MakeComparison(int strategy, Node* left, Node* right) {
  const Oid type = exprType(left);
  const Oid family = get_opclass_family(GetDefaultOpClass(type, BTREE_AM_OID));
  const Oid operation = get_opfamily_member(family, type, type, static_cast<int16>(strategy));
  return reinterpret_cast<Node*>(
      make_opclause(operation, BOOLOID, false, reinterpret_cast<Expr*>(left),
                    reinterpret_cast<Expr*>(right), InvalidOid, InvalidOid));
}

namespace {

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

}  // namespace

Node* CutEnd(const FuncExpr* cut, const List* uppers) {
  List* values = NIL;
  for (const Bound* bound : Each<Bound>(uppers)) {
    values = lappend(values, CutTime(cut, ValueAs(*bound, exprType(TimeOf(cut)))));
  }
  return Extreme(IS_LEAST, values);
}

namespace {

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

}  // namespace

List* FromStart(const List* lowers, const FuncExpr* cut, Node* time, bool whole_too) {
  List* conditions = NIL;
  for (const Bound* bound : Each<Bound>(lowers)) {
    if (bound->is_whole && !whole_too) continue;
    conditions = lappend(conditions, BeginsInSpan(*bound, cut, time));
  }
  return conditions;
}

namespace {

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

}  // namespace

List* AddPart(List* parts, const Fit* fit, List* conditions) {
  auto* part = static_cast<Part*>(palloc(sizeof(Part)));
  *part = {fit, conditions};
  return lappend(parts, part);
}

Node* CutBucket(const Fit& fit, const FuncExpr* cut) {
  // Wider buckets of the same time: a bucket of this table is in one of them.
  return CutTime(cut, CopyNode(fit.bucket));
}

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

namespace {

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

}  // namespace

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

}  // namespace millrace::pg
