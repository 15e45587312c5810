// The files of dense events, and what the planner is told about them.
#pragma once

#include "pg/base/compat_table_am.h"

namespace millrace::pg {

void CreateDenseFile(Relation relation, const FileLocator* file, char persistence,
                     TransactionId* frozen, MultiXactId* least_multi);
void TruncateDense(Relation relation);
void CopyDenseFile(Relation relation, const FileLocator* file);
uint64 DenseBytes(Relation relation, ForkNumber fork);
bool NeedsToastTable(Relation relation);
void EstimateDense(Relation relation, int32* widths, BlockNumber* pages, double* rows,
                   double* all_visible);

}  // namespace millrace::pg
