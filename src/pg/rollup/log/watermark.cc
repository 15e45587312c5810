#include "pg/rollup/log/watermark.h"

#include "pg/cluster/citus.h"

namespace millrace::pg {
namespace {

// The cluster, the database and the rollup's table. What was noted about a sequence is true only
// there: a dump may carry it to another place, or back into the same database.
const char* Home(Oid relation) {
  return psprintf(UINT64_FORMAT "/%u/%u", GetSystemIdentifier(), MyDatabaseId, relation);
}

}  // namespace

namespace {

// The families whose tables this session is changing, the innermost last.
constexpr int kMostInside = 16;
Oid inside[kMostInside];
int inside_count = 0;

void CheckNotInside(Oid root) {
  for (int i = 0; i < inside_count; ++i) {
    if (inside[i] != root) continue;
    ereport(ERROR,
            (errcode(ERRCODE_OBJECT_IN_USE),
             errmsg("rollup %s is being refreshed by this very session", QualifiedName(root)),
             errdetail("A trigger on its table, or a function in its query, calls for a "
                       "refresh of the same events."),
             errhint("Take the call out of the trigger: the refresh that runs brings the "
                     "rollup up to date.")));
  }
}

}  // namespace

void EnterRefresh(Oid root) {
  CheckNotInside(root);
  if (inside_count == kMostInside) {
    ereport(ERROR,
            (errcode(ERRCODE_STATEMENT_TOO_COMPLEX),
             errmsg("refreshes of rollups call one another more than %d deep", kMostInside)));
  }
  inside[inside_count++] = root;
}

void LeaveRefresh(Oid) { --inside_count; }

bool LockWatermark(Oid relation, bool wait, Watermark* watermark) {
  CheckNotInside(relation);
  const uint64 rows = RunOnCatalog(
      wait
          ? "SELECT position, sequence_file, home = $2 FROM millrace.watermark WHERE relation = $1 "
            "FOR UPDATE"
          : "SELECT position, sequence_file, home = $2 FROM millrace.watermark WHERE relation = $1 "
            "FOR UPDATE SKIP LOCKED",
      {OidArgument(relation), TextArgument(Home(relation))});
  if (rows == 0 && !wait) return false;
  if (rows == 0) elog(ERROR, "rollup %s has no watermark", QualifiedName(relation));
  bool is_null;
  watermark->position = DatumGetInt64(SpiValue(0, 1, &is_null));
  const bool same_home = DatumGetBool(SpiValue(0, 3, &is_null)) && !is_null;
  watermark->sequence_file = same_home ? SpiOid(0, 2) : InvalidOid;
  return true;
}

bool LockWatermark(const Rollup& root, bool wait, Watermark* watermark) {
  if (!LockWatermark(root.relation, wait, watermark)) return false;
  if (!HasCitus()) return true;
  // This must be a new statement: the one that waited for the lock still has the snapshot from
  // before.
  RollupViews now;
  if (FindViews(root.relation, &now) && now.node_watermark == root.node_watermark) return true;
  ereport(ERROR, (errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
                  errmsg("rollup %s was distributed or dropped at the same moment", root.name),
                  errhint("Try again.")));
  pg_unreachable();
}

bool ReadWatermark(Oid relation, Watermark* watermark) {
  const uint64 rows = RunOnCatalog("SELECT position FROM millrace.watermark WHERE relation = $1",
                                   {OidArgument(relation)});
  if (rows == 0) return false;
  bool is_null;
  watermark->position = DatumGetInt64(SpiValue(0, 1, &is_null));
  return true;
}

NodeWatermark* ReadNodeWatermarks(Oid relation, int* count) {
  const uint64 rows = RunOnCatalog(
      "SELECT node_group, position, sequence FROM millrace.node_watermark WHERE relation = $1 "
      "ORDER "
      "BY 1",
      {OidArgument(relation)});
  auto* nodes = static_cast<NodeWatermark*>(palloc(Max(rows, 1) * sizeof(NodeWatermark)));
  for (uint64 i = 0; i < rows; ++i) {
    bool is_null;
    nodes[i].group = DatumGetInt32(SpiValue(i, 1, &is_null));
    nodes[i].position = DatumGetInt64(SpiValue(i, 2, &is_null));
    const Datum sequence = SpiValue(i, 3, &is_null);
    nodes[i].sequence = is_null ? nullptr : text_to_cstring(DatumGetTextPP(sequence));
  }
  *count = static_cast<int>(rows);
  return nodes;
}

void WriteNodeWatermark(Oid relation, const NodeWatermark& watermark) {
  RunOnCatalog(
      "INSERT INTO millrace.node_watermark (relation, node_group, position, sequence) VALUES ($1, "
      "$2, $3, $4) ON CONFLICT (relation, node_group) DO UPDATE SET position = excluded.position, "
      "sequence = excluded.sequence",
      {OidArgument(relation),
       {INT4OID, Int32GetDatum(watermark.group)},
       Int64Argument(watermark.position),
       TextArgument(watermark.sequence)});
}

void MoveWatermark(Oid relation, int64 position, Oid sequence, TimestampTz complete_through,
                   int64 events, TimestampTz started) {
  // Whoever refreshed the rollup, the error of an earlier refresh is no longer true.
  RunOnCatalog(
      "WITH over AS (DELETE FROM millrace.refresh_error WHERE relation = $1) "
      "UPDATE millrace.watermark SET position = $2, complete_through = $3, refreshed_at = "
      "clock_timestamp(), ids = $4, duration = clock_timestamp() - $5, sequence_file = $6, home = "
      "$7 "
      "WHERE relation = $1",
      {OidArgument(relation),
       Int64Argument(position),
       {TIMESTAMPTZOID, TimestampTzGetDatum(complete_through)},
       Int64Argument(events),
       {TIMESTAMPTZOID, TimestampTzGetDatum(started)},
       {OIDOID, ObjectIdGetDatum(FileOf(sequence))},
       TextArgument(Home(relation))});
}

}  // namespace millrace::pg
