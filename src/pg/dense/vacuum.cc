#include "pg/dense/vacuum.h"

#include "pg/base/compat_table_am.h"
#include "pg/base/error_fence.h"
#include "pg/dense/insert.h"
#include "pg/dense/page_reader.h"

namespace millrace::pg {
namespace {

using dense::kAborted;
using dense::kCommitted;
using dense::kRemoved;
using dense::PageEditor;
using dense::Run;

// Rows whose index entries are to be deleted: numbers of one page.
struct DeadRows {
  BlockNumber block;
  uint16 first, last;
};

struct Vacuum {
  Relation relation;
  BufferAccessStrategy strategy;
  MemoryContext context;  // of the arrays
  DeadRows* dead;         // by address
  int dead_count, dead_capacity;
  BlockNumber* empty;  // pages all of whose rows are gone
  int* empty_rows;     // how many numbers each has given
  int empty_count, empty_capacity;
  double live, removed;
  BlockNumber blocks, last_used;  // the block after the last one with rows
};

// Appends to an array that lives in `context`.
template <typename T>
void Append(MemoryContext context, T** array, int count, int* capacity, T value) {
  if (count == *capacity) {
    *capacity = Max(64, 2 * *capacity);
    const Size bytes = *capacity * sizeof(T);
    *array = static_cast<T*>(*array == nullptr ? MemoryContextAllocHuge(context, bytes)
                                               : repalloc_huge(*array, bytes));
  }
  (*array)[count] = value;
}

// The rows of a part that stay, encoded again; nullptr if they would take more than before.
const uint8* EncodeRest(Relation relation, const uint8* part, const dense::ChunkHeader& header,
                        const uint8* gone, Size* bytes) {
  RowSet* rows = MakeStoredRowSet(RelationGetDescr(relation), header.columns, header.rows);
  AppendPart(rows, part, header);
  int kept = 0;
  for (int row = 0; row < rows->rows; ++row) {
    if (gone[row] != 0) continue;
    for (int i = 0; i < rows->columns; ++i) {
      rows->values[i][kept] = rows->values[i][row];
      rows->nulls[i][kept] = rows->nulls[i][row];
      if (rows->sizes[i] != nullptr) rows->sizes[i][kept] = rows->sizes[i][row];
    }
    ++kept;
  }
  rows->rows = kept;
  return EncodeRows(rows, header.bytes, bytes);
}

// Writes the page's parts again without the rows of runs that have become aborted. `gone` says of
// each stored row whether it goes. Parts none of whose rows go stay as they are; those all of whose
// rows go are not read: their columns may have been others. False, and the page is as it was, if
// what stays of a part does not fit in its place.
bool RemoveRows(Relation relation, PageEditor* page, const uint8* gone) {
  auto* old = static_cast<uint8*>(palloc(dense::kPageBytes + dense::kReadAhead));
  memcpy(old, page->bytes(), dense::kPageBytes);
  auto* rest = static_cast<uint8*>(palloc(dense::kPageBytes));
  dense::PageView view;
  CheckStatus(dense::PageView::Open(old, &view));
  Size at = dense::kPageHeaderBytes, total = 0;
  const uint8* part;
  dense::ChunkHeader header;
  while (view.NextPart(&at, &part, &header)) {
    int goes = 0;
    for (int row = 0; row < header.rows; ++row) goes += gone[row];
    Size bytes = header.bytes;
    const uint8* stays = part;
    if (goes == header.rows) {
      bytes = 0;
    } else if (goes > 0) {
      stays = EncodeRest(relation, part, header, gone, &bytes);
      if (stays == nullptr) return false;
    }
    memcpy(rest + total, stays, bytes);
    total += bytes;
    gone += header.rows;
  }
  page->ClearParts();
  AddEncodedParts(page, rest, total);
  return true;
}

void NotePage(Vacuum* vacuum, BlockNumber block, const dense::PageView& view, bool removed) {
  const int rows = view.tail().rows;
  int number = 1;
  bool all_gone = rows > 0;
  for (int i = 0; i < view.tail().runs; ++i) all_gone &= (view.run(i).state & kAborted) != 0;
  if (all_gone) {
    Append(vacuum->context, &vacuum->dead, vacuum->dead_count++, &vacuum->dead_capacity,
           DeadRows{block, 1, static_cast<uint16>(rows)});
    int capacity = vacuum->empty_capacity;
    Append(vacuum->context, &vacuum->empty_rows, vacuum->empty_count, &capacity, rows);
    Append(vacuum->context, &vacuum->empty, vacuum->empty_count++, &vacuum->empty_capacity, block);
    return;
  }
  for (int i = 0; i < view.tail().runs; ++i) {
    const Run run = view.run(i);
    if (removed && (run.state & kAborted) != 0) {
      Append(
          vacuum->context, &vacuum->dead, vacuum->dead_count++, &vacuum->dead_capacity,
          DeadRows{block, static_cast<uint16>(number), static_cast<uint16>(number + run.rows - 1)});
    }
    if ((run.state & kAborted) == 0) vacuum->live += run.rows;
    number += run.rows;
  }
}

// Settles one page. Returns its free bytes.
Size VacuumPage(Vacuum* vacuum, BlockNumber block) {
  Relation relation = vacuum->relation;
  Buffer buffer = ReadBufferExtended(relation, MAIN_FORKNUM, block, RBM_NORMAL, vacuum->strategy);
  LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
  Page page = BufferGetPage(buffer);
  if (PageIsNew(page)) {
    UnlockReleaseBuffer(buffer);
    return BLCKSZ / 2;
  }
  auto* bytes = reinterpret_cast<uint8*>(page);
  dense::PageView view;
  Status status = dense::PageView::Open(bytes, &view);
  if (!status.ok()) RaiseDamagedPage(status.message());
  const int runs = view.tail().runs;
  bool changes = false, removes = false;
  auto* states = static_cast<uint8*>(palloc(Max(runs, 1)));
  auto* gone = static_cast<uint8*>(palloc0(Max(view.tail().stored, 1)));
  int stored = 0, left = 0;
  for (int i = 0; i < runs; ++i) {
    const Run run = view.run(i);
    states[i] = run.state;
    if ((run.state & kRemoved) != 0) continue;
    const uint8 settled = SettledState(run);
    if (settled != 0) states[i] = settled;
    if ((states[i] & kAborted) != 0) {
      removes = true;
      memset(gone + stored, 1, run.rows);
    } else {
      left += run.rows;
    }
    stored += run.rows;
    changes |= states[i] != run.state;
  }
  bool removed = false;
  if (changes || removes) {
    GenericXLogState* log = GenericXLogStart(relation);
    PageEditor editor(reinterpret_cast<uint8*>(GenericXLogRegisterBuffer(log, buffer, 0)));
    removed = removes && RemoveRows(relation, &editor, gone);
    for (int i = 0; i < runs; ++i) {
      Run run = view.run(i);
      run.state = states[i];
      if (removed && (states[i] & kAborted) != 0) run.state |= kRemoved;
      editor.SetRun(i, run);
    }
    if (removed) editor.SetStored(left);
    GenericXLogFinish(log);
    if (removed) vacuum->removed += stored - left;
    status = dense::PageView::Open(bytes, &view);
    if (!status.ok()) RaiseDamagedPage(status.message());
  }
  if (view.tail().stored > 0) vacuum->last_used = block + 1;
  NotePage(vacuum, block, view, removed);
  // A page whose numbers are used up takes no more rows.
  const Size free_bytes = view.tail().rows < dense::kMaxPageRows ? view.free_bytes() : 0;
  UnlockReleaseBuffer(buffer);
  return free_bytes;
}

bool IsDead(ItemPointer address, void* state) {
  const auto* vacuum = static_cast<const Vacuum*>(state);
  const BlockNumber block = ItemPointerGetBlockNumber(address);
  const int number = ItemPointerGetOffsetNumber(address);
  int low = 0, high = vacuum->dead_count - 1;
  while (low <= high) {
    const int middle = (low + high) / 2;
    const DeadRows& rows = vacuum->dead[middle];
    if (rows.block < block || (rows.block == block && rows.last < number)) {
      low = middle + 1;
    } else if (rows.block > block || rows.first > number) {
      high = middle - 1;
    } else {
      return true;
    }
  }
  return false;
}

void VacuumIndexes(Vacuum* vacuum, bool delete_entries) {
  int count;
  Relation* indexes;
  vac_open_indexes(vacuum->relation, RowExclusiveLock, &count, &indexes);
  for (int i = 0; i < count; ++i) {
    IndexVacuumInfo info = MakeIndexVacuumInfo(indexes[i], vacuum->relation);
    info.num_heap_tuples = vacuum->live;
    info.strategy = vacuum->strategy;
    info.message_level = DEBUG2;
    IndexBulkDeleteResult* result = nullptr;
    if (delete_entries && vacuum->dead_count > 0) {
      result = index_bulk_delete(&info, nullptr, IsDead, vacuum);
    }
    result = index_vacuum_cleanup(&info, result);
    if (result != nullptr && !result->estimated_count) {
      UpdateIndexStatistics(indexes[i], result->num_pages, result->num_index_tuples);
    }
    if (result != nullptr) pfree(result);
  }
  vac_close_indexes(count, indexes, NoLock);
}

// Pages all of whose rows are gone, from tables and indexes, begin anew.
void EmptyPages(Vacuum* vacuum) {
  for (int i = 0; i < vacuum->empty_count; ++i) {
    CHECK_FOR_INTERRUPTS();
    Buffer buffer = ReadBufferExtended(vacuum->relation, MAIN_FORKNUM, vacuum->empty[i], RBM_NORMAL,
                                       vacuum->strategy);
    LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
    Page page = BufferGetPage(buffer);
    // Unless rows have come meanwhile.
    if (!PageIsNew(page) &&
        PageEditor(reinterpret_cast<uint8*>(page)).tail().rows == vacuum->empty_rows[i]) {
      GenericXLogState* log = GenericXLogStart(vacuum->relation);
      PageEditor(reinterpret_cast<uint8*>(GenericXLogRegisterBuffer(log, buffer, 0))).Init();
      GenericXLogFinish(log);
    }
    UnlockReleaseBuffer(buffer);
    RecordPageWithFreeSpace(vacuum->relation, vacuum->empty[i],
                            dense::kTailBegin - dense::kPageHeaderBytes);
  }
}

// Gives the pages at the end that have no rows back to the system, if that is many and nobody uses
// the table now.
void TruncateEnd(Vacuum* vacuum) {
  Relation relation = vacuum->relation;
  const BlockNumber unused = vacuum->blocks - vacuum->last_used;
  if (unused < 1000 && unused < vacuum->blocks / 16) return;
  if (unused == 0 || !ConditionalLockRelation(relation, AccessExclusiveLock)) return;
  BlockNumber blocks = RelationGetNumberOfBlocks(relation);
  if (blocks == vacuum->blocks) {
    // Rows may have come before we had the lock.
    while (blocks > vacuum->last_used) {
      Buffer buffer = ReadBufferExtended(relation, MAIN_FORKNUM, blocks - 1, RBM_NORMAL, nullptr);
      LockBuffer(buffer, BUFFER_LOCK_SHARE);
      Page page = BufferGetPage(buffer);
      const bool used =
          !PageIsNew(page) && PageEditor(reinterpret_cast<uint8*>(page)).tail().rows > 0;
      UnlockReleaseBuffer(buffer);
      if (used) break;
      --blocks;
    }
    if (blocks < vacuum->blocks) RelationTruncate(relation, blocks);
    vacuum->blocks = blocks;
  }
  UnlockRelation(relation, AccessExclusiveLock);
}

}  // namespace

void VacuumDense(Relation relation, VacuumParams* params, BufferAccessStrategy strategy) {
  pgstat_progress_start_command(PROGRESS_COMMAND_VACUUM, RelationGetRelid(relation));
  const TimestampTz start = GetCurrentTimestamp();
  Vacuum vacuum = {};
  vacuum.relation = relation;
  vacuum.strategy = strategy;
  vacuum.context = CurrentMemoryContext;
  // Every transaction before this one is over, so after this VACUUM no page asks what became of it.
  const TransactionId oldest = GetOldestNonRemovableTransactionId(relation);
  const MultiXactId oldest_multi = GetOldestMultiXactId();
  vacuum.blocks = RelationGetNumberOfBlocks(relation);
  pgstat_progress_update_param(PROGRESS_VACUUM_PHASE, PROGRESS_VACUUM_PHASE_SCAN_HEAP);
  pgstat_progress_update_param(PROGRESS_VACUUM_TOTAL_HEAP_BLKS, vacuum.blocks);
  const MemoryContext scratch =
      AllocSetContextCreate(CurrentMemoryContext, "Millrace dense vacuum", ALLOCSET_DEFAULT_SIZES);
  for (BlockNumber block = 0; block < vacuum.blocks; ++block) {
    VacuumDelay();
    pgstat_progress_update_param(PROGRESS_VACUUM_HEAP_BLKS_SCANNED, block);
    MemoryContextReset(scratch);
    const MemoryContext caller = MemoryContextSwitchTo(scratch);
    const Size free_bytes = VacuumPage(&vacuum, block);
    MemoryContextSwitchTo(caller);
    RecordPageWithFreeSpace(relation, block, free_bytes);
  }
  MemoryContextDelete(scratch);
  const bool indexes = relation->rd_rel->relhasindex;
  const bool cleanup = params->index_cleanup != VACOPTVALUE_DISABLED;
  if (indexes && cleanup) VacuumIndexes(&vacuum, true);
  if (!indexes || cleanup) EmptyPages(&vacuum);
  if (params->truncate != VACOPTVALUE_DISABLED) TruncateEnd(&vacuum);
  FreeSpaceMapVacuum(relation);
  UpdateTableStatistics(relation, vacuum.blocks, vacuum.live, indexes, oldest, oldest_multi);
  ReportVacuum(relation, vacuum.live, start);
  if ((params->options & VACOPT_VERBOSE) != 0) {
    ereport(INFO, (errmsg("vacuumed dense events \"%s\": %u pages, %.0f rows, %.0f of aborted "
                          "transactions removed",
                          RelationGetRelationName(relation), vacuum.blocks, vacuum.live,
                          vacuum.removed)));
  }
  pgstat_progress_end_command();
}

void CopyDense(Relation from, Relation to, Relation index, double* live, double* removed) {
  if (index != nullptr) {
    ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                    errmsg("dense events cannot be clustered by an index"),
                    errdetail("Their rows stay in the order in which they came."),
                    errhint("VACUUM FULL %s writes them again in that order.",
                            RelationGetRelationName(from))));
  }
  const BlockNumber blocks = RelationGetNumberOfBlocks(from);
  const MemoryContext scratch =
      AllocSetContextCreate(CurrentMemoryContext, "Millrace dense copy", ALLOCSET_DEFAULT_SIZES);
  TupleTableSlot* slot = table_slot_create(from, nullptr);
  PageReader* reader = PageReader::Make(from);
  BulkInsertState bulk = GetBulkInsertState();
  const RunSnapshot any = MakeRunSnapshot(SnapshotAny);
  for (BlockNumber block = 0; block < blocks; ++block) {
    CHECK_FOR_INTERRUPTS();
    reader->Read(block, any, bulk->strategy);
    *removed += reader->dead();
    for (int i = 0; i < reader->visible();) {
      MemoryContextReset(scratch);
      const MemoryContext caller = MemoryContextSwitchTo(scratch);
      int end;
      const Run run = reader->RunOf(i, &end);
      end = Min(end, i + dense::kMaxChunkRows);
      RowSet* rows = MakeRowSet(RelationGetDescr(to), end - i);
      for (; i < end; ++i) {
        reader->Store(i, slot);
        AppendSlot(rows, to, slot, TABLE_INSERT_SKIP_FSM);
      }
      const uint8 state = SettledState(run);
      InsertRows(to, rows, run.transaction, run.command, state, TABLE_INSERT_SKIP_FSM, bulk,
                 nullptr);
      *live += rows->rows;
      MemoryContextSwitchTo(caller);
    }
  }
  FreeBulkInsertState(bulk);
  ExecDropSingleTupleTableSlot(slot);
  MemoryContextDelete(scratch);
}

}  // namespace millrace::pg
