// What a declared rollup computes: its query, analysed.
//
// The query groups one table by expressions and keeps one row per group. New rows alone are enough
// to keep it up to date when each output is a key, or an aggregate that merges: its value over two
// sets of rows follows from its values over each (see ColumnRole). Anything else is refused here,
// with an error that names the expression and what to do instead.
#pragma once

#include "pg/base/api.h"

namespace millrace::pg {

enum class ColumnRole {
  kKey,
  kCount,    // count: the values are added
  kSum,      // sum: the values are added, NULL counts for nothing
  kMin,      // min: the lower
  kMax,      // max: the higher
  kBoolAnd,  // bool_and, every
  kBoolOr,   // bool_or
  kHll,      // hll_add_agg, hll_union_agg: hll_union
  kTopN,     // topn_add_agg, topn_union_agg: topn_union
  kAverage,  // avg: generated from two columns before it, name_sum (kSum) and name_count (kCount)
};

// A column of the rollup's table.
struct RollupColumn {
  const char* name;
  Oid type;
  int32 typmod;
  Oid collation;
  ColumnRole role;
  const char* schema;  // kHll, kTopN: where the functions are, quoted
  bool digested;       // kKey: is in the unique index by KeyDigestSql, not as it is
};

struct RollupDefinition {
  Query* query;      // as given, but with every parameter of its sketches written out
  Oid source;        // the table below
  Index source_rte;  // its place in the range table of `storage`
  // The query with each avg split into sum and count. This is what is run to get new groups. Its
  // target list is `columns` without those of role kAverage.
  Query* storage;
  List* columns;       // RollupColumn*
  const char* bucket;  // the first key that cuts a time, else the first time, or nullptr
  Oid bucket_type;     // timestamptz, timestamp or date; the latter two are taken as UTC
  // The time of the source that `bucket` cuts to its unit (date_bin, date_trunc): a row is in the
  // buckets from one bound to another exactly when its time is between these bounds. nullptr when
  // the bucket is another expression. `bucket_call` is the call that cuts it.
  const char* bucket_time;
  const FuncExpr* bucket_call;
};

// Parses and analyses one SELECT statement, in the current search_path. Raises for anything else.
Query* ParseRollupQuery(const char* sql);

// Finds out what a query computes, as it was parsed or as a view has it. Raises 0A000 with a hint
// for what a rollup cannot keep. `name` is for messages. Allocates in the current memory context.
RollupDefinition* AnalyzeRollupQuery(const Query* query, const char* name);

// Checks that a query over the table of another rollup can be computed from the partial rows of
// each refresh: merged, they must give the same as the whole rows. Raises 0A000 if not.
void CheckOverRollup(const RollupDefinition& definition, const RollupDefinition& parent,
                     const char* name);

// Whether values that the type calls equal are the same bytes, as B-tree's deduplication asks. It
// is not so for 1.0 and 1.00 of numeric.
bool EqualMeansSame(Oid type, Oid collation);

inline bool IsStored(const RollupColumn& column) { return column.role != ColumnRole::kAverage; }

}  // namespace millrace::pg
