#include "pg/vector_agg/bucket.h"

#include <cmath>

namespace millrace::pg {
namespace {

constexpr int kCells = 256;  // a power of two
constexpr int kWorkshopCells = 16;

// The value of an expression without columns, as the executor would compute it. False when it has
// columns, is volatile, or is NULL.
bool Constant(const Expr* expression, ExprContext* context, Datum* value) {
  auto* node = reinterpret_cast<Node*>(const_cast<Expr*>(expression));
  if (contain_var_clause(node) || contain_volatile_functions(node) || contain_subplans(node)) {
    return false;
  }
  ExprState* state = ExecInitExpr(const_cast<Expr*>(expression), nullptr);
  bool is_null;
  *value = ExecEvalExprSwitchContext(state, context, &is_null);
  return !is_null;
}

bool IsTimeVar(const Expr* expression, Bucket* bucket) {
  if (!IsA(expression, Var)) return false;
  const auto* var = reinterpret_cast<const Var*>(expression);
  bucket->attribute = var->varattno;
  return var->varattno > 0 && (var->vartype == TIMESTAMPTZOID || var->vartype == TIMESTAMPOID);
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

const Expr* First(List* arguments) { return static_cast<const Expr*>(linitial(arguments)); }
const Expr* Second(List* arguments) { return static_cast<const Expr*>(lsecond(arguments)); }

bool RecognizeDateBin(Oid function, List* arguments, ExprContext* context, Bucket* bucket) {
  Datum stride, origin;
  if (!Constant(First(arguments), context, &stride) || !IsTimeVar(Second(arguments), bucket) ||
      !Constant(static_cast<const Expr*>(lthird(arguments)), context, &origin)) {
    return false;
  }
  const Interval* interval = DatumGetIntervalP(stride);
  if (interval->month != 0 || TIMESTAMP_NOT_FINITE(DatumGetTimestamp(origin))) return false;
  int64 width;
  if (__builtin_mul_overflow(static_cast<int64>(interval->day), USECS_PER_DAY, &width) ||
      __builtin_add_overflow(width, interval->time, &width) || width <= 0) {
    return false;
  }
  bucket->kind = Bucket::Kind::kDateBin;
  bucket->width = width;
  bucket->origin = DatumGetTimestamp(origin);
  bucket->fallback_function = function;
  bucket->fallback_argument = stride;
  return true;
}

// The length of date_trunc's unit in microseconds; 0 for those that have none or are left alone.
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

bool RecognizeTruncate(Oid function, List* arguments, ExprContext* context, Bucket* bucket) {
  Datum unit;
  if (!Constant(First(arguments), context, &unit) || !IsTimeVar(Second(arguments), bucket)) {
    return false;
  }
  bucket->width = UnitLength(unit);
  bucket->origin = 0;
  if (bucket->width == 0) return false;
  bucket->fallback_function = function;
  bucket->unit = PointerGetDatum(PG_DETOAST_DATUM_COPY(unit));
  if (function == F_DATE_TRUNC_TEXT_TIMESTAMP) {
    bucket->kind = Bucket::Kind::kTruncate;
  } else {
    bucket->kind = Bucket::Kind::kTruncateInZone;
    bucket->cells = static_cast<Bucket::Cell*>(palloc0(kCells * sizeof(Bucket::Cell)));
  }
  return true;
}

// origin + (date_trunc('seconds', (t - zero) / divisor) * factor), with divisor and factor whole
// and equal.
bool RecognizeWorkshop(List* sum, ExprContext* context, Bucket* bucket) {
  List *product, *truncation, *quotient, *difference;
  Datum result_origin, factor, unit, divisor, zero;
  if (!Constant(First(sum), context, &result_origin) ||
      FunctionOf(Second(sum), &product) != F_INTERVAL_MUL ||
      !Constant(Second(product), context, &factor) ||
      FunctionOf(First(product), &truncation) != F_DATE_TRUNC_TEXT_INTERVAL ||
      !Constant(First(truncation), context, &unit) ||
      strcmp(TextDatumGetCString(unit), "seconds") != 0 ||
      FunctionOf(Second(truncation), &quotient) != F_INTERVAL_DIV ||
      !Constant(Second(quotient), context, &divisor) ||
      FunctionOf(First(quotient), &difference) != F_TIMESTAMPTZ_MI ||
      !IsTimeVar(First(difference), bucket) || !Constant(Second(difference), context, &zero)) {
    return false;
  }
  const double seconds = DatumGetFloat8(divisor);
  // Divisors of a day, so that days divide into whole seconds without a remainder of their own.
  if (seconds != DatumGetFloat8(factor) || seconds < 1 || seconds > SECS_PER_DAY ||
      std::fmod(SECS_PER_DAY, seconds) != 0 || TIMESTAMP_NOT_FINITE(DatumGetTimestamp(zero))) {
    return false;
  }
  bucket->kind = Bucket::Kind::kWorkshop;
  bucket->divisor = seconds;
  bucket->width = static_cast<int64>(seconds) * USECS_PER_SEC;
  bucket->origin = DatumGetTimestamp(zero);
  bucket->result_origin = DatumGetTimestamp(result_origin);
  bucket->cells = static_cast<Bucket::Cell*>(palloc0(kWorkshopCells * sizeof(Bucket::Cell)));
  return true;
}

int64 FloorTo(int64 t, int64 width, int64 origin) {
  const int64 distance = t - origin;
  int64 rest = distance % width;
  if (rest < 0) rest += width;
  return t - rest;
}

// What interval division and truncation to seconds come to, for t - zero >= 0. The quotient is
// rounded to a microsecond before it is cut to seconds, so the last half microsecond times the
// divisor of a bucket belongs to the next (interval_div, interval_trunc).
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
  return bucket.result_origin + whole_days * seconds_per_bucket * USECS_PER_DAY +
         seconds * seconds_per_bucket * USECS_PER_SEC;
}

// date_trunc in the session's zone: asked of PostgreSQL once for each stretch of time within which
// the answer cannot change, which ends with the unit or where the zone's offset changes.
int64 TruncateInZone(Bucket* bucket, int64 t) {
  const auto hash = static_cast<uint64>(FloorTo(t, bucket->width, 0)) * 0x9e3779b97f4a7c15ULL;
  Bucket::Cell& cell = bucket->cells[hash >> 56];
  static_assert(kCells == 256);
  if (t >= cell.low && t < cell.high) return cell.result;
  const int64 result = DatumGetTimestampTz(
      DirectFunctionCall2(timestamptz_trunc, bucket->unit, TimestampTzGetDatum(t)));
  pg_time_t start = timestamptz_to_time_t(result);
  long int before_offset, after_offset;
  int before_dst, after_dst;
  pg_time_t boundary;
  const int found = pg_next_dst_boundary(&start, &before_offset, &before_dst, &boundary,
                                         &after_offset, &after_dst, session_timezone);
  int64 high = result + bucket->width;
  if (found < 0) high = t + 1;
  if (found == 1 && time_t_to_timestamptz(boundary) < high) {
    // An offset changes within the unit: nothing is known but this value.
    high = t + 1;
  }
  if (result <= t) cell = {t, high, result};
  return result;
}

}  // namespace

bool RecognizeBucket(const Expr* expression, ExprContext* context, Bucket* bucket) {
  List* arguments;
  switch (FunctionOf(expression, &arguments)) {
    case F_DATE_BIN_INTERVAL_TIMESTAMP_TIMESTAMP:
      return RecognizeDateBin(F_DATE_BIN_INTERVAL_TIMESTAMP_TIMESTAMP, arguments, context, bucket);
    case F_DATE_BIN_INTERVAL_TIMESTAMPTZ_TIMESTAMPTZ:
      return RecognizeDateBin(F_DATE_BIN_INTERVAL_TIMESTAMPTZ_TIMESTAMPTZ, arguments, context,
                              bucket);
    case F_DATE_TRUNC_TEXT_TIMESTAMP:
      return RecognizeTruncate(F_DATE_TRUNC_TEXT_TIMESTAMP, arguments, context, bucket);
    case F_DATE_TRUNC_TEXT_TIMESTAMPTZ:
      return RecognizeTruncate(F_DATE_TRUNC_TEXT_TIMESTAMPTZ, arguments, context, bucket);
    case F_TIMESTAMP_PL_INTERVAL:
      return RecognizeWorkshop(arguments, context, bucket);
    default:
      return false;
  }
}

int64 BucketOf(Bucket* bucket, int64 t) {
  switch (bucket->kind) {
    case Bucket::Kind::kDateBin:
      if (likely(t >= bucket->origin && !TIMESTAMP_NOT_FINITE(t))) {
        return t - (t - bucket->origin) % bucket->width;
      }
      return DatumGetTimestamp(OidFunctionCall3(bucket->fallback_function,
                                                bucket->fallback_argument, TimestampGetDatum(t),
                                                TimestampGetDatum(bucket->origin)));
    case Bucket::Kind::kTruncate:
      if (unlikely(TIMESTAMP_NOT_FINITE(t))) return t;
      return FloorTo(t, bucket->width, 0);
    case Bucket::Kind::kTruncateInZone:
      if (unlikely(TIMESTAMP_NOT_FINITE(t))) return t;
      return TruncateInZone(bucket, t);
    case Bucket::Kind::kWorkshop: {
      int64 distance;
      if (unlikely(TIMESTAMP_NOT_FINITE(t) ||
                   __builtin_sub_overflow(t, bucket->origin, &distance))) {
        // The words of timestamptz - timestamptz.
        ereport(ERROR, (errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
                        errmsg("cannot subtract infinite timestamps")));
      }
      if (likely(distance >= 0)) {
        // Buckets are some 2^28 microseconds long.
        Bucket::Cell& cell = bucket->cells[t >> 28 & (kWorkshopCells - 1)];
        if (likely(t >= cell.low && t < cell.high)) return cell.result;
        const int64 result = WorkshopBucket(*bucket, distance);
        // Away from the end of the bucket, where rounding begins, all of it has this result.
        const int64 low = t - distance % bucket->width;
        const int64 high = low + bucket->width - static_cast<int64>(bucket->divisor) - 1;
        if (t < high) cell = {low, high, result};
        return result;
      }
      // Before the epoch quotients are cut towards zero: mirrored.
      Bucket mirrored = *bucket;
      mirrored.result_origin = 0;
      return bucket->result_origin - WorkshopBucket(mirrored, -distance);
    }
    case Bucket::Kind::kNone:
      break;
  }
  elog(ERROR, "MillraceAggregate: a bucket of no kind");
  return 0;
}

}  // namespace millrace::pg
