// The scans of the access method: sequential, parallel, of a range of addresses, bitmap, sample,
// and ANALYZE's.
#pragma once

#include "pg/base/api.h"
#include "pg/dense/page_reader.h"

namespace millrace::pg {

struct DenseScan {
  TableScanDescData base;
  PageReader* reader;  // nullptr until the first page is read; see ReaderOf
  RunSnapshot snapshot;
  BufferAccessStrategy strategy;
  MemoryContext context;  // in which the scan was begun
  ParallelBlockTableScanWorkerData worker;
  bool worker_begun;
  BlockNumber begin, end;  // blocks to read, as the table was when the scan began
  BlockNumber block;  // the present one; InvalidBlockNumber before the first and after the last
  int row;            // the present visible row
  bool done;          // after the last block, or before the first
  bool by_address;    // only rows from `least` to `greatest`
  ItemPointerData least, greatest;
};

TableScanDesc BeginDenseScan(Relation relation, Snapshot snapshot, int keys, ScanKeyData* key,
                             ParallelTableScanDesc parallel, uint32 flags);
void EndDenseScan(TableScanDesc scan);
void RestartDenseScan(TableScanDesc scan, ScanKeyData* key, bool set_params, bool strategy,
                      bool sync, bool page_mode);
bool NextDenseRow(TableScanDesc scan, ScanDirection direction, TupleTableSlot* slot);
void SetDenseAddresses(TableScanDesc scan, ItemPointer least, ItemPointer greatest);
bool NextDenseRowByAddress(TableScanDesc scan, ScanDirection direction, TupleTableSlot* slot);

// Made when it is first needed: most partitions that a plan names are never read.
PageReader* ReaderOf(DenseScan* scan);
// The next block of a sequential scan, which may be parallel; InvalidBlockNumber after the last.
BlockNumber NextDenseBlock(DenseScan* scan);

// Opens a page that a bitmap or a sample names. False if no row of it is visible.
bool OpenDensePage(DenseScan* scan, BlockNumber block);
bool NextRowOfBitmap(DenseScan* scan, TupleTableSlot* slot);

bool NextSampledPage(TableScanDesc scan, SampleScanState* state);
bool NextSampledRow(TableScanDesc scan, SampleScanState* state, TupleTableSlot* slot);

bool NextAnalyzedRow(TableScanDesc scan, TransactionId oldest, double* live, double* dead,
                     TupleTableSlot* slot);

}  // namespace millrace::pg
