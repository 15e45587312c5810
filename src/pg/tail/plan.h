// Planning of questions about the newest rows of a watched tree (marks.h): a query that groups one
// partitioned table and has a condition "id > ...". PostgreSQL would open and plan each partition.
// Here it plans one node, MillraceTail (scan.h), which finds the partitions when it runs.
#pragma once

#include "pg/base/api.h"
#include "pg/base/scope.h"

namespace millrace::pg {

// Installs the planner's hooks.
void InstallTailScan();

// In `body` a bound that is a parameter is taken to be near the end of the events, as the windows
// of a refresh are. Otherwise only a subquery is (the live view's watermark), and a constant that
// is above the tree's floor.
void BeginTailParameters();
void EndTailParameters();
template <typename Body>
void WithTailParameters(Body body) {
  BeginTailParameters();
  PG_TRY();
  { body(); }
  PG_FINALLY();
  { EndTailParameters(); }
  PG_END_TRY();
}

}  // namespace millrace::pg
