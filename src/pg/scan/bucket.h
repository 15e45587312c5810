// Key expressions that are computed for a whole batch instead of row by row: they put a timestamp
// into a bucket.
#pragma once

#include "pg/base/api.h"

namespace millrace::pg {

// One of
//   date_bin('5 minutes', t, 'epoch')      on timestamp or timestamptz
//   date_trunc('hour', t)                  second to day; timestamptz: in the session's zone
//   date_trunc('seconds', (t - TIMESTAMP 'epoch') / 300) * 300 + TIMESTAMP 'epoch'
//                                          the workshop's
// for a Var `t` of the table scanned, with anything constant in place of the constants. Where our
// result is not known to be right, PostgreSQL itself evaluates the expression, value by value.
// Plain data in a memory context.
struct Bucket {
  enum class Shape { kDateBin, kTruncate, kTruncateInZone, kWorkshop };
  enum class Method { kNotKnown, kExpression, kDateBin, kTruncate, kTruncateInZone, kWorkshop };
  Shape shape;
  AttrNumber attribute;   // of t
  ExprState* expression;  // the whole expression, with CaseTestExpr for t
  ExprContext* context;
  static constexpr int kMaxConstants = 5;
  ExprState* constants[kMaxConstants];  // in the order in which the function calls are nested

  // What SettleBucket found out.
  Method method;
  // kDateBin: width and origin. kTruncate: width. kWorkshop: what is subtracted from t, what is
  // added to the result, and the divisor and factor.
  int64 width;
  int64 origin;
  int64 result_origin;
  double divisor;
  struct Cell {
    int64 low, high, result;
  };
  Cell* cells;  // kTruncateInZone, kWorkshop: ranges whose result is known
};

// Recognises an expression of a scan's target list after planning; nullptr for any other. Evaluates
// nothing yet; later this happens in `context`. `descriptor` is the table's. Allocates in the
// current memory context, which must be the query's.
Bucket* RecognizeBucket(Expr* expression, TupleDesc descriptor, ExprContext* context);

// Forgets the constants: parameters may have changed.
void RestartBucket(Bucket* bucket);

// Computes the constants for the first value of `t`, unless that is done. May raise what PostgreSQL
// raises for that value.
void SettleBucket(Bucket* bucket, int64 t, bool is_null);

// The bucket of `t`, a timestamp's 64 bits. Sets `*is_null` when the bucket is NULL, otherwise does
// not change it. May raise what PostgreSQL's functions raise. REQUIRES: settled.
int64 BucketOf(Bucket* bucket, int64 t, bool* is_null);

}  // namespace millrace::pg
