// The aggregates that a rollup can keep, in one table: how each is recognised, and how its values
// over two sets of rows, or over many, become one.
#pragma once

#include "pg/rollup/catalog/definition.h"

namespace millrace::pg {

struct KnownAggregate {
  const char* extension;  // nullptr: PostgreSQL's own
  const char* name;
  ColumnRole role;
  // Seeing a value twice changes nothing, so it may be computed over keys of another rollup.
  bool idempotent;
};

// What a call of an aggregate is; nullptr where a rollup cannot keep it: another function,
// DISTINCT, ORDER BY, VARIADIC.
const KnownAggregate* FindAggregate(const Aggref* aggref);

// An expression of two values of a column, `old_value` over the rows that are there and `new_value`
// over those that are new. REQUIRES: the column is a measure that is stored.
const char* MergedSql(const RollupColumn& column, const char* old_value, const char* new_value);

// An aggregate call over many values of a column, of its type; `value` is an expression for one of
// them. REQUIRES: as MergedSql.
const char* MergeAggregateSql(const RollupColumn& column, const char* value);

}  // namespace millrace::pg
