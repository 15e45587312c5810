// Rows by their address: for index scans, triggers and `ctid = ...`.
#pragma once

#include "pg/base/api.h"

namespace millrace::pg {

IndexFetchTableData* BeginDenseFetch(Relation relation);
void ResetDenseFetch(IndexFetchTableData* fetch);
void EndDenseFetch(IndexFetchTableData* fetch);
bool FetchDenseByIndex(IndexFetchTableData* fetch, ItemPointer address, Snapshot snapshot,
                       TupleTableSlot* slot, bool* call_again, bool* all_dead);
bool FetchDenseRow(Relation relation, ItemPointer address, Snapshot snapshot, TupleTableSlot* slot);
bool DenseRowSatisfies(Relation relation, TupleTableSlot* slot, Snapshot snapshot);
bool IsDenseAddress(TableScanDesc scan, ItemPointer address);

}  // namespace millrace::pg
