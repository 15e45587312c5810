// What conditions say about the ids and the times of rows.
#pragma once

#include "pg/base/api.h"

namespace millrace::pg {

// smallint, integer or bigint.
bool IsIntegerType(Oid type);
// The value of such a type.
int64 IntegerIn(Datum value, Oid type);

// What a column is at least: above `value`, or with `inclusive` that itself. `value` is an
// expression without columns of the same query, of an integer type.
struct LowerBound {
  Node* value;
  bool inclusive;
};
// Whether a condition bounds column `attribute` of table `number` from below: >, >= or =.
bool FindLowerBound(Node* condition, int number, AttrNumber attribute, LowerBound* bound);

// A condition on a bucket, such as date_bin('5 minutes', t, ...) >= constant or date_trunc('hour',
// t) < constant, says something about t itself: a condition that all rows meet for which this one
// is true, and with which PostgreSQL can leave out partitions. nullptr: it says nothing.
Node* ImpliedTimeCondition(Node* condition);

}  // namespace millrace::pg
