#include "pg/rollup/log/id_source.h"

#include "pg/rollup/catalog/catalog.h"

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
         errmsg("sequence %s, which hands out ids of %s, has a cache, so ids do not come in order",
                sequence, table),
         errdetail(
             "A session could insert an event with an id that is already below the watermark."),
         errhint("Run ALTER SEQUENCE %s CACHE 1, and end the sessions that have used it.",
                 sequence)));
  }
  if (get_rel_persistence(ids.sequence) != RELPERSISTENCE_PERMANENT) {
    ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                    errmsg("sequence %s, which hands out ids of %s, starts again after a crash",
                           sequence, table),
                    errdetail("A crash empties an unlogged table, and new events would get the ids "
                              "of those that were lost."),
                    errhint("Run ALTER TABLE %s SET LOGGED.", table)));
  }
  if (form.seqincrement < 1 || form.seqcycle) {
    ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                    errmsg("sequence %s, which hands out ids of %s, counts down or cycles",
                           sequence, table),
                    errhint("Run ALTER SEQUENCE %s INCREMENT 1 NO CYCLE.", sequence)));
  }
  if (form.seqmin < 1) {
    ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                    errmsg("sequence %s, which hands out ids of %s, may hand out ids below 1",
                           sequence, table),
                    errdetail("A rollup reads the events from id 1 on."),
                    errhint("Run ALTER SEQUENCE %s MINVALUE 1.", sequence)));
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
           errhint("Run ALTER TABLE %s ALTER COLUMN %s SET NOT NULL.", name,
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
       errhint(
           "A rollup finds new events by their id. Run ALTER TABLE %s ADD COLUMN event_id bigint "
           "GENERATED ALWAYS AS IDENTITY.",
           name)));
  pg_unreachable();
}

int64 LastId(const IdSource& ids) {
  // Who may read the rollup's events may not be allowed to read the sequence.
  return AsCatalogOwner([&] {
    LOCAL_FCINFO(call, 1);
    InitFunctionCallInfoData(*call, nullptr, 1, InvalidOid, nullptr, nullptr);
    call->args[0] = {ObjectIdGetDatum(ids.sequence), false};
    const Datum value = pg_sequence_last_value(call);
    return call->isnull ? 0 : DatumGetInt64(value);
  });
}

Tracking TrackLeaves(Oid source, const IdSource& ids) {
  if (get_rel_relkind(source) != RELKIND_PARTITIONED_TABLE) return {};
  return StartTracking(source, ids.attribute, ids.sequence, FileOf(ids.sequence));
}

const char* NameOfSequence(const IdSource& ids) {
  return psprintf(UINT64_FORMAT "/%u/%u/%u", GetSystemIdentifier(), MyDatabaseId, ids.sequence,
                  FileOf(ids.sequence));
}

}  // namespace millrace::pg
