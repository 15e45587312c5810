// millrace_dense: a table access method for events, which are only appended. Its parts:
//
//   core/dense   what is in a page: chunks of encoded columns, young rows, runs
//   rows         rows between slots and pages
//   visibility   which runs a snapshot sees
//   page_reader  the visible rows of a page, from a copy of it
//   insert       rows into pages
//   scan, fetch  rows out of pages
//   index_build, vacuum, storage
//   handler      the access method's table of functions
#pragma once

#include "pg/base/api.h"

namespace millrace::pg {

const TableAmRoutine* DenseTableAmRoutine();
inline bool IsDense(Relation relation) { return relation->rd_tableam == DenseTableAmRoutine(); }

// Tells the planner which index scans can be over dense events.
void InstallDense();

}  // namespace millrace::pg
