// Steps of a refresh, all in one transaction:
//   1. lock the watermark: nobody else refreshes this family
//   2. note the time, then read the sequence: E, the last id handed out
//   3. find the transactions that write to the source or its partitions, and wait until they ended
//   4. in steps of millrace.refresh_step ids: one statement reads (from, to] and merges into the
//      tables of the family
//   5. move the watermark to E
// Step 4 takes a new snapshot a statement (READ COMMITTED), so it sees all that ended in step 3.

#include "pg/rollup/refresh.h"

#include "pg/fault_point.h"
#include "pg/guc.h"
#include "pg/rollup/progress.h"
#include "pg/rollup/statements.h"
#include "pg/spi.h"

namespace millrace::pg {
namespace {

// The plan of a family's statement, kept for the session: planning over hundreds of partitions
// takes longer than a small refresh.
struct CachedPlan {
  Oid relation;
  char* sql;
  SPIPlanPtr plan;
};

SPIPlanPtr PlanFor(Oid relation, const char* sql) {
  static HTAB* cache = nullptr;
  if (cache == nullptr) {
    HASHCTL control = {};
    control.keysize = sizeof(Oid);
    control.entrysize = sizeof(CachedPlan);
    cache = hash_create("millrace refresh plans", 16, &control, HASH_ELEM | HASH_BLOBS);
  }
  bool found;
  auto* entry = static_cast<CachedPlan*>(hash_search(cache, &relation, HASH_ENTER, &found));
  if (!found) entry->sql = nullptr, entry->plan = nullptr;
  if (entry->sql != nullptr && strcmp(entry->sql, sql) == 0) return entry->plan;
  Oid types[] = {INT8OID, INT8OID};
  SPIPlanPtr plan = SPI_prepare(sql, 2, types);
  if (plan == nullptr) elog(ERROR, "SPI_prepare: %s", SPI_result_code_string(SPI_result));
  char* copy = MemoryContextStrdup(TopMemoryContext, sql);
  SPI_keepplan(plan);
  if (entry->plan != nullptr) SPI_freeplan(entry->plan);
  if (entry->sql != nullptr) pfree(entry->sql);
  entry->sql = copy;
  entry->plan = plan;
  return plan;
}

// Merges the events of (from, to].
void MergeWindow(SPIPlanPtr plan, int64 from, int64 to) {
  Datum values[] = {Int64GetDatum(from), Int64GetDatum(to)};
  const int result = SPI_execute_plan(plan, values, nullptr, false, 0);
  if (result < 0) elog(ERROR, "SPI: %s", SPI_result_code_string(result));
}

// Whether ids go on from where the watermark is. A sequence that was restarted may have passed the
// watermark since, but has another file; so has one that was altered, and who knows in what order
// ids came meanwhile.
void CheckGoesOn(const Rollup& root, const IdSource& ids, int64 last, const Watermark& watermark) {
  const int64 position = watermark.position;
  if (OidIsValid(watermark.sequence_file) && watermark.sequence_file != FileOf(ids.sequence)) {
    ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                    errmsg("sequence %s was restarted or altered since rollup %s was refreshed",
                           QualifiedName(ids.sequence), root.name),
                    errdetail("New events may have ids that are counted as rolled up."),
                    errhint("SELECT millrace.rebuild_rollup(%s) makes the rollup anew from the "
                            "events that are there.",
                            quote_literal_cstr(root.name))));
  }
  if (last >= position) return;
  ereport(ERROR,
          (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
           errmsg("sequence %s is at " INT64_FORMAT ", behind the watermark " INT64_FORMAT
                  " of rollup %s",
                  QualifiedName(ids.sequence), last, position, root.name),
           errdetail("It was set back, by TRUNCATE ... RESTART IDENTITY or setval: new events "
                     "get ids that are counted as rolled up."),
           errhint("SELECT millrace.rebuild_rollup(%s) makes the rollup anew from the events "
                   "that are there.",
                   quote_literal_cstr(root.name))));
}

// A statement of our own that is inserting at this moment has drawn ids for rows that no snapshot
// of ours can see: a refresh inside a trigger, or beside an INSERT in one statement.
void CheckNotWriting(Oid source) {
  Relation relation = relation_open(source, AccessShareLock);
  CheckTableNotInUse(relation, "refresh a rollup of");
  relation_close(relation, AccessShareLock);
}

}  // namespace

int BeginRefreshSettings() {
  const int level = BeginSettings();
  SetSettingInScope("millrace.hll_max_sparse", "-1");
  // One plan for every window: planned for values, a family over many partitions would be planned
  // each time.
  SetSettingInScope("plan_cache_mode", "force_generic_plan");
  SetSettingInScope("jit", "off");
  return level;
}

void RequireReadCommitted(const char* function) {
  if (!IsolationUsesXactSnapshot()) return;
  ereport(
      ERROR,
      (errcode(ERRCODE_ACTIVE_SQL_TRANSACTION),
       errmsg("%s needs the isolation level READ COMMITTED", function),
       errdetail("With the snapshot of the whole transaction, events that commit while it waits "
                 "for writers would not be seen, and be lost."),
       errhint("BEGIN ISOLATION LEVEL READ COMMITTED, or set default_transaction_isolation.")));
}

bool Settle(const Rollup& root, const IdSource& ids, bool wait, int64* last, TimestampTz* since) {
  *since = GetCurrentTimestamp();
  *last = LastId(ids);
  FaultPoint("refresh: read");
  int count;
  const Writer* writers = WritersOf(root.source, &count);
  return HaveEnded(writers, count, wait);
}

RefreshResult RefreshFamily(Rollup* root, const RefreshOptions& options) {
  RequireReadCommitted("refreshing a rollup");
  RefreshResult result;
  const TimestampTz started = GetCurrentTimestamp();
  Watermark watermark;
  if (!LockWatermark(root->relation, options.wait_for_others, &watermark)) return result;
  FaultPoint("refresh: locked");
  CheckNotWriting(root->source);
  const IdSource ids = FindIdSource(root->source, root->id_column);
  int64 last = LastId(ids);
  CheckGoesOn(*root, ids, last, watermark);
  result.done = true;
  result.position = watermark.position;
  if (last == watermark.position) return result;
  TimestampTz since = started;
  if (options.end >= 0) {
    last = options.end;
    since = options.since;
    // Somebody else has been there already.
    if (last <= watermark.position) return result;
  } else if (!Settle(*root, ids, options.wait_for_writers, &last, &since)) {
    result.done = false;
    return result;
  }
  if (options.most_ids > 0 && last - watermark.position > options.most_ids) {
    last = watermark.position + options.most_ids;
    result.more = true;
  }

  FaultPoint("refresh: settled");
  const int level = BeginRefreshSettings();
  const RoleScope before = BecomeOwner(root->owner);
  const SPIPlanPtr plan = PlanFor(root->relation, RefreshSql(*root, ids.column));
  StartProgress(root->relation, watermark.position, last);
  for (int64 from = watermark.position; from < last;) {
    CHECK_FOR_INTERRUPTS();
    const int64 to = last - from > refresh_step ? from + refresh_step : last;
    MergeWindow(plan, from, to);
    FaultPoint("refresh: merged");
    ReportProgress(to);
    from = to;
  }
  EndProgress();
  RestoreRole(before);
  EndSettings(level);
  result.ids = last - watermark.position;
  result.position = last;
  MoveWatermark(root->relation, last, ids.sequence, since, result.ids, started);
  FaultPoint("refresh: moved");
  return result;
}

}  // namespace millrace::pg
