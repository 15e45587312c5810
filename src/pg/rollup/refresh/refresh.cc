// The steps of a refresh, all in one transaction:
//   1. lock the watermark: nobody else refreshes this family
//   2. note the time, then read the sequence: E is the last id that was handed out
//   3. find the transactions that write to the source or its partitions, and wait until they have
//      ended; check that the events can be followed
//   4. in steps of millrace.refresh_step ids: one statement reads (from, to] and merges into the
//      tables of the family; events for which it fails are set aside (set_aside.h)
//   5. move the watermark to E
// Step 4 takes a new snapshot for each statement (READ COMMITTED), so it sees the rows of all
// transactions that step 3 has waited for.

#include "pg/rollup/refresh/refresh.h"

#include "pg/base/fault_point.h"
#include "pg/base/guc.h"
#include "pg/base/list.h"
#include "pg/base/spi.h"
#include "pg/cluster/citus.h"
#include "pg/rollup/log/source_check.h"
#include "pg/rollup/refresh/distribution.h"
#include "pg/rollup/refresh/progress.h"
#include "pg/rollup/refresh/set_aside.h"
#include "pg/rollup/sql/statements.h"
#include "pg/tail/plan.h"

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

[[noreturn]] void RaiseRestarted(const Rollup& root, const char* sequence, int32 group) {
  const char* node = group == 0 ? "" : psprintf(" on the node of group %d", group);
  ereport(ERROR,
          (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
           errmsg("sequence %s has been restarted or altered%s since rollup %s was refreshed",
                  sequence, node, root.name),
           errdetail("New events may have ids that are already below the watermark."),
           errhint("SELECT millrace.rebuild_rollup(%s) makes the rollup again from the events in "
                   "the table.",
                   quote_literal_cstr(root.name))));
  pg_unreachable();
}

[[noreturn]] void RaiseSetBack(const Rollup& root, const char* sequence, int64 last,
                               int64 position) {
  ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                  errmsg("sequence %s is at " INT64_FORMAT ", behind the watermark " INT64_FORMAT
                         " of rollup %s",
                         sequence, last, position, root.name),
                  errdetail("It was set back, by TRUNCATE ... RESTART IDENTITY or setval, so new "
                            "events get ids that are already below the watermark."),
                  errhint("SELECT millrace.rebuild_rollup(%s) makes the rollup again from the "
                          "events in the table.",
                          quote_literal_cstr(root.name))));
  pg_unreachable();
}

// Whether two names of sequences mean the same sequence with different files.
bool WasRestarted(const char* before, const char* now) {
  if (before == nullptr || now == nullptr) return false;
  const char* file = strrchr(before, '/');
  const char* new_file = strrchr(now, '/');
  return file != nullptr && new_file != nullptr && file - before == new_file - now &&
         strncmp(before, now, file - before) == 0 && strcmp(file, new_file) != 0;
}

bool IsBehind(const Windows& windows) {
  for (int i = 0; i < windows.count; ++i) {
    if (windows.nodes[i].to < windows.nodes[i].from) return true;
  }
  return false;
}

bool IsEmpty(const Windows& windows) {
  for (int i = 0; i < windows.count; ++i) {
    if (windows.nodes[i].to > windows.nodes[i].from) return false;
  }
  return true;
}

// For a node that was removed, all of its ids count as handed out, but only few were used.
bool IsRemoved(const NodeWindow& window) { return window.sequence == nullptr; }

// How many ids come before the ends (or the starts) of the windows, counted as in Settling.
int64 PositionOf(const Windows& windows, int64 NodeWindow::*end) {
  int64 position = 0;
  for (int i = 0; i < windows.asked; ++i) {
    const NodeWindow& window = windows.nodes[i];
    const int64 id = window.*end;
    position += IsRemoved(window) ? (id == EndOfIds(window.group)) : id - IdBase(window.group);
  }
  return position;
}

int64 NewIds(const Windows& windows) {
  int64 ids = 0;
  for (int i = 0; i < windows.count; ++i) {
    if (!IsRemoved(windows.nodes[i])) ids += windows.nodes[i].to - windows.nodes[i].from;
  }
  return ids;
}

// Shortens the windows to at most so many ids per node. Returns whether that left any out.
bool ShortenWindows(Windows* windows, int64 most_ids) {
  bool cut = false;
  for (int i = 0; i < windows->count; ++i) {
    NodeWindow& window = windows->nodes[i];
    if (IsRemoved(window) || window.to - window.from <= most_ids) continue;
    window.to = window.from + most_ids;
    cut = true;
  }
  return cut;
}

// Raises unless ids continue from where the watermarks are; otherwise the rollup would miss some.
// If a sequence's file (relfilenode) has changed, its ids can no longer be trusted: it was
// restarted, and may have passed the watermark again, or it was altered.
void CheckGoesOn(const Rollup& root, const IdSource& ids, const Watermarks& watermarks,
                 const Windows& windows) {
  const char* sequence = QualifiedName(ids.sequence);
  for (int i = 0; i < windows.count; ++i) {
    const NodeWindow& window = windows.nodes[i];
    for (int j = 0; j < watermarks.count; ++j) {
      const Watermark& before = watermarks.nodes[j];
      if (before.group == window.group && WasRestarted(before.sequence, window.sequence)) {
        RaiseRestarted(root, sequence, window.group);
      }
    }
    if (window.to < window.from) RaiseSetBack(root, sequence, window.to, window.from);
  }
}

// Finds out which leaves may hold new events, once after the server was started, and after a doubt:
// see "The tail" in ../README.md. REQUIRES: `settling` has settled.
void LearnTail(const Rollup& root, const IdSource& ids, const Settling& settling) {
  if (!StillWantsFloor(settling.tracking)) return;
  const TimestampTz start = GetCurrentTimestamp();
  const int64 last = settling.nodes[0].last;
  // Some rows may have ids that the sequence has not reached yet.
  const int64 highest = AsOwner(root.owner, [&] {
    RunSql(LastIdAboveSql(root, ids.column), {Int64Argument(last)});
    const int64 found = SpiRow(0).IsNull(1) ? last : SpiRow(0).Int64(1);
    SPI_freetuptable(SPI_tuptable);
    return found;
  });
  FaultPoint("refresh: floor read");
  if (LearnFloor(settling.tracking, highest, GetCurrentTimestamp() - start)) {
    // Plans that read all partitions are made again.
    CacheInvalidateRelcacheByRelid(root.source);
  }
}

// Takes the ids of the next step off the front of the windows.
List* TakeStep(Windows* windows) {
  List* ranges = NIL;
  for (int i = 0; i < windows->count; ++i) {
    NodeWindow& window = windows->nodes[i];
    if (window.from == window.to) continue;
    const int64 to = !IsRemoved(window) && window.to - window.from > refresh_step
                         ? window.from + refresh_step
                         : window.to;
    ranges = AddRange(ranges, IdLiteral(window.from), IdLiteral(to));
    window.from = to;
  }
  return ranges;
}

// Whether to look where the next id is: after 1, 2, 4, 8, ... steps in a row that found nothing.
// Looking reads everything ahead. If the events exist and only a filter leaves them out, it finds
// no gap in the ids.
bool IsTimeToLook(int empty_steps) {
  return empty_steps > 0 && (empty_steps & (empty_steps - 1)) == 0;
}

// The id before the first one above `above` that a row has; `up_to` if there is none up to it.
int64 BeforeNextId(const Rollup& root, const char* id_column, int64 above, int64 up_to) {
  if (above >= up_to) return up_to;
  RunSql(NextIdSql(root, id_column), {Int64Argument(above), Int64Argument(up_to)});
  const SpiRow row(0);
  const int64 before = row.IsNull(1) ? up_to : row.Int64(1) - 1;
  SPI_freetuptable(SPI_tuptable);
  return before;
}

// Raises if row security hides rows of a table of the family from its owner: they could not be
// merged into.
void CheckTables(const Rollup& rollup) {
  CheckNoRowSecurity(rollup.relation, rollup.owner);
  for (auto* child : Each<Rollup>(rollup.children)) CheckTables(*child);
}

}  // namespace

// Citus sends a statement to the shards only if it has no parameters and is a single INSERT. So
// there is one for each rollup of the family.
void MergeOnShards(const Rollup& rollup, const Rollup& root, const char* id_column, List* ranges) {
  RunSql(MergeSql(rollup, SelectSql(rollup, root, id_column, {ranges})));
  for (auto* child : Each<Rollup>(rollup.children)) {
    MergeOnShards(*child, root, id_column, ranges);
  }
}

void CheckFamily(const Rollup& root, const IdSource& ids, bool wait) {
  CheckSource(root.source, ids, root.owner, wait);
  CheckTables(root);
}

void SetRefreshSettings(int topn_counters) {
  SetSettingInScope("millrace.hll_max_sparse", "-1");
  // What makes or checks a rollup must not be answered from the rollups over it.
  SetSettingInScope("millrace.enable_rewrite", "off");
  SetSettingInScope("millrace.rewrite_events", "off");
  if (topn_counters > 0) {
    SetSettingInScope("topn.number_of_counters", psprintf("%d", topn_counters));
  }
  // One plan for every window. Otherwise the statement of a family over many partitions would be
  // planned each time.
  SetSettingInScope("plan_cache_mode", "force_generic_plan");
  SetSettingInScope("jit", "off");
  // One transaction per node. Otherwise a live view could see a part of a refresh.
  UseOneConnectionPerNode();
}

void RequireReadCommitted(const char* function) {
  if (!IsolationUsesXactSnapshot()) return;
  ereport(
      ERROR,
      (errcode(ERRCODE_ACTIVE_SQL_TRANSACTION),
       errmsg("%s needs the isolation level READ COMMITTED", function),
       errdetail("At a higher level it would not see events that are committed while it waits for "
                 "writers, and they would be lost."),
       errhint("Use BEGIN ISOLATION LEVEL READ COMMITTED, or set default_transaction_isolation.")));
}

Windows WindowsUpTo(const Watermarks& watermarks, const Settling& settled) {
  auto* windows = static_cast<NodeWindow*>(
      palloc((settled.node_count + watermarks.count) * sizeof(NodeWindow)));
  int count = 0;
  for (int i = 0; i < settled.node_count; ++i) {
    const HandedOut& node = settled.nodes[i];
    windows[count++] = {node.group, IdBase(node.group), node.last, node.sequence};
  }
  for (int j = 0; j < watermarks.count; ++j) {
    const Watermark& known = watermarks.nodes[j];
    int i = 0;
    while (i < settled.node_count && windows[i].group != known.group) ++i;
    if (i < settled.node_count) {
      windows[i].from = known.position;
    } else {
      windows[count++] = {known.group, known.position, known.position, known.sequence};
    }
  }
  return {windows, count, settled.node_count};
}

void MoveWatermarks(const Rollup& root, const IdSource& ids, const Windows& windows,
                    TimestampTz since, TimestampTz started) {
  for (int i = 0; i < windows.count; ++i) {
    const NodeWindow& window = windows.nodes[i];
    MoveWatermark(root.relation, {window.group, window.to, window.sequence}, since, started);
  }
  if (IsDistributed(root)) WriteWatermarkCopy(root, ids.column);
}

namespace {

void MergeOnNodes(const Rollup& root, const IdSource& ids, Windows* windows) {
  while (!IsEmpty(*windows)) {
    CHECK_FOR_INTERRUPTS();
    MergeOnShards(root, root, ids.column, TakeStep(windows));
    FaultPoint("refresh: merged");
    ReportProgress(PositionOf(*windows, &NodeWindow::from));
  }
}

// Merges the window of one node, step by step. The window may grow over ids that no row has, up to
// `settled`, and ends where `options` stop it. `result` says whether the last step found nothing.
void MergeHere(const Rollup& root, const IdSource& ids, NodeWindow* window, int64 settled,
               const RefreshOptions& options, RefreshResult* result) {
  const SPIPlanPtr plan = PlanFor(root.relation, RefreshSql(root, ids.column));
  SetAside set_aside;
  set_aside.most = options.most_set_aside;
  set_aside.refuse_all = options.refuse_all;
  int empty_steps = options.empty_before;
  while (window->from < window->to && set_aside.count < set_aside.most) {
    CHECK_FOR_INTERRUPTS();
    const int64 to =
        window->to - window->from > refresh_step ? window->from + refresh_step : window->to;
    const uint64 before = set_aside.rows;
    window->from = MergeWindow(root, plan, window->from, to, &set_aside);
    FaultPoint("refresh: merged");
    result->empty = set_aside.rows == before;
    empty_steps = result->empty ? empty_steps + 1 : 0;
    if (IsTimeToLook(empty_steps)) {
      window->from = BeforeNextId(root, ids.column, window->from, settled);
      window->to = Max(window->to, window->from);
    }
    ReportProgress(window->from);
  }
  window->to = window->from;
  WarnOfSetAside(root, set_aside.count);
}

// Merges the windows, which are empty afterwards.
void MergeSteps(const Rollup& root, const IdSource& ids, Windows* windows, int64 settled,
                const RefreshOptions& options, RefreshResult* result) {
  StartProgress(root.relation, PositionOf(*windows, &NodeWindow::from),
                PositionOf(*windows, &NodeWindow::to));
  if (IsDistributed(root)) {
    MergeOnNodes(root, ids, windows);
  } else {
    WithTailParameters([&] { MergeHere(root, ids, &windows->nodes[0], settled, options, result); });
  }
  EndProgress();
}

}  // namespace

RefreshResult RefreshFamily(Rollup* root, const RefreshOptions& options) {
  RequireReadCommitted("refreshing a rollup");
  RefreshResult result;
  const TimestampTz started = GetCurrentTimestamp();
  Watermarks watermarks;
  if (!LockWatermarks(*root, options.wait_for_others, &watermarks)) return result;
  FaultPoint("refresh: locked");
  CheckNotWriting(root->source);
  const IdSource ids = FindIdSource(root->source, root->id_column);
  Settling* settling = options.settled;
  Windows windows = {};
  if (settling != nullptr) windows = WindowsUpTo(watermarks, *settling);
  // Somebody else has refreshed further since these ids were settled, or a sequence was set back.
  if (settling == nullptr || IsBehind(windows)) {
    settling = StartSettling(root->source, ids, root->owner, watermarks.nodes[0].position);
    windows = WindowsUpTo(watermarks, *settling);
  }
  CheckGoesOn(*root, ids, watermarks, windows);
  const int64 before = PositionOf(windows, &NodeWindow::from);
  result.position = before;
  if (IsEmpty(windows)) {
    CheckFamily(*root, ids, options.wait_for_writers);
    result.done = true;
    if (StillWantsFloor(settling->tracking) && HasSettled(settling, false)) {
      LearnTail(*root, ids, *settling);
    }
    return result;
  }
  if (!HasSettled(settling, options.wait_for_writers)) return result;
  CheckFamily(*root, ids, options.wait_for_writers);
  LearnTail(*root, ids, *settling);
  FaultPoint("refresh: settled");
  const int64 settled = windows.nodes[0].to;
  if (options.most_ids > 0) result.more = ShortenWindows(&windows, options.most_ids);
  result.ids = NewIds(windows);

  WithRefreshSettings(root->topn_counters, [&] {
    AsOwner(root->owner, [&] {
      InsideRefresh(root->relation,
                    [&] { MergeSteps(*root, ids, &windows, settled, options, &result); });
    });
    result.position = PositionOf(windows, &NodeWindow::to);
    if (!IsDistributed(*root)) {
      result.ids = result.position - before;
      result.more = result.position < settled;
    }
    MoveWatermarks(*root, ids, windows, settling->since, started);
  });
  FaultPoint("refresh: moved");
  result.done = true;
  return result;
}

}  // namespace millrace::pg
