// Verification in the background, one bucket at a time.
//
// When a rollup's buckets are cut from the time of its events, the bounds of buckets follow from
// the clock: the bucket that is open now, and the bucket before any bound. So no bounds have to be
// looked up, and no time is left out. A span without rows is compared too; otherwise events that
// are in no row would never be missed. The watermark, in the statement's own snapshot, decides
// which events are compared. That a bucket is closed only means that it is not likely to change
// again soon.

#include <cmath>

#include "pg/base/spi.h"
#include "pg/rollup/refresh/refresh.h"
#include "pg/rollup/refresh/set_aside.h"
#include "pg/rollup/sql/statements.h"
#include "pg/rollup/verify/verify.h"

namespace millrace::pg {
namespace {

// What earlier comparisons have found out.
struct Progress {
  bool known;           // whether anything was compared yet
  TimestampTz through;  // the end of the newest bucket that was compared
  bool has_next;        // false: older buckets are compared from the newest on
  TimestampTz next;     // the end of the next older one
  int64 rebuilds;       // how often the rows were made again
};

Progress ReadProgress(Oid relation) {
  Progress progress = {};
  const uint64 rows = AsCatalogOwner([&] {
    return RunSql(
        "SELECT verified_through, next_until, rebuilds FROM millrace.verification WHERE relation = "
        "$1",
        {OidArgument(relation)});
  });
  if (rows == 0) return progress;
  const SpiRow row(0);
  progress.known = !row.IsNull(1);
  progress.through = row.Time(1);
  progress.has_next = progress.known && !row.IsNull(2);
  progress.next = row.Time(2);
  progress.rebuilds = row.Int64(3);
  return progress;
}

// Returns whether the rows are still those that were compared.
bool WriteProgress(Oid relation, const Progress& progress) {
  AsCatalogOwner([&] {
    SpiArgument next = TimeArgument(progress.next);
    next.is_null = !progress.has_next;
    RunSql(
        "INSERT INTO millrace.verification AS v (relation, verified_through, next_until, "
        "verified_at) "
        "VALUES ($1, $2, $3, clock_timestamp()) ON CONFLICT (relation) DO UPDATE SET "
        "verified_through = excluded.verified_through, next_until = excluded.next_until, "
        "verified_at "
        "= excluded.verified_at, tried_at = excluded.tried_at, error = NULL RETURNING "
        "v.rebuilds",
        {OidArgument(relation), TimeArgument(progress.through), next});
  });
  return SpiRow(0).Int64(1) == progress.rebuilds;
}

// The last bound of a bucket at or before a time.
TimestampTz BoundBefore(const Rollup& rollup, const Rollup& root, TimestampTz time) {
  RunSql(psprintf("SELECT %s", BucketOfSql(rollup, root, TimeLiteral(time))));
  return SpiRow(0).Time(1);
}

// The next bound after one, or a later one, but not after `last`.
TimestampTz BoundAfter(const Rollup& rollup, const Rollup& root, TimestampTz bound,
                       TimestampTz last) {
  constexpr int64 kSteps[] = {USECS_PER_SEC,     USECS_PER_MINUTE,    5 * USECS_PER_MINUTE,
                              USECS_PER_HOUR,    25 * USECS_PER_HOUR, 8 * USECS_PER_DAY,
                              32 * USECS_PER_DAY};
  for (const int64 step : kSteps) {
    const TimestampTz next = BoundBefore(rollup, root, bound + step);
    if (next > bound) return Min(next, last);
  }
  return last;
}

TimestampTz BoundOf(Datum value, Oid type, PartitionRangeDatumKind kind) {
  if (kind == PARTITION_RANGE_DATUM_MINVALUE) return DT_NOBEGIN;
  if (kind == PARTITION_RANGE_DATUM_MAXVALUE) return DT_NOEND;
  // Times without a zone are taken as UTC, as everywhere in a rollup.
  if (type == DATEOID) value = DirectFunctionCall1(date_timestamp, value);
  if (type == TIMESTAMPTZOID) return DatumGetTimestampTz(value);
  return DatumGetTimestampTz(
      DirectFunctionCall2(timestamp_zone, CStringGetTextDatum("UTC"), value));
}

// The ranges of time for which the events have a partition. For other times it was dropped, or
// there never was one.
struct Covered {
  bool possible;  // false: not known, because they are partitioned by something else
  bool all;       // the events are not partitioned
  int count;
  TimestampTz* from;
  TimestampTz* to;
};

Covered FindCovered(Oid source, const char* time_column) {
  Covered covered = {true, true, 0, nullptr, nullptr};
  if (get_rel_relkind(source) != RELKIND_PARTITIONED_TABLE) return covered;
  covered.possible = covered.all = false;
  Relation relation = relation_open(source, AccessShareLock);
  const PartitionKey key = RelationGetPartitionKey(relation);
  if (key->strategy == PARTITION_STRATEGY_RANGE &&
      key->partattrs[0] == get_attnum(source, time_column)) {
    const PartitionDesc descriptor = RelationGetPartitionDesc(relation, true);
    const PartitionBoundInfo bounds = descriptor->boundinfo;
    const int count = bounds == nullptr ? 0 : bounds->ndatums;
    covered.possible = true;
    covered.from = static_cast<TimestampTz*>(palloc((count + 1) * sizeof(TimestampTz)));
    covered.to = static_cast<TimestampTz*>(palloc((count + 1) * sizeof(TimestampTz)));
    for (int i = 1; i < count; ++i) {
      // Each bound at which a partition ends has the index of that partition, which begins at the
      // bound before.
      if (bounds->indexes[i] < 0) continue;
      covered.from[covered.count] =
          BoundOf(bounds->datums[i - 1][0], key->parttypid[0], bounds->kind[i - 1][0]);
      covered.to[covered.count++] =
          BoundOf(bounds->datums[i][0], key->parttypid[0], bounds->kind[i][0]);
    }
    // Events after the last partition were never dropped: they are in the default partition.
    if (bounds != nullptr && partition_bound_has_default(bounds)) {
      covered.all = covered.count == 0;
      covered.from[covered.count] = covered.count == 0 ? DT_NOBEGIN : covered.to[covered.count - 1];
      covered.to[covered.count++] = DT_NOEND;
    }
  }
  relation_close(relation, NoLock);
  return covered;
}

// Whether all of a span has partitions.
bool IsCovered(const Covered& covered, TimestampTz since, TimestampTz until) {
  if (covered.all) return true;
  TimestampTz reached = since;
  for (int i = 0; i < covered.count && reached < until; ++i) {
    if (covered.from[i] <= reached && covered.to[i] > reached) reached = covered.to[i];
  }
  return reached >= until;
}

// Before this time there is nothing to compare.
TimestampTz Oldest(const Rollup& rollup, const Covered& covered) {
  if (!covered.all && covered.count == 0) return DT_NOEND;
  if (!covered.all && !TIMESTAMP_IS_NOBEGIN(covered.from[0])) return covered.from[0];
  const char* bucket = quote_identifier(rollup.definition->bucket);
  RunSql(psprintf("SELECT min(%s) FROM %s WHERE %s > '-infinity'", TimeOfBucketSql(rollup, bucket),
                  rollup.name, bucket));
  return SpiRow(0).IsNull(1) ? DT_NOEND : SpiRow(0).Time(1);
}

// The next span to compare, and the progress once it is compared. False if there is none.
bool NextSpan(const Rollup& rollup, const Rollup& root, Progress* progress, VerifiedSpan* span) {
  const Covered covered = FindCovered(root.source, EventTimeOf(rollup, root));
  if (!covered.possible) return false;
  const TimestampTz open = BoundBefore(rollup, root, GetCurrentTimestamp());
  bool wrapped = false;
  // The number of spans without partitions that are passed over in one call.
  for (int i = 0; i < 1000; ++i) {
    CHECK_FOR_INTERRUPTS();
    if (progress->known && progress->through < open) {
      span->since = progress->through;
      span->until = progress->through = BoundAfter(rollup, root, span->since, open);
    } else {
      if (!progress->known) {
        progress->known = true;
        progress->through = open;
        progress->has_next = false;
      }
      span->until = progress->has_next ? progress->next : progress->through;
      span->since = BoundBefore(rollup, root, span->until - 1);
      progress->next = span->since;
      progress->has_next = span->since > Oldest(rollup, covered);
    }
    if (IsCovered(covered, span->since, span->until)) return true;
    // After the oldest bucket, begin once more with the newest: the partitions where the last call
    // ended may be gone.
    if (!progress->has_next && progress->through >= open && wrapped) return false;
    wrapped |= !progress->has_next;
  }
  return false;
}

// The first of the rows in SPI_tuptable, for people to read.
const char* FirstDifference() {
  StringInfoData example;
  initStringInfo(&example);
  constexpr const char* kParts[] = {"", ", column ", ", expected ", ", found "};
  for (int i = 0; i < 4; ++i) {
    const char* value = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, i + 1);
    appendStringInfo(&example, "%s%s", kParts[i], value == nullptr ? "NULL" : value);
  }
  return example.data;
}

struct Comparison {
  const Rollup* rollup;
  const Rollup* root;
  const char* since;
  const char* until;
  int64 differences;
  const char* example;
};

void Compare(void* argument) {
  auto* comparison = static_cast<Comparison*>(argument);
  comparison->differences = static_cast<int64>(CompareWithEvents(
      *comparison->rollup, *comparison->root, comparison->since, comparison->until));
  comparison->example = comparison->differences > 0 ? FirstDifference() : nullptr;
}

void WriteDifference(Oid relation, const VerifiedSpan& span, const char* example) {
  AsCatalogOwner([&] {
    RunSql(
        "INSERT INTO millrace.difference (relation, bucket_from, bucket_to, differences, example) "
        "VALUES ($1, $2, $3, $4, $5)",
        {OidArgument(relation), TimeArgument(span.since), TimeArgument(span.until),
         Int64Argument(span.differences), TextArgument(example)});
  });
  ereport(
      WARNING,
      (errmsg_plural(
           "rollup %s differs from its events in " INT64_FORMAT " value of the buckets from %s",
           "rollup %s differs from its events in " INT64_FORMAT " values of the buckets from %s",
           span.differences, QualifiedName(relation), span.differences,
           timestamptz_to_str(span.since)),
       errhint("SELECT * FROM millrace.differences shows them; millrace.rebuild_rollup makes the "
               "rows again.")));
}

}  // namespace

bool VerifyNextSpan(Oid relation, VerifiedSpan* span) {
  const Rollup* root = LoadFamily(relation);
  const Rollup* rollup = GetRollup(relation);
  if (IsDistributed(*root)) return false;
  Progress progress = ReadProgress(relation);
  const bool by_time = EventTimeOf(*rollup, *root) != nullptr;
  if (by_time) {
    if (!NextSpan(*rollup, *root, &progress, span)) {
      return false;
    }
  } else {
    if (get_rel_relkind(root->source) == RELKIND_PARTITIONED_TABLE) return false;
    *span = {DT_NOBEGIN, DT_NOEND, 0};
    progress.known = true;
    progress.through = GetCurrentTimestamp();
    progress.has_next = false;
  }
  const char* since = by_time ? TimeLiteral(span->since) : nullptr;
  const char* until = by_time ? TimeLiteral(span->until) : nullptr;
  Comparison comparison = {rollup, root, since, until, 0, nullptr};
  const ErrorData* error = TryInSubtransaction(Compare, &comparison);
  if (error != nullptr) {
    // An event was changed so that it can no longer be counted. Go on with the buckets before.
    comparison.differences = 1;
    comparison.example = psprintf("cannot be compared: %s", error->message);
  }
  span->differences = comparison.differences;
  const char* example = comparison.example;
  // This waits for a rebuild that is running.
  if (WriteProgress(relation, progress)) {
    DeleteDifferences(relation, span->since, span->until);
    if (example != nullptr) WriteDifference(relation, *span, example);
  }
  return true;
}

}  // namespace millrace::pg

using namespace millrace::pg;

// millrace.verify_next(rollup regclass) returns record (since timestamptz, until timestamptz,
// differences bigint): one step of what the worker does in the background; NULLs if nothing can be
// compared.
MILLRACE_FUNCTION(verify_next) {
  TupleDesc descriptor;
  if (get_call_result_type(fcinfo, nullptr, &descriptor) != TYPEFUNC_COMPOSITE) {
    elog(ERROR, "millrace.verify_next returns a row");
  }
  descriptor = BlessTupleDesc(descriptor);
  VerifiedSpan span = {};
  const bool found = WithSpi([&] {
    CheckOwner(*GetRollup(PG_GETARG_OID(0)));
    return VerifyNextSpan(PG_GETARG_OID(0), &span);
  });
  Datum values[] = {TimestampTzGetDatum(span.since), TimestampTzGetDatum(span.until),
                    Int64GetDatum(span.differences)};
  bool nulls[] = {!found, !found, !found};
  PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(descriptor, values, nulls)));
}
