#include "pg/rollup/log/id_source.h"

#include "pg/base/spi.h"
#include "pg/cluster/citus.h"
#include "pg/rollup/catalog/catalog.h"
#include "pg/rollup/log/settling.h"

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

// Raises when the column may be NULL: a refresh would never read a row without an id.
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
  // Who may read the rollup's events may not be allowed to read the sequence.
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

}  // namespace millrace::pg

using namespace millrace::pg;

namespace {

// On a standby a sequence is ahead: PostgreSQL does not log each value, but several at once
// (SEQ_LOG_VALS of sequence.c). Only the events tell how far the sequence really is. If none of
// them has one of these last ids, all lower ids were handed out.
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
// rows of a table, or how many were handed out on all nodes; NULL if that is not known, or the
// caller may not know it. On a standby, the last id of the events that were replayed.
MILLRACE_FUNCTION(last_id) {
  if (PG_ARGISNULL(0) || get_rel_name(PG_GETARG_OID(0)) == nullptr ||
      (pg_class_aclcheck(PG_GETARG_OID(0), GetUserId(), ACL_SELECT) != ACLCHECK_OK &&
       !has_privs_of_role(GetUserId(), ROLE_PG_READ_ALL_STATS))) {
    PG_RETURN_NULL();
  }
  IdSource ids;
  const char* given = PG_ARGISNULL(1) ? nullptr : NameStr(*PG_GETARG_NAME(1));
  if (FindIdSources(PG_GETARG_OID(0), given, &ids) != 1) PG_RETURN_NULL();
  // A default may name a sequence that belongs to somebody else.
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
