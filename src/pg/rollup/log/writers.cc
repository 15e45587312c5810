#include "pg/rollup/log/writers.h"

#include "pg/base/list.h"
#include "pg/base/spi.h"
#include "pg/cluster/citus.h"
#include "pg/tail/ancestors.h"

namespace millrace::pg {
namespace {

// The lock modes that show a writer. On a partitioned table also the mode of ATTACH and CREATE ...
// PARTITION OF: a transaction that makes a partition and writes to it may not yet be known to hold
// a lock below.
constexpr LOCKMASK kWriting = LOCKBIT_ON(RowExclusiveLock) | LOCKBIT_ON(ShareRowExclusiveLock) |
                              LOCKBIT_ON(ExclusiveLock) | LOCKBIT_ON(AccessExclusiveLock);
constexpr LOCKMASK kWritingPartitioned = kWriting | LOCKBIT_ON(ShareUpdateExclusiveLock);

// Whether a lock on `relation` in these modes shows a writer to `table`: a table, those below it
// and those above it. A row that is sent to a partition through its parent gets its id when only
// the parent is locked.
bool ShowsWriter(Oid relation, LOCKMASK modes, Oid table) {
  if ((modes & kWritingPartitioned) == 0) return false;
  if (!IsInTree(relation, table) && !IsInTree(table, relation)) return false;
  return (modes & kWriting) != 0 || get_rel_relkind(relation) == RELKIND_PARTITIONED_TABLE;
}

// The transaction id of a prepared transaction, which still has the virtual id of the session that
// prepared it, or after a restart its own in that place.
TransactionId PreparedXid(const Writer& writer) {
  if (VirtualTransactionIdIsRecoveredPreparedXact(writer.transaction)) {
    return writer.transaction.localTransactionId;
  }
  bool have_more;
  return TwoPhaseGetXidByVirtualXID(writer.transaction, &have_more);
}

// The transaction that holds a lock. A prepared transaction is named as it is after a restart,
// because it may outlive one.
Writer WriterOf(const LockInstanceData& lock) {
  Writer writer;
  writer.transaction = HolderOf(lock);
  writer.pid = lock.pid;
  if (lock.pid != 0) return writer;
  const TransactionId prepared = PreparedXid(writer);
  if (TransactionIdIsValid(prepared)) {
    writer.transaction = MakeVirtualTransactionId(kNoBackend, prepared);
  }
  return writer;
}

}  // namespace

Writer* WritersOf(Oid table, int* count) {
  const LockData* locks = GetLockStatusData();
  // What is known of the tables must not be older than the locks.
  AcceptInvalidationMessages();
  auto* writers = static_cast<Writer*>(palloc(Max(locks->nelements, 1) * sizeof(Writer)));
  *count = 0;
  for (int i = 0; i < locks->nelements; ++i) {
    const LockInstanceData& lock = locks->locks[i];
    if (lock.locktag.locktag_type != LOCKTAG_RELATION ||
        lock.locktag.locktag_field1 != MyDatabaseId || lock.pid == MyProcPid ||
        !ShowsWriter(lock.locktag.locktag_field2, lock.holdMask, table)) {
      continue;
    }
    if (VirtualTransactionIdIsValid(HolderOf(lock))) writers[(*count)++] = WriterOf(lock);
  }
  return writers;
}

namespace {

// The global pid of the session for which this session does a part of the work, as Citus puts it
// into application_name; 0 if there is none.
int64 GlobalPidOf(int pid) {
  const int backends = pgstat_fetch_stat_numbackends();
  for (int i = 1; i <= backends; ++i) {
    const LocalPgBackendStatus* local = BackendStatusAt(i);
    if (local == nullptr || local->backendStatus.st_procpid != pid) continue;
    const char* name = local->backendStatus.st_appname;
    const char* found = name == nullptr ? nullptr : strstr(name, "gpid=");
    return found == nullptr ? 0 : strtoll(found + strlen("gpid="), nullptr, 10);
  }
  return 0;
}

// The number at the end of a shard's name; -1 if there is none.
int64 ShardIdIn(const char* name) {
  const char* end = strrchr(name, '_');
  if (end == nullptr || end[1] == '\0' || end[1 + strspn(end + 1, "0123456789")] != '\0') return -1;
  return strtoll(end + 1, nullptr, 10);
}

Datum OidArray(List* oids) {
  auto* values = static_cast<Datum*>(palloc(Max(list_length(oids), 1) * sizeof(Datum)));
  int count = 0;
  for (const Oid each : EachOid(oids)) values[count++] = ObjectIdGetDatum(each);
  return PointerGetDatum(construct_array(values, count, OIDOID, sizeof(Oid), true, TYPALIGN_INT));
}

// Those of `relations` that are shards of a table or of its partitions. A relation that we cannot
// see yet counts too: its transaction may be making a shard.
List* ShardsAmong(List* relations, Oid table) {
  auto* ids = static_cast<Datum*>(palloc(Max(list_length(relations), 1) * sizeof(Datum)));
  List *shards = NIL, *named = NIL;
  int count = 0;
  for (const Oid each : EachOid(relations)) {
    const char* name = get_rel_name(each);
    if (name == nullptr) {
      shards = lappend_oid(shards, each);
    } else if (ShardIdIn(name) >= 0) {
      named = lappend_oid(named, each);
      ids[count++] = Int64GetDatum(ShardIdIn(name));
    }
  }
  const Datum numbers = PointerGetDatum(
      construct_array(ids, count, INT8OID, sizeof(int64), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
  const uint64 rows = RunSql(
      "SELECT shardid FROM pg_catalog.pg_dist_shard WHERE shardid = ANY ($1) AND "
      "logicalrelid::pg_catalog.oid = ANY ($2)",
      {{INT8ARRAYOID, numbers},
       {OIDARRAYOID, OidArray(find_all_inheritors(table, NoLock, nullptr))}});
  for (uint64 i = 0; i < rows; ++i) {
    const int64 id = SpiRow(i).Int64(1);
    ListCell* cell;
    foreach (cell, named) {
      if (ids[foreach_current_index(cell)] == Int64GetDatum(id)) {
        shards = lappend_oid(shards, lfirst_oid(cell));
      }
    }
  }
  return shards;
}

}  // namespace

Writer* WritersOfShards(Oid table, int64 caller, int* count) {
  *count = 0;
  const LockData* locks = GetLockStatusData();
  auto writes = [](const LockInstanceData& lock) {
    return lock.locktag.locktag_type == LOCKTAG_RELATION &&
           lock.locktag.locktag_field1 == MyDatabaseId && lock.pid != MyProcPid &&
           (lock.holdMask & kWriting) != 0 && VirtualTransactionIdIsValid(HolderOf(lock));
  };
  List* relations = NIL;
  for (int i = 0; i < locks->nelements; ++i) {
    if (!writes(locks->locks[i])) continue;
    relations = list_append_unique_oid(relations, locks->locks[i].locktag.locktag_field2);
  }
  List* shards = ShardsAmong(relations, table);
  auto* writers = static_cast<Writer*>(palloc(Max(locks->nelements, 1) * sizeof(Writer)));
  for (int i = 0; i < locks->nelements; ++i) {
    const LockInstanceData& lock = locks->locks[i];
    if (!writes(lock) || !list_member_oid(shards, lock.locktag.locktag_field2)) continue;
    if (lock.pid != 0 && GlobalPidOf(lock.pid) == caller) continue;
    writers[(*count)++] = WriterOf(lock);
  }
  return writers;
}

bool HaveEnded(const Writer* writers, int count, bool wait) {
  for (int i = 0; i < count; ++i) {
    if (!VirtualXactLock(writers[i].transaction, wait)) return false;
  }
  return true;
}

}  // namespace millrace::pg

using namespace millrace::pg;

// millrace.writers(source regclass) returns setof (pid integer, prepared xid): the transactions
// that a refresh would wait for now.
MILLRACE_FUNCTION(writers) {
  InitMaterializedSRF(fcinfo, 0);
  auto* results = reinterpret_cast<ReturnSetInfo*>(fcinfo->resultinfo);
  if (PG_ARGISNULL(0) || get_rel_name(PG_GETARG_OID(0)) == nullptr) return static_cast<Datum>(0);
  int count;
  const Writer* writers = WritersOf(PG_GETARG_OID(0), &count);
  for (int i = 0; i < count; ++i) {
    const bool prepared = writers[i].pid == 0;
    Datum values[] = {
        Int32GetDatum(writers[i].pid),
        TransactionIdGetDatum(prepared ? PreparedXid(writers[i]) : InvalidTransactionId)};
    bool nulls[] = {prepared, !prepared};
    tuplestore_putvalues(results->setResult, results->setDesc, values, nulls);
  }
  return static_cast<Datum>(0);
}
