// millrace.rebuild_rollup: makes the rows of a rollup again from what it reads, all of them or
// those in a span of buckets, in one transaction. Readers see the old rows until it commits.

#include "pg/base/fault_point.h"
#include "pg/base/guc.h"
#include "pg/base/list.h"
#include "pg/base/spi.h"
#include "pg/rollup/catalog/differences.h"
#include "pg/rollup/log/source_check.h"
#include "pg/rollup/refresh/edits.h"
#include "pg/rollup/refresh/refresh.h"
#include "pg/rollup/refresh/set_aside.h"
#include "pg/rollup/sql/statements.h"

using namespace millrace::pg;

namespace {

// A span of buckets; either end may be open.
struct Span {
  bool has_from, has_to;
  TimestampTz from, to;
  bool includes_to;
};

bool IsAll(const Span& span) { return !span.has_from && !span.has_to; }

// The condition that a row of the rollup is in the span.
const char* Condition(const Rollup& rollup, const char* prefix, const Span& span) {
  const char* bucket = psprintf("%s%s", prefix, quote_identifier(rollup.definition->bucket));
  const char* from = psprintf("%s >= %s", bucket, BucketTimeSql(rollup, TimeLiteral(span.from)));
  if (!span.has_to) return from;
  const char* to = psprintf("%s %s %s", bucket, span.includes_to ? "<=" : "<",
                            BucketTimeSql(rollup, TimeLiteral(span.to)));
  return span.has_from ? psprintf("%s AND %s", from, to) : to;
}

// Replaces the rows in the span by those that `select` gives.
uint64 Replace(const Rollup& rollup, const char* select, const Span& span) {
  const char* columns = StoredColumnsSql(rollup, "");
  if (IsAll(span)) {
    RunSql(psprintf("DELETE FROM %s", rollup.name));
    return RunSql(psprintf("INSERT INTO %s (%s) %s", rollup.name, columns, select));
  }
  RunSql(psprintf("DELETE FROM %s r WHERE %s", rollup.name, Condition(rollup, "r.", span)));
  return RunSql(psprintf("INSERT INTO %s (%s) SELECT * FROM (%s) AS q (%s) WHERE %s", rollup.name,
                         columns, select, columns, Condition(rollup, "q.", span)));
}

// Widens `affected` to the buckets of `child` that are made from the parent's rows in the span.
void AddAffected(const Rollup& child, const Rollup& parent, const Span& span, Span* affected) {
  const char* bucket = quote_identifier(child.definition->bucket);
  RunSql(psprintf("SELECT %s, %s FROM (%s) AS q (%s)",
                  TimeOfBucketSql(child, psprintf("min(q.%s)", bucket)),
                  TimeOfBucketSql(child, psprintf("max(q.%s)", bucket)),
                  SelectFromParentSql(child, parent, Condition(parent, "", span)),
                  StoredColumnsSql(child, "")));
  const SpiRow row(0);
  if (row.IsNull(1)) return;
  const TimestampTz from = row.Time(1);
  const TimestampTz to = row.Time(2);
  affected->from = affected->has_from ? Min(affected->from, from) : from;
  affected->to = affected->has_to ? Max(affected->to, to) : to;
  affected->has_from = affected->has_to = affected->includes_to = true;
}

// Rebuilds a rollup from the rows of `select`, and then the rollups over it where these rows change
// them.
uint64 RebuildTree(const Rollup& rollup, const char* select, const Span& span) {
  const int count = list_length(rollup.children);
  auto* spans = static_cast<Span*>(palloc0(Max(count, 1) * sizeof(Span)));
  auto add_affected = [&] {
    for (int i = 0; i < count; ++i) {
      const auto& child = *static_cast<Rollup*>(list_nth(rollup.children, i));
      if (!IsAll(span) && child.definition->bucket != nullptr) {
        AddAffected(child, rollup, span, &spans[i]);
      }
    }
  };
  add_affected();
  const uint64 rows = Replace(rollup, select, span);
  FaultPoint("rebuild: replaced");
  add_affected();
  for (int i = 0; i < count; ++i) {
    const auto& child = *static_cast<Rollup*>(list_nth(rollup.children, i));
    const bool untouched =
        !IsAll(span) && child.definition->bucket != nullptr && !spans[i].has_from;
    if (!untouched) RebuildTree(child, SelectFromParentSql(child, rollup, nullptr), spans[i]);
  }
  return rows;
}

Rollup* FindIn(Rollup* family, Oid relation) {
  if (family->relation == relation) return family;
  for (auto* child : Each<Rollup>(family->children)) {
    Rollup* found = FindIn(child, relation);
    if (found != nullptr) return found;
  }
  return nullptr;
}

struct RootRebuild {
  const Rollup* root;
  const IdSource* ids;
  EventSelection events;
  Span span;
  int64 last;  // the last id that is in the rollup
  uint64 rows;
};

// Events that were set aside stay out.
void RebuildRootTree(void* argument) {
  auto* rebuild = static_cast<RootRebuild*>(argument);
  const Rollup& root = *rebuild->root;
  rebuild->rows = RebuildTree(root, SelectSql(root, root, rebuild->ids->column, rebuild->events),
                              rebuild->span);
}

void EmptyTree(const Rollup& rollup) {
  RunSql(psprintf("DELETE FROM %s", rollup.name));
  for (auto* child : Each<Rollup>(rollup.children)) EmptyTree(*child);
}

// Makes the rows as a refresh from the start would: an event is set aside if this rollup, or a
// rollup over it, cannot count it.
void RebuildByMerging(RootRebuild* rebuild) {
  const Rollup& root = *rebuild->root;
  DeleteFailedEvents(root.relation, PG_INT64_MIN, PG_INT64_MAX);
  EmptyTree(root);
  Oid types[] = {INT8OID, INT8OID};
  SPIPlanPtr plan = SPI_prepare(RefreshSql(root, rebuild->ids->column), 2, types);
  if (plan == nullptr) elog(ERROR, "SPI_prepare: %s", SPI_result_code_string(SPI_result));
  SetAside set_aside;
  for (int64 from = root.start_after; from < rebuild->last;) {
    const int64 step = Min(rebuild->last - from, static_cast<int64>(refresh_step));
    from = MergeWindow(root, plan, from, from + step, &set_aside);
  }
  rebuild->rows = set_aside.rows;
  WarnOfSetAside(root, set_aside.count);
}

// Sets aside those events of the span for which the query fails, and rebuilds the span without
// them. Events outside the span are not looked at: what they gave stays in the rows.
void RebuildWithoutFailing(RootRebuild* rebuild, ErrorData* error) {
  const Rollup& root = *rebuild->root;
  int64 failing = 0;
  if (rebuild->events.time_column != nullptr) {
    failing = SetAsideFailing(root, rebuild->ids->column, rebuild->events, root.start_after,
                              rebuild->last);
  }
  if (failing == 0) ReThrowError(error);
  RebuildRootTree(rebuild);
  WarnOfSetAside(root, failing);
}

void RebuildOnThisNode(RootRebuild* rebuild) {
  ErrorData* error = TryInSubtransaction(RebuildRootTree, rebuild);
  if (error != nullptr && IsAll(rebuild->span)) {
    RebuildByMerging(rebuild);
  } else if (error != nullptr) {
    RebuildWithoutFailing(rebuild, error);
  }
}

uint64 RebuildRoot(const Rollup& root, const IdSource& ids, int64 last, const Span& span) {
  const char* since = span.has_from ? TimeLiteral(span.from) : nullptr;
  const char* until = span.has_to ? TimeLiteral(span.to) : nullptr;
  RootRebuild rebuild = {&root, &ids, {}, span, last, 0};
  rebuild.events = EventsIn(root, root, SettledRanges(root, IdLiteral(last)), since, until);
  AsOwner(root.owner, [&] {
    InsideRefresh(root.relation, [&] {
      if (IsDistributed(root)) {
        RebuildRootTree(&rebuild);
      } else {
        RebuildOnThisNode(&rebuild);
      }
      // Perhaps the rebuild was run because events were repaired: try those that were set aside.
      (void)RetryFailedEvents(root, ids.column);
    });
  });
  return rebuild.rows;
}

// The rows are made again, so differences that were found in them are gone.
void ForgetDifferencesOf(const Rollup& rollup, const Span& span) {
  const bool all = IsAll(span) || rollup.definition->bucket == nullptr;
  ForgetDifferences(rollup.relation, all || !span.has_from ? DT_NOBEGIN : span.from,
                    all || !span.has_to ? DT_NOEND : span.to);
  for (auto* child : Each<Rollup>(rollup.children)) {
    ForgetDifferencesOf(*child, span);
  }
}

uint64 Rebuild(Oid relation, const Span& span) {
  Rollup* root = LoadFamily(relation);
  Rollup* rollup = FindIn(root, relation);
  CheckOwner(*rollup);
  if (!IsAll(span) && rollup->definition->bucket == nullptr) {
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                    errmsg("rollup %s has no time among its keys", rollup->name),
                    errhint("Rebuild all of it: leave the times out.")));
  }
  const TimestampTz started = GetCurrentTimestamp();
  Watermarks watermarks;
  LockWatermarks(*root, true, &watermarks);
  const IdSource ids = FindIdSource(root->source, root->id_column);
  CheckFamily(*root, ids, true);
  CheckNotWriting(root->source);
  if (root->topn_counters > 0) {
    SetSettingInScope("topn.number_of_counters", psprintf("%d", root->topn_counters));
  }
  ForgetDifferencesOf(*rollup, span);
  if (IsAll(span)) ForgetEdits(*rollup);
  if (rollup != root) {
    const Rollup& parent = *FindIn(root, rollup->parent);
    uint64 rows = 0;
    AsOwner(rollup->owner, [&] {
      InsideRefresh(root->relation, [&] {
        rows = RebuildTree(*rollup, SelectFromParentSql(*rollup, parent, nullptr), span);
      });
    });
    return rows;
  }
  // A span is made again from the events that are in the rollup already.
  if (!IsAll(span)) {
    return RebuildRoot(*root, ids, watermarks.nodes[0].position, span);
  }
  Settling* settling = StartSettling(root->source, ids, root->owner, -1);
  HasSettled(settling, true);
  const int64 last = settling->nodes[0].last;
  // If the ids have started again, the rollup's start_after no longer means anything.
  if (last < root->start_after) {
    root->start_after = 0;
    ForgetStart(root->relation);
  }
  MoveWatermarks(*root, ids, WindowsUpTo(watermarks, *settling), settling->since, started);
  return RebuildRoot(*root, ids, last, span);
}

}  // namespace

// millrace.rebuild_rollup(rollup regclass, since timestamptz, until timestamptz) returns bigint:
// the number of rows made.
MILLRACE_FUNCTION(rebuild_rollup) {
  if (PG_ARGISNULL(0)) PG_RETURN_NULL();
  RequireReadCommitted("millrace.rebuild_rollup");
  Span span = {!PG_ARGISNULL(1), !PG_ARGISNULL(2), 0, 0, false};
  if (span.has_from) span.from = PG_GETARG_TIMESTAMPTZ(1);
  if (span.has_to) span.to = PG_GETARG_TIMESTAMPTZ(2);
  PG_RETURN_INT64(static_cast<int64>(WithSpi(
      [&] { return WithRefreshSettings(0, [&] { return Rebuild(PG_GETARG_OID(0), span); }); })));
}
