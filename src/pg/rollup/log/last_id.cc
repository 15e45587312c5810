// millrace.last_id and millrace.events_behind: which ids were handed out, as far as the caller may
// know.

#include "pg/base/spi.h"
#include "pg/cluster/citus.h"
#include "pg/rollup/catalog/catalog.h"
#include "pg/rollup/log/settling.h"
#include "pg/rollup/log/watermark.h"
#include "pg/rollup/registry/worker_registry.h"

using namespace millrace::pg;

namespace {

bool MayKnow(Oid source) {
  return get_rel_name(source) != nullptr &&
         (pg_class_aclcheck(source, GetUserId(), ACL_SELECT) == ACLCHECK_OK ||
          has_privs_of_role(GetUserId(), ROLE_PG_READ_ALL_STATS));
}

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
  AsOwner(OwnerOf(source), [&] { RunSql(query, {Int64Argument(sure), Int64Argument(logged)}); });
  return SpiRow(0).IsNull(1) ? sure : SpiRow(0).Int64(1);
}

// The ids of a table's rows that were handed out, on all nodes; on a standby, those that were
// replayed. `given` names the column, or is nullptr. nullptr if that is not known, or the caller
// may not know it.
const HandedOut* FindHandedOut(Oid source, const char* given, int* node_count) {
  IdSource ids;
  if (!MayKnow(source) || FindIdSources(source, given, &ids) != 1) return nullptr;
  // A default may name a sequence that belongs to somebody else.
  if (OwnerOf(ids.sequence) != OwnerOf(source)) return nullptr;
  const Settling* known = ReadHandedOut(source, ids, OwnerOf(source));
  if (known == nullptr) return nullptr;
  if (RecoveryInProgress() && !known->distributed) {
    known->nodes[0].last = LastIdOnStandby(source, ids, known->nodes[0].last);
  }
  *node_count = known->node_count;
  return known->nodes;
}

// The position of a watermark on the node of this group; where there is none, no id is counted yet.
int64 PositionOn(int32 group, const Watermarks& watermarks) {
  for (int i = 0; i < watermarks.count; ++i) {
    if (watermarks.nodes[i].group == group) return watermarks.nodes[i].position;
  }
  return IdBase(group);
}

// False if it is not known, or the caller may not know it.
bool CountEventsBehind(Oid relation, int64* behind) {
  // The watermarks are read first: none can be ahead of the ids then.
  const Watermarks watermarks = ReadWatermarks(relation);
  if (RunOnCatalog("SELECT source, id_column, paused FROM millrace.rollup WHERE relation = $1",
                   {OidArgument(relation)}) == 0) {
    return false;
  }
  const bool paused = SpiRow(0).Bool(3);
  int count = 0;
  const HandedOut* nodes = FindHandedOut(SpiRow(0).ObjectId(1), SpiRow(0).NameText(2), &count);
  for (int i = 0; i < count; ++i) {
    const HandedOut& node = nodes[i];
    const int64 missing = Max(node.last - PositionOn(node.group, watermarks), 0);
    // All ids of a node that was removed count as handed out, but few were.
    *behind += node.sequence == nullptr ? Min(missing, 1) : missing;
  }
  // Only the worker finds out since when.
  if (*behind > 0 && !paused) NoteMissing();
  return nodes != nullptr;
}

}  // namespace

// millrace.last_id(source regclass, id_column name) returns bigint: the last id handed out for the
// rows of a table, or how many were handed out on all nodes; NULL if that is not known, or the
// caller may not know it. On a standby, the last id of the events that were replayed.
MILLRACE_FUNCTION(last_id) {
  if (PG_ARGISNULL(0)) PG_RETURN_NULL();
  const char* given = PG_ARGISNULL(1) ? nullptr : NameStr(*PG_GETARG_NAME(1));
  int64 total = 0;
  const bool known = WithSpi([&] {
    int count = 0;
    const HandedOut* nodes = FindHandedOut(PG_GETARG_OID(0), given, &count);
    for (int i = 0; i < count; ++i) total += IdsUpTo(nodes[i].group, nodes[i].last);
    return nodes != nullptr;
  });
  if (!known) PG_RETURN_NULL();
  PG_RETURN_INT64(total);
}

// millrace.events_behind(rollup regclass) returns bigint: how many ids above the watermarks of a
// root rollup were handed out; NULL if that is not known, or the caller may not know it.
MILLRACE_FUNCTION(events_behind) {
  int64 behind = 0;
  const bool known = WithSpi([&] { return CountEventsBehind(PG_GETARG_OID(0), &behind); });
  if (!known) PG_RETURN_NULL();
  PG_RETURN_INT64(behind);
}
