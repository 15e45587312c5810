#include "pg/dense/handler.h"

#include "pg/dense/fetch.h"
#include "pg/dense/index_build.h"
#include "pg/dense/insert.h"
#include "pg/dense/scan.h"
#include "pg/dense/storage.h"
#include "pg/dense/vacuum.h"

namespace millrace::pg {
namespace {

[[noreturn]] void Refuse(Relation relation, const char* what) {
  ereport(ERROR,
          (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
           errmsg("cannot %s \"%s\": it has dense events, which are only appended", what,
                  RelationGetRelationName(relation)),
           errhint("Make it a heap table first: ALTER TABLE %s SET ACCESS METHOD heap.",
                   quote_qualified_identifier(get_namespace_name(RelationGetNamespace(relation)),
                                              RelationGetRelationName(relation)))));
}

const TupleTableSlotOps* SlotOperations(Relation) { return &TTSOpsVirtual; }

void Insert(Relation relation, TupleTableSlot* slot, CommandId command, int options,
            BulkInsertState bulk) {
  InsertIntoDense(relation, &slot, 1, command, options, bulk);
}

void InsertMany(Relation relation, TupleTableSlot** slots, int count, CommandId command,
                int options, BulkInsertState bulk) {
  InsertIntoDense(relation, slots, count, command, options, bulk);
}

void InsertSpeculative(Relation relation, TupleTableSlot*, CommandId, int, BulkInsertState,
                       uint32) {
  Refuse(relation, "use ON CONFLICT on");
}

void CompleteSpeculative(Relation relation, TupleTableSlot*, uint32, bool) {
  Refuse(relation, "use ON CONFLICT on");
}

TM_Result Delete(Relation relation, ItemPointer, CommandId, Snapshot, Snapshot, bool,
                 TM_FailureData*, bool) {
  Refuse(relation, "delete rows of");
}

// FOR KEY SHARE and FOR SHARE keep others from changing a row, which nobody can. A statement that
// could, after ALTER TABLE, waits for the lock of the table that the caller has.
TM_Result Lock(Relation relation, ItemPointer address, Snapshot snapshot, TupleTableSlot* slot,
               CommandId, LockTupleMode mode, LockWaitPolicy, uint8, TM_FailureData* failure) {
  if (mode != LockTupleKeyShare && mode != LockTupleShare) Refuse(relation, "lock rows of");
  failure->traversed = false;
  return FetchDenseRow(relation, address, snapshot, slot) ? TM_Ok : TM_Invisible;
}

void LatestAddress(TableScanDesc, ItemPointer) {}

// Never called with entries to delete: fetches never say that a row is dead to all.
TransactionId DeletableEntries(Relation, TM_IndexDeleteOp* operation) {
  operation->ndeltids = 0;
  return InvalidTransactionId;
}

Oid ToastMethod(Relation) { return HEAP_TABLE_AM_OID; }

get_relation_info_hook_type next_relation_info = nullptr;

void LimitIndexScans(PlannerInfo* root, Oid table, bool parent, RelOptInfo* relation) {
  if (next_relation_info != nullptr) next_relation_info(root, table, parent, relation);
  if (relation->indexlist == NIL || parent) return;
  Relation opened = table_open(table, NoLock);
  const bool dense = IsDense(opened);
  table_close(opened, NoLock);
  if (!dense) return;
  for (int i = 0; i < list_length(relation->indexlist); ++i) {
    auto* index = static_cast<IndexOptInfo*>(list_nth(relation->indexlist, i));
    // A bitmap has room for the addresses of 291 rows of a page. BRIN names whole pages.
    if (index->relam != BRIN_AM_OID) index->amhasgetbitmap = false;
  }
}

const TableAmRoutine kRoutine = [] {
  TableAmRoutine routine = {};
  routine.type = T_TableAmRoutine;
  routine.slot_callbacks = SlotOperations;
  routine.scan_begin = BeginDenseScan;
  routine.scan_end = EndDenseScan;
  routine.scan_rescan = RestartDenseScan;
  routine.scan_getnextslot = NextDenseRow;
  routine.scan_set_tidrange = SetDenseAddresses;
  routine.scan_getnextslot_tidrange = NextDenseRowByAddress;
  routine.parallelscan_estimate = table_block_parallelscan_estimate;
  routine.parallelscan_initialize = table_block_parallelscan_initialize;
  routine.parallelscan_reinitialize = table_block_parallelscan_reinitialize;
  routine.index_fetch_begin = BeginDenseFetch;
  routine.index_fetch_reset = ResetDenseFetch;
  routine.index_fetch_end = EndDenseFetch;
  routine.index_fetch_tuple = FetchDenseByIndex;
  routine.tuple_fetch_row_version = FetchDenseRow;
  routine.tuple_tid_valid = IsDenseAddress;
  routine.tuple_get_latest_tid = LatestAddress;
  routine.tuple_satisfies_snapshot = DenseRowSatisfies;
  routine.index_delete_tuples = DeletableEntries;
  routine.tuple_insert = Insert;
  routine.tuple_insert_speculative = InsertSpeculative;
  routine.tuple_complete_speculative = CompleteSpeculative;
  routine.multi_insert = InsertMany;
  routine.tuple_delete = Delete;
  routine.tuple_lock = Lock;
  routine.relation_nontransactional_truncate = TruncateDense;
  routine.relation_copy_data = CopyDenseFile;
  routine.relation_vacuum = VacuumDense;
  routine.scan_analyze_next_tuple = NextAnalyzedRow;
  routine.index_build_range_scan = BuildIndexOverDense;
  routine.index_validate_scan = ValidateIndexOverDense;
  routine.relation_size = DenseBytes;
  routine.relation_needs_toast_table = NeedsToastTable;
  routine.relation_toast_am = ToastMethod;
  routine.relation_fetch_toast_slice = heap_fetch_toast_slice;
  routine.relation_estimate_size = EstimateDense;
  routine.scan_sample_next_block = NextSampledPage;
  routine.scan_sample_next_tuple = NextSampledRow;
  // The last parameter is of a type that differs between versions.
  routine.tuple_update = [](Relation relation, ItemPointer, TupleTableSlot*, CommandId, Snapshot,
                            Snapshot, bool, TM_FailureData*, LockTupleMode*,
                            auto*) -> TM_Result { Refuse(relation, "update rows of"); };
  routine.relation_copy_for_cluster = [](Relation from, Relation to, Relation index, bool,
                                         TransactionId, TransactionId*, MultiXactId*, double* live,
                                         double* removed,
                                         double*) { CopyDense(from, to, index, live, removed); };
  SetVersionedCallbacks(&routine,
                        {.create_file = CreateDenseFile,
                         .open_page =
                             [](TableScanDesc scan, BlockNumber block) {
                               return OpenDensePage(reinterpret_cast<DenseScan*>(scan), block);
                             },
                         .next_row_of_page =
                             [](TableScanDesc scan, TupleTableSlot* slot) {
                               return NextRowOfBitmap(reinterpret_cast<DenseScan*>(scan), slot);
                             }});
  return routine;
}();

}  // namespace

const TableAmRoutine* DenseTableAmRoutine() { return &kRoutine; }

void InstallDense() {
  next_relation_info = get_relation_info_hook;
  get_relation_info_hook = LimitIndexScans;
}

MILLRACE_FUNCTION(dense_handler) { PG_RETURN_POINTER(DenseTableAmRoutine()); }

}  // namespace millrace::pg
