// create_distributed_table for a database without Citus: checks what Citus would check, records the
// table in millrace.distributed_table, and leaves its rows where they are.

#include "pg/base/api.h"
#include "pg/base/list.h"

namespace {

struct Request {
  Oid table;
  const char* column;
  const char* type;
  const char* colocate_with;
  Datum shard_count;
  bool shard_count_is_null;
};

void CheckTable(Relation relation) {
  const char* name = RelationGetRelationName(relation);
  const char kind = relation->rd_rel->relkind;
  if (kind != RELKIND_RELATION && kind != RELKIND_PARTITIONED_TABLE) {
    ereport(ERROR, (errcode(ERRCODE_WRONG_OBJECT_TYPE),
                    errmsg("cannot distribute \"%s\": it is not a table", name)));
  }
  if (!pg_class_ownercheck(RelationGetRelid(relation), GetUserId())) {
    aclcheck_error(ACLCHECK_NOT_OWNER, get_relkind_objtype(kind), name);
  }
  if (relation->rd_rel->relpersistence == RELPERSISTENCE_TEMP) {
    ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                    errmsg("cannot distribute temporary table \"%s\"", name)));
  }
  if (relation->rd_rel->relispartition) {
    ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                    errmsg("cannot distribute \"%s\": it is a partition", name),
                    errhint("Distribute the partitioned table it belongs to.")));
  }
}

// Returns the attribute number of the distribution column.
AttrNumber CheckColumn(Relation relation, const char* column) {
  const AttrNumber attribute = get_attnum(RelationGetRelid(relation), column);
  if (attribute == InvalidAttrNumber) {
    ereport(ERROR, (errcode(ERRCODE_UNDEFINED_COLUMN),
                    errmsg("column \"%s\" of table \"%s\" does not exist", column,
                           RelationGetRelationName(relation))));
  }
  if (attribute < 0) {
    ereport(ERROR, (errcode(ERRCODE_INVALID_COLUMN_REFERENCE),
                    errmsg("cannot distribute by system column \"%s\"", column)));
  }
  const FormData_pg_attribute* form = TupleDescAttr(RelationGetDescr(relation), attribute - 1);
  if (form->attgenerated != '\0') {
    ereport(ERROR, (errcode(ERRCODE_INVALID_COLUMN_REFERENCE),
                    errmsg("cannot distribute by generated column \"%s\"", column)));
  }
  const TypeCacheEntry* type = lookup_type_cache(form->atttypid, TYPECACHE_HASH_PROC);
  if (!OidIsValid(type->hash_proc)) {
    ereport(ERROR, (errcode(ERRCODE_UNDEFINED_FUNCTION),
                    errmsg("cannot distribute by column \"%s\": type %s has no hash function",
                           column, format_type_be(form->atttypid))));
  }
  return attribute;
}

// Uniqueness can only be checked shard by shard, so every unique key must contain the column.
void CheckUniqueKeys(Relation relation, AttrNumber attribute, const char* column) {
  List* indexes = RelationGetIndexList(relation);
  for (const Oid oid : millrace::pg::EachOid(indexes)) {
    Relation index = index_open(oid, AccessShareLock);
    const Form_pg_index form = index->rd_index;
    bool contains = false;
    for (int i = 0; i < form->indnkeyatts; ++i) contains |= form->indkey.values[i] == attribute;
    if ((form->indisunique || form->indisexclusion) && !contains) {
      ereport(ERROR, (errcode(ERRCODE_INVALID_TABLE_DEFINITION),
                      errmsg("cannot distribute \"%s\" by column \"%s\"",
                             RelationGetRelationName(relation), column),
                      errdetail("Unique index \"%s\" does not contain that column.",
                                RelationGetRelationName(index)),
                      errhint("Add the column to the index, or drop the index.")));
    }
    index_close(index, AccessShareLock);
  }
}

void CheckOptions(const Request& request) {
  if (strcmp(request.type, "hash") != 0 && strcmp(request.type, "range") != 0 &&
      strcmp(request.type, "append") != 0) {
    ereport(ERROR,
            (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
             errmsg("distribution type must be hash, range or append, not \"%s\"", request.type)));
  }
  if (!request.shard_count_is_null) {
    const int32 count = DatumGetInt32(request.shard_count);
    if (count < 1 || count > 64000) {
      ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                      errmsg("shard count must be between 1 and 64000, not %d", count)));
    }
  }
}

bool IsRecorded(Oid table) {
  Oid types[] = {REGCLASSOID};
  Datum values[] = {ObjectIdGetDatum(table)};
  const int result = SPI_execute_with_args(
      "SELECT FROM millrace.distributed_table WHERE table_name OPERATOR(pg_catalog.=) $1", 1, types,
      values, nullptr, true, 1);
  if (result != SPI_OK_SELECT) elog(ERROR, "could not read millrace.distributed_table: %d", result);
  return SPI_processed > 0;
}

void CheckColocation(const char* colocate_with) {
  if (strcmp(colocate_with, "default") == 0 || strcmp(colocate_with, "none") == 0) return;
  const Oid other =
      DatumGetObjectId(DirectFunctionCall1(regclassin, CStringGetDatum(colocate_with)));
  if (!IsRecorded(other)) {
    ereport(ERROR, (errcode(ERRCODE_INVALID_TABLE_DEFINITION),
                    errmsg("cannot colocate with \"%s\": it is not distributed", colocate_with)));
  }
}

void Record(const Request& request) {
  Oid types[] = {REGCLASSOID, TEXTOID, TEXTOID, TEXTOID, INT4OID};
  Datum values[] = {ObjectIdGetDatum(request.table), CStringGetTextDatum(request.column),
                    CStringGetTextDatum(request.type), CStringGetTextDatum(request.colocate_with),
                    request.shard_count};
  const char nulls[] = {' ', ' ', ' ', ' ', request.shard_count_is_null ? 'n' : ' ', '\0'};
  const int result = SPI_execute_with_args(
      "INSERT INTO millrace.distributed_table VALUES ($1, $2::pg_catalog.name, $3, $4, $5)", 5,
      types, values, nulls, false, 0);
  if (result != SPI_OK_INSERT) {
    elog(ERROR, "could not write millrace.distributed_table: %d", result);
  }
}

// Users can only read the record, so the INSERT runs as the extension's owner, and nothing else
// does. After an error the end of the transaction restores the user.
void RecordAsOwner(const Request& request) {
  Oid user;
  int security_context;
  GetUserIdAndSecContext(&user, &security_context);
  SetUserIdAndSecContext(BOOTSTRAP_SUPERUSERID, security_context | SECURITY_LOCAL_USERID_CHANGE);
  Record(request);
  SetUserIdAndSecContext(user, security_context);
}

}  // namespace

// create_distributed_table(table_name regclass, distribution_column text, distribution_type text,
// colocate_with text, shard_count integer)
MILLRACE_FUNCTION(create_distributed_table) {
  for (int i = 0; i < 4; ++i) {
    if (PG_ARGISNULL(i)) {
      ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
                      errmsg("only shard_count of create_distributed_table may be null")));
    }
  }
  const Request request = {PG_GETARG_OID(0),
                           text_to_cstring(PG_GETARG_TEXT_PP(1)),
                           text_to_cstring(PG_GETARG_TEXT_PP(2)),
                           text_to_cstring(PG_GETARG_TEXT_PP(3)),
                           PG_ARGISNULL(4) ? static_cast<Datum>(0) : PG_GETARG_DATUM(4),
                           PG_ARGISNULL(4)};
  CheckOptions(request);
  // The same lock as Citus takes: nobody can change the table's keys while they are checked.
  Relation relation = try_relation_open(request.table, ShareUpdateExclusiveLock);
  if (relation == nullptr) {
    ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE),
                    errmsg("table with OID %u does not exist", request.table)));
  }
  CheckTable(relation);
  const AttrNumber attribute = CheckColumn(relation, request.column);
  CheckUniqueKeys(relation, attribute, request.column);
  const char* name = pstrdup(RelationGetRelationName(relation));
  relation_close(relation, NoLock);
  if (SPI_connect() != SPI_OK_CONNECT) elog(ERROR, "could not connect to SPI");
  CheckColocation(request.colocate_with);
  if (IsRecorded(request.table)) {
    ereport(ERROR, (errcode(ERRCODE_INVALID_TABLE_DEFINITION),
                    errmsg("table \"%s\" is already distributed", name)));
  }
  RecordAsOwner(request);
  SPI_finish();
  ereport(NOTICE,
          (errmsg("table \"%s\" is recorded as distributed by \"%s\"", name, request.column),
           errdetail("All its rows stay on this node until Citus is installed.")));
  PG_RETURN_VOID();
}
