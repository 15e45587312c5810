// What a MillraceAggregate node computes, as it travels from the planner to the executor in
// CustomScan.custom_private: a list of three lists, columns, keys and aggregates, each element a
// list of integers (so that plans can be copied).
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

// Parameters of hll_add_agg that the query gives; the rest comes from the settings when the node
// starts.
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

// The limits are GroupBy's.
struct VectorAggPlan {
  int column_count = 0, key_count = 0, aggregate_count = 0;
  bool sorted = false;   // rows leave in the order of the keys
  bool partial = false;  // aggregates leave as transition states, serialized, for a Finalize above
  ColumnPlan columns[64];
  KeyPlan keys[32];
  AggregatePlan aggregates[64];
};

List* SerializePlan(const VectorAggPlan& plan);
void DeserializePlan(const List* list, VectorAggPlan* plan);

}  // namespace millrace::pg
