#include "pg/rollup/watermark.h"

#include <algorithm>

#include "pg/rollup/catalog.h"
#include "pg/spi.h"

namespace millrace::pg {
namespace {

// The sequence behind DEFAULT nextval('...'), below a cast to a narrower integer.
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
  const bool not_null = reinterpret_cast<Form_pg_attribute>(GETSTRUCT(tuple))->attnotnull;
  ReleaseSysCache(tuple);
  if (not_null) return;
  ereport(ERROR,
          (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
           errmsg("column \"%s\", which numbers the rows of %s, may be NULL", ids.column, name),
           errhint("ALTER TABLE %s ALTER COLUMN %s SET NOT NULL.", name,
                   quote_identifier(ids.column))));
}

}  // namespace

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

namespace {

// Rows of a table of Citus's are written on any node, with ids and under locks of that node, which
// a refresh here knows nothing of.
void CheckOnThisNode(Oid table, const char* name) {
  if (!OidIsValid(get_extension_oid("citus", true))) return;
  if (RunSql("SELECT FROM pg_catalog.pg_dist_partition WHERE logicalrelid = $1",
             {OidArgument(table)}) == 0) {
    return;
  }
  ereport(ERROR,
          (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
           errmsg("rollups over tables that Citus distributes cannot be declared: %s is one", name),
           errdetail("Its rows are written on every node, with ids that a refresh on this one does "
                     "not see."),
           errhint("Roll it up by functions, as in examples/workshop/03_functions.sql.")));
}

}  // namespace

IdSource FindIdSource(Oid table, const char* given) {
  IdSource ids = {nullptr, InvalidAttrNumber, InvalidOid};
  const char* name = QualifiedName(table);
  CheckOnThisNode(table, name);
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
    Writer writer;
    writer.transaction.backendId = lock.backend;
    writer.transaction.localTransactionId = lock.lxid;
    writer.pid = lock.pid;
    if (LocalTransactionIdIsValid(lock.lxid)) writers[(*count)++] = writer;
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

// The transaction id of a prepared transaction, which still has the virtual id of the session that
// prepared it, or after a restart its own in that place.
TransactionId PreparedXid(const Writer& writer) {
  if (VirtualTransactionIdIsRecoveredPreparedXact(writer.transaction)) {
    return writer.transaction.localTransactionId;
  }
  bool have_more;
  return TwoPhaseGetXidByVirtualXID(writer.transaction, &have_more);
}

}  // namespace

// millrace.last_id(source regclass, id_column name) returns bigint: the last id handed out for the
// rows of a table; NULL where that cannot be told, or not to the one who asks.
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
  PG_RETURN_INT64(LastId(ids));
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
