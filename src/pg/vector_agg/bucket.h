// Key expressions that are computed for a whole batch instead of row by row: a timestamp put into
// buckets.
#pragma once

#include "pg/pg_api.h"

namespace millrace::pg {

// One of
//   date_bin('5 minutes', t, 'epoch')                          on timestamp or timestamptz
//   date_trunc('hour', t)                                      second to day; timestamptz: in the
//   session's zone date_trunc('seconds', (t - TIMESTAMP 'epoch') / 300) * 300 + TIMESTAMP 'epoch'
//   the workshop's
// for a Var `t` of the table scanned. Plain data in a memory context.
struct Bucket {
  enum class Kind { kNone, kDateBin, kTruncate, kTruncateInZone, kWorkshop };
  Kind kind = Kind::kNone;
  AttrNumber attribute;  // of t
  // kDateBin: width and origin. kTruncate: width, origin 0. kWorkshop: what is taken from t, what
  // is added to the result, and the divisor and factor.
  int64 width;
  int64 origin;
  int64 result_origin;
  double divisor;
  Datum unit;  // kTruncateInZone: the text for PostgreSQL's function
  Oid fallback_function;
  Datum fallback_argument;  // kDateBin: the interval, for values PostgreSQL is better asked about
  struct Cell {
    int64 low, high, result;
  };
  Cell* cells = nullptr;  // kTruncateInZone, kWorkshop: ranges whose result is known
};

// Recognises an expression of a scan's target list after planning; `context` evaluates its constant
// parts. Returns false for anything else.
bool RecognizeBucket(const Expr* expression, ExprContext* context, Bucket* bucket);

// The bucket of `t`, a timestamp's 64 bits. May raise, as PostgreSQL's functions do.
int64 BucketOf(Bucket* bucket, int64 t);

}  // namespace millrace::pg
