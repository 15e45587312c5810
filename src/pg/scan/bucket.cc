#include "pg/scan/bucket.h"

#include <cmath>

namespace millrace::pg {
namespace {

constexpr int kCells = 256;  // a power of two
constexpr int kWorkshopCells = 16;

// Whether an expression has no columns and one value for a whole scan.
bool IsConstant(const Expr* expression) {
  auto* node = reinterpret_cast<Node*>(const_cast<Expr*>(expression));
  return !contain_var_clause(node) && !contain_volatile_functions(node) && !contain_subplans(node);
}

bool IsTimeVar(const Expr* expression, const Var** var) {
  if (!IsA(expression, Var)) return false;
  *var = reinterpret_cast<const Var*>(expression);
  return (*var)->varattno > 0 &&
         ((*var)->vartype == TIMESTAMPTZOID || (*var)->vartype == TIMESTAMPOID);
}

Oid FunctionOf(const Expr* expression, List** arguments) {
  if (IsA(expression, FuncExpr)) {
    *arguments = reinterpret_cast<const FuncExpr*>(expression)->args;
    return reinterpret_cast<const FuncExpr*>(expression)->funcid;
  }
  if (IsA(expression, OpExpr)) {
    *arguments = reinterpret_cast<const OpExpr*>(expression)->args;
    return get_opcode(reinterpret_cast<const OpExpr*>(expression)->opno);
  }
  return InvalidOid;
}

Expr* First(List* arguments) { return static_cast<Expr*>(linitial(arguments)); }
Expr* Second(List* arguments) { return static_cast<Expr*>(lsecond(arguments)); }

// The parts of an expression: its shape, t, and the constants.
struct Parts {
  Bucket::Shape shape;
  const Var* time;
  Expr* constants[Bucket::kMaxConstants];
};

// origin + (date_trunc('seconds', (t - zero) / divisor) * factor)
bool FindWorkshopParts(List* sum, Parts* parts) {
  List *product, *truncation, *quotient, *difference;
  if (FunctionOf(Second(sum), &product) != F_INTERVAL_MUL ||
      FunctionOf(First(product), &truncation) != F_DATE_TRUNC_TEXT_INTERVAL ||
      FunctionOf(Second(truncation), &quotient) != F_INTERVAL_DIV ||
      FunctionOf(First(quotient), &difference) != F_TIMESTAMPTZ_MI ||
      !IsTimeVar(First(difference), &parts->time)) {
    return false;
  }
  parts->shape = Bucket::Shape::kWorkshop;
  parts->constants[0] = First(sum);
  parts->constants[1] = Second(product);
  parts->constants[2] = First(truncation);
  parts->constants[3] = Second(quotient);
  parts->constants[4] = Second(difference);
  return true;
}

bool FindParts(const Expr* expression, Parts* parts) {
  List* arguments;
  switch (FunctionOf(expression, &arguments)) {
    case F_DATE_BIN_INTERVAL_TIMESTAMP_TIMESTAMP:
    case F_DATE_BIN_INTERVAL_TIMESTAMPTZ_TIMESTAMPTZ:
      parts->shape = Bucket::Shape::kDateBin;
      parts->constants[0] = First(arguments);
      parts->constants[1] = static_cast<Expr*>(lthird(arguments));
      return IsTimeVar(Second(arguments), &parts->time);
    case F_DATE_TRUNC_TEXT_TIMESTAMP:
      parts->shape = Bucket::Shape::kTruncate;
      parts->constants[0] = First(arguments);
      return IsTimeVar(Second(arguments), &parts->time);
    case F_DATE_TRUNC_TEXT_TIMESTAMPTZ:
      parts->shape = Bucket::Shape::kTruncateInZone;
      parts->constants[0] = First(arguments);
      return IsTimeVar(Second(arguments), &parts->time);
    case F_TIMESTAMP_PL_INTERVAL:
      return FindWorkshopParts(arguments, parts);
    default:
      return false;
  }
}

// The expression with CaseTestExpr in place of its one column.
Node* ReplaceVar(Node* node, void* context) {
  if (node == nullptr) return nullptr;
  if (!IsA(node, Var)) return MutateExpressionTree(node, ReplaceVar, context);
  const auto* var = reinterpret_cast<const Var*>(node);
  CaseTestExpr* placeholder = makeNode(CaseTestExpr);
  placeholder->typeId = var->vartype;
  placeholder->typeMod = var->vartypmod;
  placeholder->collation = var->varcollid;
  return reinterpret_cast<Node*>(placeholder);
}

// PostgreSQL's own answer for one value.
int64 Evaluate(const Bucket& bucket, int64 t, bool t_is_null, bool* is_null) {
  ExprContext* context = bucket.context;
  ResetExprContext(context);
  context->caseValue_datum = Int64GetDatum(t);
  context->caseValue_isNull = t_is_null;
  return DatumGetInt64(ExecEvalExprSwitchContext(bucket.expression, context, is_null));
}

// The value of a constant part, in the context's short-lived memory. False when it is NULL.
bool ConstantAt(const Bucket& bucket, int i, Datum* value) {
  bool is_null;
  *value = ExecEvalExprSwitchContext(bucket.constants[i], bucket.context, &is_null);
  return !is_null;
}

bool SettleDateBin(Bucket* bucket) {
  Datum stride, origin;
  if (!ConstantAt(*bucket, 0, &stride) || !ConstantAt(*bucket, 1, &origin)) return false;
  const Interval* interval = DatumGetIntervalP(stride);
  if (interval->month != 0 || TIMESTAMP_NOT_FINITE(DatumGetTimestamp(origin))) return false;
  int64 width;
  if (__builtin_mul_overflow(static_cast<int64>(interval->day), USECS_PER_DAY, &width) ||
      __builtin_add_overflow(width, interval->time, &width) || width <= 0) {
    return false;
  }
  bucket->width = width;
  bucket->origin = DatumGetTimestamp(origin);
  bucket->method = Bucket::Method::kDateBin;
  return true;
}

// The length of date_trunc's unit in microseconds; 0 for units without a fixed length, and for
// those that we leave to PostgreSQL.
int64 UnitLength(Datum unit_text) {
  const char* unit = TextDatumGetCString(unit_text);
  struct Unit {
    const char* name;
    int64 length;
  };
  constexpr Unit kUnits[] = {{"second", USECS_PER_SEC},
                             {"minute", USECS_PER_MINUTE},
                             {"hour", USECS_PER_HOUR},
                             {"day", USECS_PER_DAY}};
  for (const Unit& known : kUnits) {
    if (strcmp(unit, known.name) == 0) return known.length;
  }
  return 0;
}

bool SettleTruncate(Bucket* bucket) {
  Datum unit;
  if (!ConstantAt(*bucket, 0, &unit)) return false;
  const MemoryContext caller = MemoryContextSwitchTo(bucket->context->ecxt_per_tuple_memory);
  bucket->width = UnitLength(unit);
  MemoryContextSwitchTo(caller);
  if (bucket->width == 0) return false;
  bucket->method = bucket->shape == Bucket::Shape::kTruncate ? Bucket::Method::kTruncate
                                                             : Bucket::Method::kTruncateInZone;
  return true;
}

// Only if divisor and factor are equal and whole numbers.
bool SettleWorkshop(Bucket* bucket) {
  Datum result_origin, factor, unit, divisor, zero;
  if (!ConstantAt(*bucket, 0, &result_origin) || !ConstantAt(*bucket, 1, &factor) ||
      !ConstantAt(*bucket, 2, &unit) || !ConstantAt(*bucket, 3, &divisor) ||
      !ConstantAt(*bucket, 4, &zero)) {
    return false;
  }
  const MemoryContext caller = MemoryContextSwitchTo(bucket->context->ecxt_per_tuple_memory);
  const bool seconds_unit = strcmp(TextDatumGetCString(unit), "seconds") == 0;
  MemoryContextSwitchTo(caller);
  const double seconds = DatumGetFloat8(divisor);
  // Only divisors of a day: then days divide into whole seconds without rounding.
  if (!seconds_unit || seconds != DatumGetFloat8(factor) || !(seconds >= 1) ||
      seconds > SECS_PER_DAY || std::fmod(SECS_PER_DAY, seconds) != 0 ||
      TIMESTAMP_NOT_FINITE(DatumGetTimestamp(zero)) ||
      TIMESTAMP_NOT_FINITE(DatumGetTimestamp(result_origin))) {
    return false;
  }
  bucket->divisor = seconds;
  bucket->width = static_cast<int64>(seconds) * USECS_PER_SEC;
  bucket->origin = DatumGetTimestamp(zero);
  bucket->result_origin = DatumGetTimestamp(result_origin);
  bucket->method = Bucket::Method::kWorkshop;
  return true;
}

// REQUIRES: t is a valid timestamp, so that neither this nor one more unit overflows.
int64 FloorTo(int64 t, int64 width) {
  int64 rest = t % width;
  if (rest < 0) rest += width;
  return t - rest;
}

// What dividing the interval and truncating it to seconds give, for distance = t - zero >= 0. The
// quotient is rounded to a microsecond before it is cut to seconds, so in each bucket the last half
// microsecond times the divisor belongs in the next bucket (interval_div, interval_trunc). The
// result is at most `distance` plus the width of a bucket.
int64 WorkshopBucket(const Bucket& bucket, int64 distance) {
  const int64 days = distance / USECS_PER_DAY;
  const int64 time = distance % USECS_PER_DAY;
  const auto seconds_per_bucket = static_cast<int64>(bucket.divisor);
  const int64 whole_days = days / seconds_per_bucket;
  const double day_seconds =
      static_cast<double>(days % seconds_per_bucket) * (SECS_PER_DAY / bucket.divisor);
  const double micros =
      std::rint(static_cast<double>(time) / bucket.divisor + day_seconds * USECS_PER_SEC);
  const int64 seconds = static_cast<int64>(micros) / USECS_PER_SEC;
  return whole_days * seconds_per_bucket * USECS_PER_DAY +
         seconds * seconds_per_bucket * USECS_PER_SEC;
}

int64 WorkshopBucketOf(Bucket* bucket, int64 t, bool* is_null) {
  // Intervals of about 200,000 years: far from where anything here overflows.
  constexpr int64 kFar = PG_INT64_MAX / 4 * 3;
  int64 distance, result;
  if (unlikely(!IS_VALID_TIMESTAMP(t) || __builtin_sub_overflow(t, bucket->origin, &distance) ||
               distance > kFar || distance < -kFar)) {
    return Evaluate(*bucket, t, false, is_null);
  }
  if (unlikely(distance < 0)) {
    // Before the epoch, quotients are cut towards zero, so this mirrors the case after it.
    if (__builtin_sub_overflow(bucket->result_origin, WorkshopBucket(*bucket, -distance),
                               &result) ||
        !IS_VALID_TIMESTAMP(result)) {
      return Evaluate(*bucket, t, false, is_null);
    }
    return result;
  }
  // Buckets of about 2^28 microseconds are usual.
  Bucket::Cell& cell = bucket->cells[t >> 28 & (kWorkshopCells - 1)];
  if (likely(t >= cell.low && t < cell.high)) return cell.result;
  if (__builtin_add_overflow(bucket->result_origin, WorkshopBucket(*bucket, distance), &result) ||
      !IS_VALID_TIMESTAMP(result)) {
    return Evaluate(*bucket, t, false, is_null);
  }
  // Except near its end, where rounding begins, the whole bucket has this result.
  const int64 low = t - distance % bucket->width;
  const int64 high = low + bucket->width - static_cast<int64>(bucket->divisor) - 1;
  if (t < high) cell = {low, high, result};
  return result;
}

// date_trunc in the session's zone. PostgreSQL is asked once for each stretch of time in which the
// answer cannot change: it ends with the unit, or where the zone's offset changes.
int64 TruncateInZone(Bucket* bucket, int64 t, bool* is_null) {
  const auto hash = static_cast<uint64>(FloorTo(t, bucket->width)) * 0x9e3779b97f4a7c15ULL;
  Bucket::Cell& cell = bucket->cells[hash >> 56];
  static_assert(kCells == 256);
  if (t >= cell.low && t < cell.high) return cell.result;
  const int64 result = Evaluate(*bucket, t, false, is_null);
  pg_time_t start = timestamptz_to_time_t(result);
  long int before_offset, after_offset;
  int before_dst, after_dst;
  pg_time_t boundary;
  const int found = pg_next_dst_boundary(&start, &before_offset, &before_dst, &boundary,
                                         &after_offset, &after_dst, session_timezone);
  int64 high = result + bucket->width;
  // The offset changes within the unit: the answer is known for this value only.
  const auto end = static_cast<pg_time_t>(start + bucket->width / USECS_PER_SEC);
  if (found < 0 || (found == 1 && boundary < end)) high = t + 1;
  if (result <= t) cell = {t, high, result};
  return result;
}

}  // namespace

Bucket* RecognizeBucket(Expr* expression, TupleDesc descriptor, ExprContext* context) {
  Parts parts = {};
  if (!FindParts(expression, &parts) ||
      TupleDescAttr(descriptor, parts.time->varattno - 1)->atttypid != parts.time->vartype) {
    return nullptr;
  }
  for (const Expr* constant : parts.constants) {
    if (constant != nullptr && !IsConstant(constant)) return nullptr;
  }
  auto* bucket = static_cast<Bucket*>(palloc0(sizeof(Bucket)));
  bucket->shape = parts.shape;
  bucket->attribute = parts.time->varattno;
  bucket->context = context;
  // Without a parent, so that it is not compiled (JIT).
  Node* replaced = ReplaceVar(reinterpret_cast<Node*>(expression), nullptr);
  bucket->expression = ExecInitExpr(reinterpret_cast<Expr*>(replaced), nullptr);
  for (int i = 0; i < Bucket::kMaxConstants; ++i) {
    if (parts.constants[i] == nullptr) continue;
    bucket->constants[i] = ExecInitExpr(parts.constants[i], nullptr);
  }
  if (parts.shape == Bucket::Shape::kTruncateInZone || parts.shape == Bucket::Shape::kWorkshop) {
    bucket->cells = static_cast<Bucket::Cell*>(palloc0(kCells * sizeof(Bucket::Cell)));
  }
  return bucket;
}

void RestartBucket(Bucket* bucket) {
  bucket->method = Bucket::Method::kNotKnown;
  if (bucket->cells != nullptr) memset(bucket->cells, 0, kCells * sizeof(Bucket::Cell));
}

void SettleBucket(Bucket* bucket, int64 t, bool is_null) {
  if (bucket->method != Bucket::Method::kNotKnown) return;
  // First run PostgreSQL's own expression, which raises its errors in their order. After that the
  // constants can raise none.
  bool result_is_null;
  Evaluate(*bucket, t, is_null, &result_is_null);
  bool known = false;
  switch (bucket->shape) {
    case Bucket::Shape::kDateBin:
      known = SettleDateBin(bucket);
      break;
    case Bucket::Shape::kTruncate:
    case Bucket::Shape::kTruncateInZone:
      known = SettleTruncate(bucket);
      break;
    case Bucket::Shape::kWorkshop:
      known = SettleWorkshop(bucket);
      break;
  }
  if (!known) bucket->method = Bucket::Method::kExpression;
}

int64 BucketOf(Bucket* bucket, int64 t, bool* is_null) {
  switch (bucket->method) {
    case Bucket::Method::kDateBin: {
      // The distance from the origin to t, if it fits 64 bits.
      int64 distance;
      if (likely(t >= bucket->origin && IS_VALID_TIMESTAMP(t) &&
                 !__builtin_sub_overflow(t, bucket->origin, &distance))) {
        return t - distance % bucket->width;
      }
      break;
    }
    case Bucket::Method::kTruncate:
      if (likely(IS_VALID_TIMESTAMP(t))) return FloorTo(t, bucket->width);
      break;
    case Bucket::Method::kTruncateInZone:
      if (likely(IS_VALID_TIMESTAMP(t))) return TruncateInZone(bucket, t, is_null);
      break;
    case Bucket::Method::kWorkshop:
      return WorkshopBucketOf(bucket, t, is_null);
    case Bucket::Method::kExpression:
    case Bucket::Method::kNotKnown:
      break;
  }
  return Evaluate(*bucket, t, false, is_null);
}

}  // namespace millrace::pg
