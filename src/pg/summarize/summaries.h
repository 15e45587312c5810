// The rows of a rollup without some of its keys, where another rollup over it already has them.
#pragma once

#include "pg/base/api.h"
#include "pg/rollup/catalog/catalog.h"

namespace millrace::pg {

// A table that has the rollup's measures by some of its keys: the rollup's own, that of a rollup
// over it, or one that is only proposed. Columns of the rollup are named by their numbers in its
// table.
struct SummaryTable {
  Oid relation;          // InvalidOid: proposed
  const char* name;      // qualified
  Bitmapset* keys;       // which of the rollup's keys it has
  bool more_keys;        // it also has keys that the rollup has not, such as days of its hours
  const char** columns;  // by number: its name for the column; nullptr if it has none
  double rows;
};

// The tables that have all of the rollup's measures: its own first, then those of rollups over it,
// directly or not. `rollup` is from LoadFamily.
List* FindSummaryTables(const Rollup& rollup);

// The numbers of the rollup's keys, or of its stored measures.
Bitmapset* KeysOf(const Rollup& rollup);
Bitmapset* MeasuresOf(const Rollup& rollup);
// The number of its bucket; 0 if it has none.
AttrNumber BucketOf(const Rollup& rollup);

// An array for SummaryTable::columns, of nullptrs.
const char** MakeColumns(const Rollup& rollup);

// The rows of a table, as the planner estimates them from its size.
double RowsOfTable(Oid relation);

}  // namespace millrace::pg
