#include "pg/dense/seal.h"

#include "pg/base/guc.h"
#include "pg/base/list.h"
#include "pg/base/partitions.h"
#include "pg/base/relation.h"
#include "pg/base/role.h"
#include "pg/base/spi.h"
#include "pg/base/subtransaction.h"
#include "pg/cluster/citus.h"
#include "pg/dense/handler.h"
#include "pg/dense/index_build.h"
#include "pg/dense/insert.h"
#include "pg/dense/visibility.h"
#include "pg/rollup/catalog/catalog.h"
#include "pg/rollup/registry/worker_registry.h"

namespace millrace::pg {
namespace {

constexpr const char* kDetail = "Whole partitions are made dense.";

void MakeDense(Oid table) {
  RunSql(psprintf("ALTER TABLE ONLY %s SET ACCESS METHOD millrace_dense", QualifiedName(table)));
}

// The rows of a heap table on their way into a dense one.
struct Copy {
  Relation to;
  BulkInsertState bulk;
  MemoryContext context;  // of the rows that wait
  RowSet* rows;
  TupleTableSlot* slot;
  uint64 transaction;  // that inserted the rows that wait
};

void WriteRows(Copy* copy) {
  if (copy->rows == nullptr) return;
  const MemoryContext caller = MemoryContextSwitchTo(copy->context);
  InsertRows(copy->to, copy->rows, copy->transaction, FirstCommandId, dense::kCommitted,
             TABLE_INSERT_SKIP_FSM, copy->bulk, nullptr);
  MemoryContextSwitchTo(caller);
  MemoryContextReset(copy->context);
  copy->rows = nullptr;
}

void AddRow(Copy* copy, HeapTuple tuple, uint64 transaction) {
  if (copy->rows != nullptr &&
      (copy->rows->rows == dense::kMaxChunkRows || copy->transaction != transaction)) {
    WriteRows(copy);
  }
  const MemoryContext caller = MemoryContextSwitchTo(copy->context);
  if (copy->rows == nullptr) {
    copy->rows = MakeRowSet(RelationGetDescr(copy->to), dense::kMaxChunkRows);
    copy->transaction = transaction;
  }
  ExecClearTuple(copy->slot);
  heap_deform_tuple(heap_copytuple(tuple), copy->slot->tts_tupleDescriptor, copy->slot->tts_values,
                    copy->slot->tts_isnull);
  // Values of columns that were dropped end here, as when a heap table is written anew.
  for (int i = 0; i < copy->slot->tts_tupleDescriptor->natts; ++i) {
    if (TupleDescAttr(copy->slot->tts_tupleDescriptor, i)->attisdropped) {
      copy->slot->tts_isnull[i] = true;
    }
  }
  ExecStoreVirtualTuple(copy->slot);
  AppendSlot(copy->rows, copy->to, copy->slot, TABLE_INSERT_SKIP_FSM);
  MemoryContextSwitchTo(caller);
}

// Copies the rows, each as visible as before: with the transaction that inserted it, unless every
// snapshot of this server sees it. False if old snapshots may see rows that were deleted or updated
// since, which dense events cannot say.
bool CopyHeap(Relation from, Relation to) {
  const TransactionId oldest = GetOldestNonRemovableTransactionId(from);
  Copy copy = {to, GetBulkInsertState(), nullptr, nullptr, nullptr, 0};
  copy.context =
      AllocSetContextCreate(CurrentMemoryContext, "Millrace dense seal", ALLOCSET_DEFAULT_SIZES);
  copy.slot = MakeSingleTupleTableSlot(RelationGetDescr(from), &TTSOpsVirtual);
  TableScanDesc scan =
      heap_beginscan(from, SnapshotAny, 0, nullptr, nullptr, SO_TYPE_SEQSCAN | SO_ALLOW_STRAT);
  bool copied = true;
  while (HeapTuple tuple = heap_getnext(scan, ForwardScanDirection)) {
    CHECK_FOR_INTERRUPTS();
    Buffer buffer = reinterpret_cast<HeapScanDesc>(scan)->rs_cbuf;
    LockBuffer(buffer, BUFFER_LOCK_SHARE);
    const HTSV_Result state = HeapTupleSatisfiesVacuum(tuple, oldest, buffer);
    const bool frozen = HeapTupleHeaderXminFrozen(tuple->t_data);
    const TransactionId xmin = HeapTupleHeaderGetRawXmin(tuple->t_data);
    LockBuffer(buffer, BUFFER_LOCK_UNLOCK);
    if (state == HEAPTUPLE_DEAD) continue;
    if (state != HEAPTUPLE_LIVE) {
      copied = false;
      break;
    }
    const bool seen_by_all = frozen || TransactionIdPrecedes(xmin, oldest);
    AddRow(&copy, tuple,
           seen_by_all ? static_cast<uint64>(FrozenTransactionId) : FullTransactionIdOf(xmin));
  }
  heap_endscan(scan);
  if (copied) WriteRows(&copy);
  FreeBulkInsertState(copy.bulk);
  ExecDropSingleTupleTableSlot(copy.slot);
  MemoryContextDelete(copy.context);
  return copied;
}

// Writes a heap table anew as dense events, as VACUUM FULL would. Not by ALTER TABLE: to snapshots
// that are older than it, the table would look empty. REQUIRES: AccessExclusiveLock. False, and
// nothing is changed, if that cannot be done now.
bool Seal(Oid table) {
  Relation from = table_open(table, NoLock);
  CheckTableNotInUse(from, "millrace.seal");
  const char persistence = from->rd_rel->relpersistence;
  const Oid made =
      make_new_heap(table, from->rd_rel->reltablespace, get_table_am_oid("millrace_dense", false),
                    persistence, AccessExclusiveLock);
  CommandCounterIncrement();
  Relation to = table_open(made, NoLock);
  const bool copied = CopyHeap(from, to);
  table_close(to, NoLock);
  table_close(from, NoLock);
  if (!copied) {
    const ObjectAddress address = {RelationRelationId, made, 0};
    performDeletion(&address, DROP_RESTRICT, PERFORM_DELETION_INTERNAL);
    return false;
  }
  finish_heap_swap(table, made, false, false, true, true, RecentXmin, ReadNextMultiXactId(),
                   persistence);
  return true;
}

// Whether a heap table could be dense: it has no index that dense events cannot have. A new
// partition also has no unique one: that is mostly for ON CONFLICT.
bool CouldBeDense(Relation relation, bool is_new) {
  if (relation->rd_rel->relkind != RELKIND_RELATION ||
      relation->rd_tableam != GetHeapamTableAmRoutine()) {
    return false;
  }
  for (const Oid index : EachOid(RelationGetIndexList(relation))) {
    Relation opened = index_open(index, AccessShareLock);
    const bool fits = IndexFitsDense(opened) && !(is_new && opened->rd_index->indisunique);
    index_close(opened, AccessShareLock);
    if (!fits) return false;
  }
  return true;
}

bool CanSeal(Oid table) {
  Relation relation = relation_open(table, NoLock);
  const bool can = CouldBeDense(relation, false);
  relation_close(relation, NoLock);
  return can;
}

// Seal, and what became of it.
struct Sealing {
  Oid partition;
  bool sealed;
};

// Seals in a subtransaction. False after a warning, if the partition's rows are such that it cannot
// be done, however often it is tried.
bool TrySeal(Sealing* sealing) {
  ErrorData* error = RunInSubtransaction(
      [](void* argument) {
        auto* sealing = static_cast<Sealing*>(argument);
        sealing->sealed = Seal(sealing->partition);
      },
      sealing);
  if (error == nullptr) return true;
  const int category = ERRCODE_TO_CATEGORY(error->sqlerrcode);
  if (category == ERRCODE_OPERATOR_INTERVENTION || category == ERRCODE_INSUFFICIENT_RESOURCES ||
      category == ERRCODE_TRANSACTION_ROLLBACK ||
      category == ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE) {
    ReThrowError(error);
  }
  ereport(WARNING,
          (errcode(error->sqlerrcode), errmsg("partition %s cannot be made dense: %s",
                                              QualifiedName(sealing->partition), error->message)));
  return false;
}

// Whether this session has said itself of which access method its tables are to be. A dump does
// that before each table: what is restored from it is as it was.
bool SaysAccessMethod() {
  return RunSql(
             "SELECT FROM pg_catalog.pg_settings WHERE name = 'default_table_access_method' AND "
             "source = 'session'") > 0;
}

// Makes a partition dense that this transaction has just attached, or created: CREATE TABLE IF NOT
// EXISTS may have found one that is not ours to change. One that this session uses, by a cursor for
// example, stays as it is.
void MakeNewPartitionDense(Oid table, bool created) {
  Relation relation = relation_open(table, AccessShareLock);
  const bool fits = relation->rd_rel->relispartition && CouldBeDense(relation, true) &&
                    (!created || relation->rd_createSubid != InvalidSubTransactionId) &&
                    RelationGetNumberOfBlocks(relation) == 0 && relation->rd_refcnt == 1 &&
                    !AfterTriggerPendingOnRel(table);
  relation_close(relation, AccessShareLock);
  if (!fits) return;
  WithSpi([&] {
    if (!SaysAccessMethod()) MakeDense(table);
  });
}

ProcessUtility_hook_type previous_utility = nullptr;

// The partition that a statement creates without saying an access method, or attaches; nullptr:
// none. Not a default partition: rows are moved out of it when a partition is made for them.
const RangeVar* NewPartitionOf(const Node* statement) {
  if (IsA(statement, CreateStmt)) {
    const auto* create = reinterpret_cast<const CreateStmt*>(statement);
    return create->partbound != nullptr && !create->partbound->is_default &&
                   create->partspec == nullptr && create->accessMethod == nullptr
               ? create->relation
               : nullptr;
  }
  if (!IsA(statement, AlterTableStmt)) return nullptr;
  for (const AlterTableCmd* command :
       Each<AlterTableCmd>(reinterpret_cast<const AlterTableStmt*>(statement)->cmds)) {
    if (command->subtype == AT_AttachPartition) {
      const auto* attached = reinterpret_cast<const PartitionCmd*>(command->def);
      // The same command attaches an index, which has no bound.
      return attached->bound == nullptr || attached->bound->is_default ? nullptr : attached->name;
    }
  }
  return nullptr;
}

void Utility(PlannedStmt* statement, const char* text, bool read_only,
             ProcessUtilityContext context, ParamListInfo parameters, QueryEnvironment* environment,
             DestReceiver* receiver, QueryCompletion* completion) {
  const ProcessUtility_hook_type next =
      previous_utility != nullptr ? previous_utility : standard_ProcessUtility;
  const RangeVar* name = dense_partitions ? NewPartitionOf(statement->utilityStmt) : nullptr;
  const bool created = IsA(statement->utilityStmt, CreateStmt);
  // The statement may be gone afterwards.
  if (name != nullptr) name = CopyNode(name);
  next(statement, text, read_only, context, parameters, environment, receiver, completion);
  if (name == nullptr || !OidIsValid(get_table_am_oid("millrace_dense", true))) return;
  const Oid table = RangeVarGetRelid(name, NoLock, true);
  if (!OidIsValid(table) || get_rel_relkind(table) != RELKIND_RELATION) return;
  // Its columns and constraints may have just been made.
  CommandCounterIncrement();
  MakeNewPartitionDense(table, created);
}

}  // namespace

Oid SealNextPartition(Oid table, const Interval* age, const List* leave_out, bool* sealed) {
  CheckPartitionedTable(table, kDetail);
  Interval interval = *age;
  const TimestampTz limit = DatumGetTimestampTz(
      DirectFunctionCall2(timestamptz_mi_interval, TimestampTzGetDatum(GetCurrentTimestamp()),
                          PointerGetDatum(&interval)));
  for (const Oid partition : EachOid(PartitionsBefore(table, limit))) {
    CHECK_FOR_INTERRUPTS();
    // Others would queue behind us while we wait, so take the lock only if it is free.
    if (list_member_oid(leave_out, partition) || get_rel_relkind(partition) != RELKIND_RELATION ||
        !ConditionalLockRelationOid(partition, AccessExclusiveLock)) {
      continue;
    }
    if (get_rel_name(partition) != nullptr && CanSeal(partition)) {
      Sealing sealing = {partition, false};
      const bool tried = TrySeal(&sealing);
      *sealed = sealing.sealed;
      if (*sealed || !tried) return partition;
    }
    UnlockRelationOid(partition, AccessExclusiveLock);
  }
  return InvalidOid;
}

void InstallNewPartitions() {
  previous_utility = ProcessUtility_hook;
  ProcessUtility_hook = Utility;
}

}  // namespace millrace::pg

using namespace millrace::pg;

// millrace.seal_after(events regclass, age interval) returns void; NULL: no longer.
MILLRACE_FUNCTION(seal_after) {
  if (PG_ARGISNULL(0)) PG_RETURN_VOID();
  const Oid table = PG_GETARG_OID(0);
  CheckPartitionedTable(table, kDetail);
  WithSpi([&] {
    if (PG_ARGISNULL(1)) {
      WriteSealing(table, nullptr);
      return;
    }
    Interval* age = PG_GETARG_INTERVAL_P(1);
    if (age->time < 0 || age->day < 0 || age->month < 0) {
      ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                      errmsg("the age of partitions must not be negative")));
    }
    Distribution distribution;
    if (FindDistribution(table, &distribution)) {
      ereport(ERROR,
              (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
               errmsg("partitions of a table that Citus distributes are not made dense by age"),
               errhint("Make new partitions dense on every node: SET millrace.dense_partitions.")));
    }
    // Raises an error for a table that has no such ranges.
    (void)PartitionsBefore(table, DT_NOBEGIN);
    WriteSealing(table, age);
  });
  NotifyWorker();
  PG_RETURN_VOID();
}

// millrace.seal(events regclass) returns integer: how many partitions have become dense.
MILLRACE_FUNCTION(seal) {
  const Oid table = PG_GETARG_OID(0);
  CheckPartitionedTable(table, kDetail);
  PG_RETURN_INT32(WithSpi([&] {
    Interval age;
    int sealed = 0;
    if (!ReadSealing(table, &age)) {
      ereport(ERROR,
              (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
               errmsg("nothing says when partitions of %s are made dense", QualifiedName(table)),
               errhint("Call millrace.seal_after(%s, ...) first.",
                       quote_literal_cstr(QualifiedName(table)))));
    }
    List* failed = NIL;
    for (;;) {
      bool done = false;
      const Oid partition = SealNextPartition(table, &age, failed, &done);
      if (!OidIsValid(partition)) return sealed;
      if (done) {
        ++sealed;
      } else {
        failed = lappend_oid(failed, partition);
      }
    }
  }));
}
