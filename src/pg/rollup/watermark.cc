#include "pg/rollup/watermark.h"

#include <algorithm>

#include "pg/cluster/citus.h"
#include "pg/rollup/catalog.h"
#include "pg/rollup/settling.h"
#include "pg/spi.h"

namespace millrace::pg {
namespace {

bool IsInteger(Oid type) { return type == INT2OID || type == INT4OID || type == INT8OID; }

void CheckSequence(const IdSource& ids, const char* table) {
  HeapTuple tuple = SearchSysCache1(SEQRELID, ObjectIdGetDatum(ids.sequence));
  if (!HeapTupleIsValid(tuple)) elog(ERROR, "cache lookup failed for sequence %u", ids.sequence);
  const FormData_pg_sequence form = *reinterpret_cast<Form_pg_sequence>(GETSTRUCT(tuple));
  ReleaseSysCache(tuple);
  const char* sequence = QualifiedName(ids.sequence);
  if (form.seqcache > 1) {
    ereport(
        ERROR,
        (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
         errmsg("sequence %s hands out ids of %s from caches, so they do not come in order",
                sequence, table),
         errdetail("A session could insert an id below those that are rolled up already."),
         errhint("ALTER SEQUENCE %s CACHE 1, and end the sessions that have used it.", sequence)));
  }
  if (get_rel_persistence(ids.sequence) != RELPERSISTENCE_PERMANENT) {
    ereport(ERROR,
            (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
             errmsg("sequence %s, which hands out ids of %s, starts anew after a crash", sequence,
                    table),
             errdetail("Events of an unlogged table are lost then, and new ones get their ids."),
             errhint("ALTER TABLE %s SET LOGGED.", table)));
  }
  if (form.seqincrement < 1 || form.seqcycle) {
    ereport(ERROR,
            (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
             errmsg("sequence %s, which hands out ids of %s, does not only go up", sequence, table),
             errhint("ALTER SEQUENCE %s INCREMENT 1 NO CYCLE.", sequence)));
  }
  if (form.seqmin < 1) {
    ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                    errmsg("sequence %s, which hands out ids of %s, may hand out ids below 1",
                           sequence, table),
                    errdetail("A rollup counts from id 1 on."),
                    errhint("ALTER SEQUENCE %s MINVALUE 1.", sequence)));
  }
}

// A row without an id is in no window.
void CheckNotNull(Oid table, const IdSource& ids, const char* name) {
  HeapTuple tuple = SearchSysCache2(ATTNUM, ObjectIdGetDatum(table), Int16GetDatum(ids.attribute));
  if (!HeapTupleIsValid(tuple)) elog(ERROR, "cache lookup failed for a column of %s", name);
  const bool not_null = IsNeverNull(table, *reinterpret_cast<Form_pg_attribute>(GETSTRUCT(tuple)));
  ReleaseSysCache(tuple);
  if (not_null) return;
  ereport(ERROR,
          (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
           errmsg("column \"%s\", which numbers the rows of %s, may be NULL", ids.column, name),
           errhint("ALTER TABLE %s ALTER COLUMN %s SET NOT NULL.", name,
                   quote_identifier(ids.column))));
}

}  // namespace

Oid SequenceOfDefault(Node* expression) {
  while (expression != nullptr && IsA(expression, FuncExpr)) {
    const auto* call = reinterpret_cast<FuncExpr*>(expression);
    auto* argument = static_cast<Node*>(linitial(call->args));
    if (call->funcid == F_NEXTVAL) {
      const auto* sequence = reinterpret_cast<Const*>(argument);
      return IsA(sequence, Const) && !sequence->constisnull ? DatumGetObjectId(sequence->constvalue)
                                                            : InvalidOid;
    }
    if (call->funcformat != COERCE_IMPLICIT_CAST && call->funcformat != COERCE_EXPLICIT_CAST) {
      return InvalidOid;
    }
    expression = argument;
  }
  if (expression != nullptr && IsA(expression, NextValueExpr)) {
    return reinterpret_cast<NextValueExpr*>(expression)->seqid;
  }
  return InvalidOid;
}

int FindIdSources(Oid table, const char* given, IdSource* ids) {
  Relation relation = relation_open(table, AccessShareLock);
  const TupleDesc descriptor = RelationGetDescr(relation);
  int found = 0;
  for (int i = 0; i < descriptor->natts; ++i) {
    const FormData_pg_attribute* attribute = TupleDescAttr(descriptor, i);
    if (attribute->attisdropped || !IsInteger(attribute->atttypid)) continue;
    if (given != nullptr && strcmp(NameStr(attribute->attname), given) != 0) continue;
    const Oid sequence = SequenceOfDefault(build_column_default(relation, i + 1));
    if (!OidIsValid(sequence)) continue;
    ++found;
    *ids = {pstrdup(NameStr(attribute->attname)), attribute->attnum, sequence};
  }
  relation_close(relation, NoLock);
  return found;
}

IdSource FindIdSource(Oid table, const char* given) {
  IdSource ids = {nullptr, InvalidAttrNumber, InvalidOid};
  const char* name = QualifiedName(table);
  const int found = FindIdSources(table, given, &ids);
  if (found == 1) {
    CheckSequence(ids, name);
    CheckNotNull(table, ids, name);
    return ids;
  }
  if (found > 1) {
    ereport(ERROR, (errcode(ERRCODE_AMBIGUOUS_COLUMN),
                    errmsg("several columns of %s take their values from sequences", name),
                    errhint("Say which one numbers its rows: id_column => '...'.")));
  }
  ereport(
      ERROR,
      (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
       given != nullptr
           ? errmsg("column \"%s\" of %s does not take its values from a sequence", given, name)
           : errmsg("no column of %s takes its values from a sequence", name),
       errhint("A rollup follows its events by an id: ALTER TABLE %s ADD COLUMN event_id bigint "
               "GENERATED ALWAYS AS IDENTITY.",
               name)));
  pg_unreachable();
}

int64 LastId(const IdSource& ids) {
  // Whoever may read the rollup's events need not be allowed to read the sequence.
  const RoleScope before = BecomeCatalogOwner();
  LOCAL_FCINFO(call, 1);
  InitFunctionCallInfoData(*call, nullptr, 1, InvalidOid, nullptr, nullptr);
  call->args[0] = {ObjectIdGetDatum(ids.sequence), false};
  const Datum value = pg_sequence_last_value(call);
  RestoreRole(before);
  return call->isnull ? 0 : DatumGetInt64(value);
}

const char* NameOfSequence(const IdSource& ids) {
  return psprintf(UINT64_FORMAT "/%u/%u/%u", GetSystemIdentifier(), MyDatabaseId, ids.sequence,
                  FileOf(ids.sequence));
}

namespace {

// The locks by which a writer is known. On a partitioned table also that of ATTACH and CREATE ...
// PARTITION OF: whoever makes a partition and writes to it is not yet known to hold one below it.
constexpr LOCKMASK kWriting = LOCKBIT_ON(RowExclusiveLock) | LOCKBIT_ON(ShareRowExclusiveLock) |
                              LOCKBIT_ON(ExclusiveLock) | LOCKBIT_ON(AccessExclusiveLock);
constexpr LOCKMASK kWritingPartitioned = kWriting | LOCKBIT_ON(ShareUpdateExclusiveLock);

struct WatchedTable {
  Oid table;
  LOCKMASK mask;
  friend bool operator<(const WatchedTable& a, const WatchedTable& b) { return a.table < b.table; }
};

// The table, those below it, and those above it: a row that is sent to a partition through its
// parent gets its id when only the parent is locked.
WatchedTable* TablesToWatch(Oid table, int* count) {
  List* tables = find_all_inheritors(table, NoLock, nullptr);
  if (get_rel_relispartition(table)) {
    tables = list_concat_copy(tables, get_partition_ancestors(table));
  }
  auto* watched = static_cast<WatchedTable*>(palloc(list_length(tables) * sizeof(WatchedTable)));
  *count = 0;
  ListCell* cell;
  foreach (cell, tables) {
    const Oid found = lfirst_oid(cell);
    const bool partitioned = get_rel_relkind(found) == RELKIND_PARTITIONED_TABLE;
    watched[(*count)++] = {found, partitioned ? kWritingPartitioned : kWriting};
  }
  std::sort(watched, watched + *count);
  return watched;
}

}  // namespace

namespace {

// The transaction id of a prepared transaction, which still has the virtual id of the session that
// prepared it, or after a restart its own in that place.
TransactionId PreparedXid(const Writer& writer) {
  if (VirtualTransactionIdIsRecoveredPreparedXact(writer.transaction)) {
    return writer.transaction.localTransactionId;
  }
  bool have_more;
  return TwoPhaseGetXidByVirtualXID(writer.transaction, &have_more);
}

// Who has a lock. A prepared transaction is named as after a restart, which it may outlive.
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
  int watched_count;
  const WatchedTable* watched = TablesToWatch(table, &watched_count);
  const LockData* locks = GetLockStatusData();
  auto* writers = static_cast<Writer*>(palloc(Max(locks->nelements, 1) * sizeof(Writer)));
  *count = 0;
  for (int i = 0; i < locks->nelements; ++i) {
    const LockInstanceData& lock = locks->locks[i];
    if (lock.locktag.locktag_type != LOCKTAG_RELATION ||
        lock.locktag.locktag_field1 != MyDatabaseId || lock.pid == MyProcPid) {
      continue;
    }
    const WatchedTable wanted = {lock.locktag.locktag_field2, 0};
    const WatchedTable* found = std::lower_bound(watched, watched + watched_count, wanted);
    if (found == watched + watched_count || found->table != wanted.table ||
        (lock.holdMask & found->mask) == 0) {
      continue;
    }
    if (VirtualTransactionIdIsValid(HolderOf(lock))) writers[(*count)++] = WriterOf(lock);
  }
  return writers;
}

namespace {

// The session of whose transaction a session is a part, as Citus puts it into application_name; 0
// where it is nobody's.
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

// The number at the end of a shard's name; -1 where there is none.
int64 ShardIdIn(const char* name) {
  const char* end = strrchr(name, '_');
  if (end == nullptr || end[1] == '\0' || end[1 + strspn(end + 1, "0123456789")] != '\0') return -1;
  return strtoll(end + 1, nullptr, 10);
}

Datum OidArray(List* oids) {
  auto* values = static_cast<Datum*>(palloc(Max(list_length(oids), 1) * sizeof(Datum)));
  int count = 0;
  ListCell* cell;
  foreach (cell, oids) values[count++] = ObjectIdGetDatum(lfirst_oid(cell));
  return PointerGetDatum(construct_array(values, count, OIDOID, sizeof(Oid), true, TYPALIGN_INT));
}

// Those of `relations` that are shards of a table or of its partitions. One that cannot
// be seen yet may be a shard that its transaction makes.
List* ShardsAmong(List* relations, Oid table) {
  auto* ids = static_cast<Datum*>(palloc(Max(list_length(relations), 1) * sizeof(Datum)));
  List *shards = NIL, *named = NIL;
  int count = 0;
  ListCell* cell;
  foreach (cell, relations) {
    const char* name = get_rel_name(lfirst_oid(cell));
    if (name == nullptr) {
      shards = lappend_oid(shards, lfirst_oid(cell));
    } else if (ShardIdIn(name) >= 0) {
      named = lappend_oid(named, lfirst_oid(cell));
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
    bool is_null;
    const int64 id = DatumGetInt64(SpiValue(i, 1, &is_null));
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

namespace {

// On a standby a sequence is ahead: by what is written to the log at once (SEQ_LOG_VALS of
// sequence.c), so that not each value is. Only events tell how far it really is, and where the last
// of these ids have none, all below them were handed out.
int64 LastIdOnStandby(Oid source, const IdSource& ids, int64 logged) {
  constexpr int64 kLoggedAtOnce = 32;
  HeapTuple tuple = SearchSysCache1(SEQRELID, ObjectIdGetDatum(ids.sequence));
  if (!HeapTupleIsValid(tuple)) elog(ERROR, "cache lookup failed for sequence %u", ids.sequence);
  const int64 increment = reinterpret_cast<Form_pg_sequence>(GETSTRUCT(tuple))->seqincrement;
  ReleaseSysCache(tuple);
  if (increment < 1) return logged;
  const int64 sure = logged / increment > kLoggedAtOnce ? logged - kLoggedAtOnce * increment : 0;
  const char* column = quote_identifier(ids.column);
  const char* query = psprintf("SELECT max(%s)::int8 FROM %s WHERE %s > $1 AND %s <= $2", column,
                               QualifiedName(source), column, column);
  const RoleScope before = BecomeOwner(OwnerOf(source));
  (void)RunSql(query, {Int64Argument(sure), Int64Argument(logged)});
  RestoreRole(before);
  bool is_null;
  const Datum last = SpiValue(0, 1, &is_null);
  return is_null ? sure : DatumGetInt64(last);
}

}  // namespace

// millrace.last_id(source regclass, id_column name) returns bigint: the last id handed out for the
// rows of a table, or how many were on all nodes; NULL where that cannot be told, or not to the one
// who asks. On a standby that of the events which have been replayed.
MILLRACE_FUNCTION(last_id) {
  if (PG_ARGISNULL(0) || get_rel_name(PG_GETARG_OID(0)) == nullptr ||
      (pg_class_aclcheck(PG_GETARG_OID(0), GetUserId(), ACL_SELECT) != ACLCHECK_OK &&
       !has_privs_of_role(GetUserId(), ROLE_PG_READ_ALL_STATS))) {
    PG_RETURN_NULL();
  }
  IdSource ids;
  const char* given = PG_ARGISNULL(1) ? nullptr : NameStr(*PG_GETARG_NAME(1));
  if (FindIdSources(PG_GETARG_OID(0), given, &ids) != 1) PG_RETURN_NULL();
  // A default may name anybody's sequence.
  if (OwnerOf(ids.sequence) != OwnerOf(PG_GETARG_OID(0))) PG_RETURN_NULL();
  const int settings = ConnectSpi();
  int64 total;
  const bool known = CountIds(PG_GETARG_OID(0), ids, OwnerOf(PG_GETARG_OID(0)), &total);
  Distribution distribution;
  if (known && RecoveryInProgress() && !FindDistribution(PG_GETARG_OID(0), &distribution)) {
    total = LastIdOnStandby(PG_GETARG_OID(0), ids, total);
  }
  DisconnectSpi(settings);
  if (!known) PG_RETURN_NULL();
  PG_RETURN_INT64(total);
}

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
