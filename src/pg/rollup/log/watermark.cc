#include "pg/rollup/log/watermark.h"

#include "pg/cluster/citus.h"

namespace millrace::pg {
namespace {

// The families whose tables this session is changing, the innermost last.
constexpr int kMostInside = 16;
struct Inside {
  Oid root;
  int trigger_depth;  // how many triggers it was called from
};
Inside inside[kMostInside];
int inside_count = 0;

int TriggerDepth() { return DatumGetInt32(OidFunctionCall0(F_PG_TRIGGER_DEPTH)); }

void CheckNotInside(Oid root) {
  for (int i = 0; i < inside_count; ++i) {
    if (inside[i].root != root) continue;
    ereport(
        ERROR,
        (errcode(ERRCODE_OBJECT_IN_USE),
         errmsg("rollup %s is already being refreshed in this session", QualifiedName(root)),
         errdetail("A trigger on its table, or a function in its query, starts another refresh."),
         errhint("Remove that call: the refresh that is running brings the rollup up to date.")));
  }
}

}  // namespace

void EnterRefresh(Oid root) {
  CheckNotInside(root);
  if (inside_count == kMostInside) {
    ereport(ERROR, (errcode(ERRCODE_STATEMENT_TOO_COMPLEX),
                    errmsg("refreshes of rollups are nested more than %d deep", kMostInside)));
  }
  const int depth = TriggerDepth();
  inside[inside_count++] = {root, depth};
}

void LeaveRefresh(Oid) { --inside_count; }

bool IsFiredByRefresh() {
  return inside_count > 0 && TriggerDepth() == inside[inside_count - 1].trigger_depth + 1;
}

namespace {

// The rows of the last statement, in the columns node_group, position and sequence.
Watermarks FromRows(uint64 rows) {
  auto* nodes = static_cast<Watermark*>(palloc(Max(rows, 1) * sizeof(Watermark)));
  for (uint64 i = 0; i < rows; ++i) {
    const SpiRow row(i);
    nodes[i] = {row.Int32(1), row.Int64(2), row.Text(3)};
  }
  return {nodes, static_cast<int>(rows)};
}

}  // namespace

bool LockWatermarks(Oid relation, bool wait) {
  CheckNotInside(relation);
  // A refresh locks this row, which is always there, before it changes the others.
  const uint64 rows = RunOnCatalog(
      psprintf("SELECT node_group, position, sequence FROM millrace.watermark WHERE relation = $1 "
               "AND node_group = 0 FOR UPDATE %s",
               wait ? "" : "SKIP LOCKED"),
      {OidArgument(relation)});
  if (rows == 0 && wait) elog(ERROR, "rollup %s has no watermark", QualifiedName(relation));
  return rows > 0;
}

bool LockWatermarks(const Rollup& root, bool wait, Watermarks* watermarks) {
  if (!LockWatermarks(root.relation, wait)) return false;
  *watermarks = FromRows(1);
  if (!HasCitus()) return true;
  // These must be new statements: the one that waited for the lock still has the snapshot from
  // before.
  RollupViews now;
  if (!FindViews(root.relation, &now) || now.watermark_copy != root.watermark_copy) {
    ereport(ERROR, (errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
                    errmsg("rollup %s was distributed or dropped at the same time", root.name),
                    errhint("Try again.")));
  }
  *watermarks = ReadWatermarks(root.relation);
  return true;
}

Watermarks ReadWatermarks(Oid relation) {
  return FromRows(
      RunOnCatalog("SELECT node_group, position, sequence FROM millrace.watermark "
                   "WHERE relation = $1 ORDER BY node_group",
                   {OidArgument(relation)}));
}

void StartWatermark(Oid relation, int64 position) {
  RunOnCatalog("INSERT INTO millrace.watermark (relation, position) VALUES ($1, $2)",
               {OidArgument(relation), Int64Argument(position)});
}

void MoveWatermark(Oid relation, const Watermark& watermark, TimestampTz complete_through,
                   TimestampTz started) {
  // The error of an earlier refresh is out of date now, whoever has refreshed the rollup.
  RunOnCatalog(
      "WITH over AS (DELETE FROM millrace.refresh_error WHERE relation = $1) "
      "INSERT INTO millrace.watermark AS w (relation, node_group, position, sequence, "
      "complete_through, refreshed_at, ids, duration) "
      "VALUES ($1, $2, $3, $4, $5, clock_timestamp(), $6, clock_timestamp() - $7) "
      "ON CONFLICT (relation, node_group) DO UPDATE SET position = excluded.position, "
      "sequence = excluded.sequence, complete_through = excluded.complete_through, "
      "refreshed_at = excluded.refreshed_at, duration = excluded.duration, "
      // All ids of a node that was removed count as handed out, but few were.
      "ids = CASE WHEN excluded.sequence IS NULL THEN 0 ELSE excluded.position - w.position END",
      {OidArgument(relation),
       {INT4OID, Int32GetDatum(watermark.group)},
       Int64Argument(watermark.position),
       TextArgument(watermark.sequence),
       TimeArgument(complete_through),
       Int64Argument(IdsUpTo(watermark.group, watermark.position)),
       TimeArgument(started)});
}

}  // namespace millrace::pg
