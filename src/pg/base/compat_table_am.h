// What differs between PostgreSQL 15, 16, 17 and 18 for a table access method, and nothing else;
// the rest is in compat.h. Only src/pg/dense includes this file.
#pragma once

#include "pg/base/api.h"

namespace millrace::pg {

// Where the files of a relation are.
#if PG_VERSION_NUM >= 160000
using FileLocator = RelFileLocator;
#else
using FileLocator = RelFileNode;
#endif

// Adds an empty page to a relation; returns it locked for writing.
inline Buffer ExtendByOne(Relation relation, BufferAccessStrategy strategy) {
#if PG_VERSION_NUM >= 160000
  return ExtendBufferedRel(BMR_REL(relation), MAIN_FORKNUM, strategy, EB_LOCK_FIRST);
#else
  const bool shared = !RELATION_IS_LOCAL(relation);
  if (shared) LockRelationForExtension(relation, ExclusiveLock);
  // Locked before anybody else can find it: others look for room in the last page.
  Buffer buffer = ReadBufferExtended(relation, MAIN_FORKNUM, P_NEW, RBM_ZERO_AND_LOCK, strategy);
  if (shared) UnlockRelationForExtension(relation, ExclusiveLock);
  return buffer;
#endif
}

// The next of sorted datums; false after the last. The value is passed by value.
inline bool NextSortedDatum(Tuplesortstate* sort, Datum* value) {
  bool is_null;
#if PG_VERSION_NUM >= 160000
  return tuplesort_getdatum(sort, true, false, value, &is_null, nullptr);
#else
  return tuplesort_getdatum(sort, true, value, &is_null, nullptr);
#endif
}

inline IndexVacuumInfo MakeIndexVacuumInfo(Relation index, Relation table) {
  IndexVacuumInfo info = {};
  info.index = index;
#if PG_VERSION_NUM >= 160000
  info.heaprel = table;
#else
  (void)table;
#endif
  return info;
}

inline void VacuumDelay() {
#if PG_VERSION_NUM >= 180000
  vacuum_delay_point(false);
#else
  vacuum_delay_point();
#endif
}

// Writes what VACUUM has found to pg_class.
inline void UpdateTableStatistics(Relation relation, BlockNumber pages, double rows, bool indexes,
                                  TransactionId frozen, MultiXactId least_multi) {
  bool frozen_updated, multi_updated;
#if PG_VERSION_NUM >= 180000
  vac_update_relstats(relation, pages, rows, 0, 0, indexes, frozen, least_multi, &frozen_updated,
                      &multi_updated, false);
#else
  vac_update_relstats(relation, pages, rows, 0, indexes, frozen, least_multi, &frozen_updated,
                      &multi_updated, false);
#endif
}
inline void UpdateIndexStatistics(Relation index, BlockNumber pages, double rows) {
  UpdateTableStatistics(index, pages, rows, false, InvalidTransactionId, InvalidMultiXactId);
}

inline void ReportVacuum(Relation relation, double rows, TimestampTz start) {
  const auto live = static_cast<PgStat_Counter>(rows);
#if PG_VERSION_NUM >= 180000
  pgstat_report_vacuum(RelationGetRelid(relation), relation->rd_rel->relisshared, live, 0, start);
#else
  (void)start;
  pgstat_report_vacuum(RelationGetRelid(relation), relation->rd_rel->relisshared, live, 0);
#endif
}

// What the callbacks whose form differs are made of.
struct TableAmParts {
  void (*create_file)(Relation relation, const FileLocator* file, char persistence,
                      TransactionId* frozen, MultiXactId* least_multi);
  // Opens a page that a bitmap or ANALYZE names. False if none of its rows is visible. Bitmaps name
  // whole pages.
  bool (*open_page)(TableScanDesc scan, BlockNumber block);
  bool (*next_row_of_page)(TableScanDesc scan, TupleTableSlot* slot);
};

namespace internal {
inline TableAmParts table_am_parts;

inline void RequireWholePage(bool whole) {
  if (!whole) elog(ERROR, "a bitmap names single rows of a table that cannot give them");
}

#if PG_VERSION_NUM >= 180000
inline bool NextBitmapRow(TableScanDesc scan, TupleTableSlot* slot, bool* recheck,
                          uint64* lossy_pages, uint64*) {
  // The page that is open, between calls; a scan that has none gives no rows.
  while (!table_am_parts.next_row_of_page(scan, slot)) {
    TBMIterateResult page;
    if (!tbm_iterate(&scan->st.rs_tbmiterator, &page)) return false;
    CHECK_FOR_INTERRUPTS();
    RequireWholePage(page.lossy);
    *recheck = page.recheck;
    ++*lossy_pages;
    table_am_parts.open_page(scan, page.blockno);
  }
  return true;
}
#else
inline bool OpenBitmapPage(TableScanDesc scan, TBMIterateResult* page) {
  RequireWholePage(page->ntuples < 0);
  return table_am_parts.open_page(scan, page->blockno);
}
inline bool NextBitmapRow(TableScanDesc scan, TBMIterateResult*, TupleTableSlot* slot) {
  return table_am_parts.next_row_of_page(scan, slot);
}
#endif

#if PG_VERSION_NUM >= 170000
inline bool NextAnalyzedPage(TableScanDesc scan, ReadStream* stream) {
  BufferAccessStrategy strategy;
  const BlockNumber block = read_stream_next_block(stream, &strategy);
  if (block == InvalidBlockNumber) return false;
  table_am_parts.open_page(scan, block);
  return true;
}
#else
inline bool NextAnalyzedPage(TableScanDesc scan, BlockNumber block, BufferAccessStrategy) {
  table_am_parts.open_page(scan, block);
  return true;
}
#endif
}  // namespace internal

// Fills the callbacks whose form differs. There is one such access method.
inline void SetVersionedCallbacks(TableAmRoutine* routine, const TableAmParts& parts) {
  internal::table_am_parts = parts;
#if PG_VERSION_NUM >= 160000
  routine->relation_set_new_filelocator = parts.create_file;
#else
  routine->relation_set_new_filenode = parts.create_file;
#endif
#if PG_VERSION_NUM < 180000
  routine->scan_bitmap_next_block = internal::OpenBitmapPage;
#endif
  routine->scan_bitmap_next_tuple = internal::NextBitmapRow;
  routine->scan_analyze_next_block = internal::NextAnalyzedPage;
}

}  // namespace millrace::pg
