#include "pg/dense/fetch.h"

#include "pg/dense/page_reader.h"

namespace millrace::pg {
namespace {

struct DenseFetch {
  IndexFetchTableData base;
  PageReader* reader;
  // What the reader has: its page as this snapshot sees it. Only for MVCC snapshots: others see
  // more from one moment to the next.
  Snapshot snapshot;
  CommandId command;
  RunSnapshot run_snapshot;
};

bool Has(const DenseFetch* fetch, BlockNumber block, Snapshot snapshot) {
  return fetch->snapshot == snapshot && fetch->reader->block() == block &&
         IsMVCCSnapshot(snapshot) && fetch->command == snapshot->curcid;
}

bool Open(DenseFetch* fetch, BlockNumber block, Snapshot snapshot) {
  if (fetch->snapshot != snapshot || !IsMVCCSnapshot(snapshot) ||
      fetch->command != snapshot->curcid) {
    fetch->run_snapshot = MakeRunSnapshot(snapshot);
    fetch->snapshot = snapshot;
    fetch->command = snapshot->curcid;
  }
  return fetch->reader->Read(block, fetch->run_snapshot, nullptr);
}

}  // namespace

IndexFetchTableData* BeginDenseFetch(Relation relation) {
  auto* fetch = static_cast<DenseFetch*>(palloc0(sizeof(DenseFetch)));
  fetch->base.rel = relation;
  fetch->reader = PageReader::Make(relation);
  return &fetch->base;
}

void ResetDenseFetch(IndexFetchTableData* base) {
  reinterpret_cast<DenseFetch*>(base)->snapshot = nullptr;
}

void EndDenseFetch(IndexFetchTableData* base) {
  reinterpret_cast<DenseFetch*>(base)->reader->Free();
  pfree(base);
}

bool FetchDenseByIndex(IndexFetchTableData* base, ItemPointer address, Snapshot snapshot,
                       TupleTableSlot* slot, bool* call_again, bool* all_dead) {
  auto* fetch = reinterpret_cast<DenseFetch*>(base);
  *call_again = false;
  // Entries of rows that nobody sees are removed by VACUUM alone.
  if (all_dead != nullptr) *all_dead = false;
  const BlockNumber block = ItemPointerGetBlockNumber(address);
  const bool has = Has(fetch, block, snapshot);
  if (!has) {
    if (!IsMVCCSnapshot(snapshot)) {
      // Of one row, not of the page: a dirty snapshot says which transaction is to be waited for.
      return FetchDenseRow(base->rel, address, snapshot, slot);
    }
    Open(fetch, block, snapshot);
  }
  const int row = fetch->reader->Find(ItemPointerGetOffsetNumber(address));
  if (row < 0) {
    // The row may have come after the page was copied. Then SERIALIZABLE must hear of it.
    if (has && IsolationIsSerializable()) Open(fetch, block, snapshot);
    return false;
  }
  fetch->reader->Store(row, slot);
  pgstat_count_heap_fetch(base->rel);
  return true;
}

bool FetchDenseRow(Relation relation, ItemPointer address, Snapshot snapshot,
                   TupleTableSlot* slot) {
  const MemoryContext scratch =
      AllocSetContextCreate(CurrentMemoryContext, "Millrace dense row", ALLOCSET_DEFAULT_SIZES);
  const MemoryContext caller = MemoryContextSwitchTo(scratch);
  PageReader* reader = PageReader::Make(relation);
  const int number = ItemPointerGetOffsetNumber(address);
  bool found =
      reader->Read(ItemPointerGetBlockNumber(address), MakeRunSnapshot(snapshot), nullptr, number);
  const int row = found ? reader->Find(number) : -1;
  found = row >= 0;
  if (found) reader->Store(row, slot);
  MemoryContextSwitchTo(caller);
  // Its values are in the copy of the page.
  if (found) ExecMaterializeSlot(slot);
  MemoryContextDelete(scratch);
  return found;
}

bool DenseRowSatisfies(Relation relation, TupleTableSlot* slot, Snapshot snapshot) {
  TupleTableSlot* copy = table_slot_create(relation, nullptr);
  bool satisfies = FetchDenseRow(relation, &slot->tts_tid, snapshot, copy);
  if (!satisfies && IsMVCCSnapshot(snapshot) && IsolationUsesXactSnapshot()) {
    // ON CONFLICT DO NOTHING has met a row that its snapshot does not see. The executor would now
    // ask the slot for the row's transaction, which ours do not have. Another's row is an error;
    // one of this statement, which the latest snapshot does not see either, is not.
    if (FetchDenseRow(relation, &slot->tts_tid, GetLatestSnapshot(), copy)) {
      ereport(ERROR, (errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
                      errmsg("could not serialize access due to concurrent update")));
    }
    satisfies = true;
  }
  ExecDropSingleTupleTableSlot(copy);
  return satisfies;
}

bool IsDenseAddress(TableScanDesc scan, ItemPointer address) {
  return ItemPointerIsValid(address) &&
         ItemPointerGetBlockNumber(address) < RelationGetNumberOfBlocks(scan->rs_rd) &&
         ItemPointerGetOffsetNumber(address) <= dense::kMaxPageRows;
}

}  // namespace millrace::pg
