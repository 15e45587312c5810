#include "pg/dense/index_build.h"

#include "pg/base/compat_table_am.h"
#include "pg/dense/page_reader.h"
#include "pg/dense/scan.h"

namespace millrace::pg {
namespace {

// Evaluates an index's predicate and expressions for one row after another.
struct IndexRow {
  EState* estate;
  ExprContext* context;
  TupleTableSlot* slot;
  ExprState* predicate;
};

IndexRow BeginIndexRows(Relation table, IndexInfo* info) {
  IndexRow row;
  row.estate = CreateExecutorState();
  row.context = GetPerTupleExprContext(row.estate);
  row.slot = table_slot_create(table, nullptr);
  row.context->ecxt_scantuple = row.slot;
  row.predicate = ExecPrepareQual(info->ii_Predicate, row.estate);
  return row;
}

void EndIndexRows(IndexRow* row, IndexInfo* info) {
  ExecDropSingleTupleTableSlot(row->slot);
  FreeExecutorState(row->estate);
  // They may have pointed into what is gone.
  info->ii_ExpressionsState = NIL;
  info->ii_PredicateState = nullptr;
}

void CheckIndexMethod(Relation index) {
  if (IndexFitsDense(index)) return;
  ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                  errmsg("an index of this kind cannot be built over dense events"),
                  errhint("Use btree, hash, gist or brin, or keep the table as heap: ALTER TABLE "
                          "... SET ACCESS METHOD heap.")));
}

}  // namespace

bool IndexFitsDense(Relation index) {
  return index->rd_indam->amgettuple != nullptr || index->rd_rel->relam == BRIN_AM_OID;
}

double BuildIndexOverDense(Relation table, Relation index, IndexInfo* info, bool, bool any_visible,
                           bool progress, BlockNumber first, BlockNumber blocks,
                           IndexBuildCallback callback, void* state, TableScanDesc scan) {
  CheckIndexMethod(index);
  // Without CONCURRENTLY nobody else writes, and every row that is not of an aborted transaction
  // goes into the index: old snapshots may use it, and they see no more rows than these.
  const bool own_scan = scan == nullptr;
  Snapshot snapshot = SnapshotAny;
  const bool by_snapshot = !any_visible && (IsBootstrapProcessingMode() || info->ii_Concurrent);
  if (own_scan) {
    if (by_snapshot) snapshot = RegisterSnapshot(GetTransactionSnapshot());
    scan = BeginDenseScan(table, snapshot, 0, nullptr, nullptr, SO_TYPE_SEQSCAN | SO_ALLOW_STRAT);
    if (first != 0 || blocks != InvalidBlockNumber) {
      auto* dense = reinterpret_cast<DenseScan*>(scan);
      dense->begin = Min(first, dense->end);
      if (blocks != InvalidBlockNumber && blocks < dense->end - dense->begin) {
        dense->end = dense->begin + blocks;
      }
    }
    if (progress) {
      pgstat_progress_update_param(PROGRESS_SCAN_BLOCKS_TOTAL,
                                   reinterpret_cast<DenseScan*>(scan)->end);
    }
  }
  IndexRow row = BeginIndexRows(table, info);
  double rows = 0;
  BlockNumber block = InvalidBlockNumber;
  while (NextDenseRow(scan, ForwardScanDirection, row.slot)) {
    CHECK_FOR_INTERRUPTS();
    rows += 1;
    MemoryContextReset(row.context->ecxt_per_tuple_memory);
    if (progress && own_scan && block != reinterpret_cast<DenseScan*>(scan)->block) {
      block = reinterpret_cast<DenseScan*>(scan)->block;
      pgstat_progress_update_param(PROGRESS_SCAN_BLOCKS_DONE, block);
    }
    if (row.predicate != nullptr && !ExecQual(row.predicate, row.context)) continue;
    Datum values[INDEX_MAX_KEYS];
    bool nulls[INDEX_MAX_KEYS];
    FormIndexDatum(info, row.slot, row.estate, values, nulls);
    callback(index, &row.slot->tts_tid, values, nulls, true, state);
  }
  table_endscan(scan);
  if (own_scan && by_snapshot) UnregisterSnapshot(snapshot);
  EndIndexRows(&row, info);
  return rows;
}

// Rows that the snapshot sees and the index does not have go into the index. Both come in the order
// of their addresses.
void ValidateIndexOverDense(Relation table, Relation index, IndexInfo* info, Snapshot snapshot,
                            ValidateIndexState* state) {
  IndexRow row = BeginIndexRows(table, info);
  TableScanDesc scan =
      BeginDenseScan(table, snapshot, 0, nullptr, nullptr, SO_TYPE_SEQSCAN | SO_ALLOW_STRAT);
  int64 indexed = -1;
  bool more = true;
  while (NextDenseRow(scan, ForwardScanDirection, row.slot)) {
    CHECK_FOR_INTERRUPTS();
    state->htups += 1;
    const int64 address = itemptr_encode(&row.slot->tts_tid);
    while (more && indexed < address) {
      Datum value;
      more = NextSortedDatum(state->tuplesort, &value);
      if (!more) break;
      indexed = DatumGetInt64(value);
    }
    if (more && indexed == address) continue;
    MemoryContextReset(row.context->ecxt_per_tuple_memory);
    if (row.predicate != nullptr && !ExecQual(row.predicate, row.context)) continue;
    Datum values[INDEX_MAX_KEYS];
    bool nulls[INDEX_MAX_KEYS];
    FormIndexDatum(info, row.slot, row.estate, values, nulls);
    ItemPointerData tid = row.slot->tts_tid;
    index_insert(index, values, nulls, &tid, table,
                 info->ii_Unique ? UNIQUE_CHECK_YES : UNIQUE_CHECK_NO, false, info);
    state->tups_inserted += 1;
  }
  table_endscan(scan);
  EndIndexRows(&row, info);
}

}  // namespace millrace::pg
