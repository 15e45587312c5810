#include "pg/base/partitions.h"

#include "pg/base/relation.h"

namespace millrace::pg {

void CheckPartitionedTable(Oid table, const char* detail) {
  if (!pg_class_ownercheck(table, GetUserId())) {
    aclcheck_error(ACLCHECK_NOT_OWNER, OBJECT_TABLE, get_rel_name(table));
  }
  if (get_rel_relkind(table) != RELKIND_PARTITIONED_TABLE) {
    ereport(ERROR, (errcode(ERRCODE_WRONG_OBJECT_TYPE),
                    errmsg("%s is not a partitioned table", QualifiedName(table)),
                    errdetail_internal("%s", detail)));
  }
}

List* PartitionsBefore(Oid table, TimestampTz limit) {
  Relation relation = relation_open(table, AccessShareLock);
  const PartitionKey key = RelationGetPartitionKey(relation);
  const Oid type = key->parttypid[0];
  const bool is_time = type == TIMESTAMPTZOID || type == TIMESTAMPOID || type == DATEOID;
  if (key->strategy != PARTITION_STRATEGY_RANGE || key->partnatts != 1 || !is_time) {
    ereport(ERROR, (errcode(ERRCODE_WRONG_OBJECT_TYPE),
                    errmsg("%s is not partitioned by ranges of a time", QualifiedName(table))));
  }
  const PartitionDesc descriptor = RelationGetPartitionDesc(relation, true);
  const PartitionBoundInfo bounds = descriptor->boundinfo;
  List* partitions = NIL;
  for (int i = 0; bounds != nullptr && i < bounds->ndatums; ++i) {
    // Each bound at which a partition ends has the index of that partition.
    if (bounds->indexes[i] < 0 || bounds->kind[i][0] != PARTITION_RANGE_DATUM_VALUE) continue;
    Datum end = bounds->datums[i][0];
    if (type == TIMESTAMPOID) end = DirectFunctionCall1(timestamp_timestamptz, end);
    if (type == DATEOID) end = DirectFunctionCall1(date_timestamptz, end);
    if (DatumGetTimestampTz(end) > limit) continue;
    partitions = lappend_oid(partitions, descriptor->oids[bounds->indexes[i]]);
  }
  relation_close(relation, NoLock);
  return partitions;
}

}  // namespace millrace::pg
