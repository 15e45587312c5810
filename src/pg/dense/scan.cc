#include "pg/dense/scan.h"

namespace millrace::pg {
namespace {

DenseScan* ScanOf(TableScanDesc scan) { return reinterpret_cast<DenseScan*>(scan); }

void Restart(DenseScan* scan) {
  Relation relation = scan->base.rs_rd;
  scan->begin = 0;
  scan->end =
      scan->base.rs_parallel != nullptr
          ? reinterpret_cast<ParallelBlockTableScanDesc>(scan->base.rs_parallel)->phs_nblocks
          : RelationGetNumberOfBlocks(relation);
  scan->block = InvalidBlockNumber;
  scan->row = 0;
  scan->done = false;
  scan->by_address = false;
  scan->worker_begun = false;
  // ANALYZE has no snapshot: it counts what is committed, and what its own transaction has done.
  Snapshot snapshot = scan->base.rs_snapshot;
  scan->snapshot = MakeRunSnapshot(snapshot != nullptr ? snapshot : SnapshotSelf);
  if ((scan->base.rs_flags & SO_TYPE_SEQSCAN) != 0) pgstat_count_heap_scan(relation);
}

// The block after the present one, in a direction; InvalidBlockNumber if there is none.
BlockNumber NextBlock(DenseScan* scan, bool forward) {
  if (scan->base.rs_parallel != nullptr) {
    auto* parallel = reinterpret_cast<ParallelBlockTableScanDesc>(scan->base.rs_parallel);
    if (!scan->worker_begun) {
      table_block_parallelscan_startblock_init(scan->base.rs_rd, &scan->worker, parallel);
      scan->worker_begun = true;
    }
    return table_block_parallelscan_nextpage(scan->base.rs_rd, &scan->worker, parallel);
  }
  if (scan->begin >= scan->end) return InvalidBlockNumber;
  if (scan->block == InvalidBlockNumber) return forward ? scan->begin : scan->end - 1;
  if (forward) return scan->block + 1 < scan->end ? scan->block + 1 : InvalidBlockNumber;
  return scan->block > scan->begin ? scan->block - 1 : InvalidBlockNumber;
}

bool PassesKeys(const DenseScan* scan, TupleTableSlot* slot) {
  for (int i = 0; i < scan->base.rs_nkeys; ++i) {
    const ScanKeyData* key = &scan->base.rs_key[i];
    if ((key->sk_flags & SK_ISNULL) != 0) return false;
    bool is_null;
    const Datum value = slot_getattr(slot, key->sk_attno, &is_null);
    if (is_null || !DatumGetBool(FunctionCall2Coll(const_cast<FmgrInfo*>(&key->sk_func),
                                                   key->sk_collation, value, key->sk_argument))) {
      return false;
    }
  }
  return true;
}

// Moves to the next visible row. False after the last.
bool Advance(DenseScan* scan, bool forward) {
  for (;;) {
    if (scan->block != InvalidBlockNumber) {
      scan->row += forward ? 1 : -1;
      if (scan->row >= 0 && scan->row < scan->reader->visible()) return true;
    } else if (scan->done) {
      // From an end of the table, the only way is back.
      scan->done = false;
    }
    CHECK_FOR_INTERRUPTS();
    const BlockNumber block = NextBlock(scan, forward);
    if (block == InvalidBlockNumber) {
      scan->block = InvalidBlockNumber;
      scan->done = true;
      return false;
    }
    scan->block = block;
    ReaderOf(scan)->Read(block, scan->snapshot, scan->strategy);
    scan->row = forward ? -1 : scan->reader->visible();
  }
}

}  // namespace

TableScanDesc BeginDenseScan(Relation relation, Snapshot snapshot, int keys, ScanKeyData* key,
                             ParallelTableScanDesc parallel, uint32 flags) {
  RelationIncrementReferenceCount(relation);
  auto* scan = static_cast<DenseScan*>(palloc0(sizeof(DenseScan)));
  scan->base.rs_rd = relation;
  scan->base.rs_snapshot = snapshot;
  scan->base.rs_nkeys = keys;
  scan->base.rs_flags = flags;
  scan->base.rs_parallel = parallel;
  if (keys > 0) {
    scan->base.rs_key = static_cast<ScanKeyData*>(palloc(keys * sizeof(ScanKeyData)));
    if (key != nullptr) memcpy(scan->base.rs_key, key, keys * sizeof(ScanKeyData));
  }
  if (snapshot != nullptr && (flags & (SO_TYPE_SEQSCAN | SO_TYPE_SAMPLESCAN | SO_TYPE_BITMAPSCAN |
                                       SO_TYPE_TIDSCAN | SO_TYPE_TIDRANGESCAN)) != 0) {
    // Rows are as visible as the transaction that inserted many of them, so predicate locks are on
    // the table.
    PredicateLockRelation(relation, snapshot);
  }
  scan->context = CurrentMemoryContext;
  if ((flags & SO_ALLOW_STRAT) != 0 &&
      RelationGetNumberOfBlocks(relation) > static_cast<BlockNumber>(NBuffers / 4) &&
      !RelationUsesLocalBuffers(relation)) {
    scan->strategy = GetAccessStrategy(BAS_BULKREAD);
  }
  Restart(scan);
  return &scan->base;
}

PageReader* ReaderOf(DenseScan* scan) {
  if (scan->reader == nullptr) {
    const MemoryContext caller = MemoryContextSwitchTo(scan->context);
    scan->reader = PageReader::Make(scan->base.rs_rd);
    MemoryContextSwitchTo(caller);
  }
  return scan->reader;
}

BlockNumber NextDenseBlock(DenseScan* scan) {
  scan->block = NextBlock(scan, true);
  return scan->block;
}

void EndDenseScan(TableScanDesc base) {
  DenseScan* scan = ScanOf(base);
  RelationDecrementReferenceCount(base->rs_rd);
  if ((base->rs_flags & SO_TEMP_SNAPSHOT) != 0) UnregisterSnapshot(base->rs_snapshot);
  if (scan->strategy != nullptr) FreeAccessStrategy(scan->strategy);
  if (scan->reader != nullptr) scan->reader->Free();
  if (base->rs_key != nullptr) pfree(base->rs_key);
  pfree(scan);
}

void RestartDenseScan(TableScanDesc base, ScanKeyData* key, bool, bool, bool, bool) {
  DenseScan* scan = ScanOf(base);
  if (key != nullptr && base->rs_nkeys > 0) {
    memcpy(base->rs_key, key, base->rs_nkeys * sizeof(ScanKeyData));
  }
  Restart(scan);
}

bool NextDenseRow(TableScanDesc base, ScanDirection direction, TupleTableSlot* slot) {
  DenseScan* scan = ScanOf(base);
  while (Advance(scan, !ScanDirectionIsBackward(direction))) {
    scan->reader->Store(scan->row, slot);
    if (base->rs_nkeys > 0 && !PassesKeys(scan, slot)) continue;
    pgstat_count_heap_getnext(base->rs_rd);
    return true;
  }
  ExecClearTuple(slot);
  return false;
}

void SetDenseAddresses(TableScanDesc base, ItemPointer least, ItemPointer greatest) {
  DenseScan* scan = ScanOf(base);
  scan->by_address = true;
  scan->least = *least;
  scan->greatest = *greatest;
  const BlockNumber first = ItemPointerGetBlockNumberNoCheck(least);
  const BlockNumber last = ItemPointerGetBlockNumberNoCheck(greatest);
  const BlockNumber blocks = RelationGetNumberOfBlocks(base->rs_rd);
  scan->begin = Min(first, blocks);
  scan->end = last >= blocks ? blocks : last + 1;
  if (ItemPointerCompare(least, greatest) > 0) scan->end = scan->begin;
  scan->block = InvalidBlockNumber;
  scan->done = false;
}

bool NextDenseRowByAddress(TableScanDesc base, ScanDirection direction, TupleTableSlot* slot) {
  DenseScan* scan = ScanOf(base);
  while (Advance(scan, !ScanDirectionIsBackward(direction))) {
    ItemPointerData address;
    ItemPointerSet(&address, scan->block, scan->reader->NumberOf(scan->row));
    if (ItemPointerCompare(&address, &scan->least) < 0 ||
        ItemPointerCompare(&address, &scan->greatest) > 0) {
      continue;
    }
    scan->reader->Store(scan->row, slot);
    pgstat_count_heap_getnext(base->rs_rd);
    return true;
  }
  ExecClearTuple(slot);
  return false;
}

bool OpenDensePage(DenseScan* scan, BlockNumber block) {
  scan->row = -1;
  scan->block = InvalidBlockNumber;
  // A bitmap may have pages that came after the scan began; the snapshot sees nothing in them.
  if (block >= scan->end) return false;
  scan->block = block;
  return ReaderOf(scan)->Read(block, scan->snapshot, scan->strategy);
}

bool NextRowOfBitmap(DenseScan* scan, TupleTableSlot* slot) {
  // From 18 on, the first row is asked for before a page is open.
  if (scan->block == InvalidBlockNumber || ++scan->row >= scan->reader->visible()) {
    ExecClearTuple(slot);
    return false;
  }
  scan->reader->Store(scan->row, slot);
  pgstat_count_heap_fetch(scan->base.rs_rd);
  return true;
}

bool NextSampledPage(TableScanDesc base, SampleScanState* state) {
  DenseScan* scan = ScanOf(base);
  const TsmRoutine* method = state->tsmroutine;
  BlockNumber block;
  if (scan->begin >= scan->end) return false;
  if (method->NextSampleBlock != nullptr) {
    block = method->NextSampleBlock(state, scan->end);
  } else {
    block = NextBlock(scan, true);
  }
  if (block == InvalidBlockNumber) {
    scan->block = InvalidBlockNumber;
    return false;
  }
  CHECK_FOR_INTERRUPTS();
  OpenDensePage(scan, block);
  return true;
}

bool NextSampledRow(TableScanDesc base, SampleScanState* state, TupleTableSlot* slot) {
  DenseScan* scan = ScanOf(base);
  for (;;) {
    CHECK_FOR_INTERRUPTS();
    const auto number = state->tsmroutine->NextSampleTuple(
        state, scan->block, static_cast<OffsetNumber>(ReaderOf(scan)->numbers()));
    if (!OffsetNumberIsValid(number)) break;
    const int row = scan->reader->Find(number);
    if (row < 0) continue;
    scan->reader->Store(row, slot);
    pgstat_count_heap_getnext(base->rs_rd);
    return true;
  }
  ExecClearTuple(slot);
  return false;
}

bool NextAnalyzedRow(TableScanDesc base, TransactionId, double* live, double* dead,
                     TupleTableSlot* slot) {
  DenseScan* scan = ScanOf(base);
  if (scan->reader == nullptr) return false;
  if (scan->row < 0) *dead += scan->reader->dead();
  if (++scan->row >= scan->reader->visible()) {
    ExecClearTuple(slot);
    return false;
  }
  scan->reader->Store(scan->row, slot);
  *live += 1;
  return true;
}

}  // namespace millrace::pg
