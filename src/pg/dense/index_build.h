// Builds indexes over dense events.
#pragma once

#include "pg/base/api.h"

namespace millrace::pg {

// Whether an index is of a kind that dense events can have. A bitmap has addresses of 291 rows of a
// page at most. So only kinds that can also return row after row, and BRIN, which names whole
// pages.
bool IndexFitsDense(Relation index);

double BuildIndexOverDense(Relation table, Relation index, IndexInfo* info, bool allow_sync,
                           bool any_visible, bool progress, BlockNumber first, BlockNumber blocks,
                           IndexBuildCallback callback, void* state, TableScanDesc scan);
void ValidateIndexOverDense(Relation table, Relation index, IndexInfo* info, Snapshot snapshot,
                            ValidateIndexState* state);

}  // namespace millrace::pg
