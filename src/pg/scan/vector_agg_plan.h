// What a MillraceAggregate node computes, and how it gets from the planner to the executor in
// CustomScan.custom_private: as a list of the flags, and of three lists for columns, keys and
// aggregates. Their elements are lists of integers, so that plans can be copied. The first is never
// an empty list: Citus looks at the first element of any CustomScan, and crashes if it is NULL.
#pragma once

#include "core/aggregate/aggregate_function.h"
#include "pg/base/api.h"

namespace millrace::pg {

// How a value of the child's tuples becomes a value of a batch.
enum class ColumnKind : int {
  kInteger,  // by value: int2, int4, int8, bool, date, timestamp, timestamptz, hll_hashval
  kFloat,    // float4, float8: as float8
  kText,     // text, varchar, bytea, uuid: interned
  kItem,     // text as topn keeps it, clipped: interned
  kHll,      // stored hll: HllView
  kTopN,     // stored topn: TopNStored
};

struct ColumnPlan {
  int resno;  // of the child's target list
  Oid type;   // a base type, no domain
  ColumnKind kind;
};

struct KeyPlan {
  int column;
  Oid type;  // a base type
  Oid collation;
};

// The parameters of hll_add_agg that the query gives; the others come from the settings when the
// node starts.
struct HllArguments {
  int given;
  int64 values[4];
};

struct AggregatePlan {
  AggregateKind kind;
  int column;  // -1 where there is none
  HashWidth hash_width;
  Oid function;  // the aggregate
  Oid result_type;
  HllArguments hll;
};

// The limits are those of GroupBy.
struct VectorAggPlan {
  int column_count = 0, key_count = 0, aggregate_count = 0;
  bool sorted = false;   // rows are returned in the order of the keys
  bool partial = false;  // aggregates are returned as serialized states, for a Finalize above
  ColumnPlan columns[64];
  KeyPlan keys[32];
  AggregatePlan aggregates[64];
};

List* SerializePlan(const VectorAggPlan& plan);
void DeserializePlan(const List* list, VectorAggPlan* plan);

}  // namespace millrace::pg
