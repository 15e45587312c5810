#include "pg/summarize/row_estimate.h"

#include <cmath>

#include "pg/base/list.h"
#include "pg/base/spi.h"
#include "pg/rewrite/cut.h"
#include "pg/rollup/log/watermark.h"
#include "pg/summarize/summaries.h"

namespace millrace::pg {
namespace {

HeapTuple StatisticsOf(Oid relation, AttrNumber number) {
  return SearchSysCache3(STATRELATTINH, ObjectIdGetDatum(relation), Int16GetDatum(number),
                         BoolGetDatum(false));
}

bool IsAnalyzed(const Rollup& rollup) {
  const Bitmapset* keys = KeysOf(rollup);
  for (int i = -1; (i = bms_next_member(keys, i)) >= 0;) {
    HeapTuple tuple = StatisticsOf(rollup.relation, static_cast<AttrNumber>(i));
    if (!HeapTupleIsValid(tuple)) return false;
    ReleaseSysCache(tuple);
  }
  return true;
}

KeyStatistics* ReadKey(const Rollup& rollup, AttrNumber number, double rows) {
  auto* key = static_cast<KeyStatistics*>(palloc0(sizeof(KeyStatistics)));
  key->number = number;
  key->distinct = 1;
  key->rest = rows;
  HeapTuple tuple = StatisticsOf(rollup.relation, number);
  // A key of a type without equality for statistics: as if each row had a value of its own.
  if (!HeapTupleIsValid(tuple)) {
    key->distinct = rows;
    return key;
  }
  const auto* found = reinterpret_cast<Form_pg_statistic>(GETSTRUCT(tuple));
  const double nulls = found->stanullfrac;
  const double distinct = found->stadistinct;
  // Below 0 it is a share of the rows; 0 is unknown.
  key->distinct = distinct > 0 ? distinct : distinct < 0 ? -distinct * rows : rows * (1 - nulls);
  key->distinct = Min(Max(key->distinct + (nulls > 0 ? 1 : 0), 1), rows);
  AttStatsSlot slot;
  if (get_attstatsslot(&slot, tuple, STATISTIC_KIND_MCV, InvalidOid, ATTSTATSSLOT_NUMBERS)) {
    key->common_count = slot.nnumbers;
    key->common = static_cast<float4*>(palloc(sizeof(float4) * (slot.nnumbers + 1)));
    memcpy(key->common, slot.numbers, sizeof(float4) * slot.nnumbers);
    free_attstatsslot(&slot);
  } else {
    key->common = static_cast<float4*>(palloc(sizeof(float4)));
  }
  ReleaseSysCache(tuple);
  // NULL is a value like others.
  if (nulls > 0) key->common[key->common_count++] = static_cast<float4>(nulls);
  double share = 0;
  for (int i = 0; i < key->common_count; ++i) share += key->common[i];
  key->rest = rows * Max(1 - share, 0);
  return key;
}

const KeyStatistics* FindKey(const RollupStatistics& statistics, int number) {
  for (const KeyStatistics* key : Each<KeyStatistics>(statistics.keys)) {
    if (key->number == number) return key;
  }
  return nullptr;
}

// `width` in microseconds; 0: not known.
double WidthOfBucket(const Rollup& rollup) {
  const FuncExpr* call = rollup.definition->bucket_call;
  const FuncExpr* cut = call == nullptr ? nullptr : AsCut(reinterpret_cast<const Node*>(call));
  return cut == nullptr ? 0 : static_cast<double>(LongestBucket(cut));
}

double RefreshInterval(const Rollup& root) {
  constexpr double kSecond = 1e6;
  (void)RunOnCatalog(
      "SELECT extract(epoch FROM refresh_interval)::float8 FROM millrace.rollup WHERE relation = "
      "$1",
      {OidArgument(root.relation)});
  bool is_null;
  return DatumGetFloat8(SpiRow(0).Value(1, &is_null)) * kSecond;
}

void EstimateRefresh(const Rollup& rollup, const Rollup& root, RollupStatistics* statistics) {
  statistics->events_per_refresh = statistics->buckets_per_refresh = -1;
  const double width = WidthOfBucket(rollup);
  const KeyStatistics* bucket = FindKey(*statistics, BucketOf(rollup));
  const Watermarks watermarks = ReadWatermarks(root.relation);
  if (bucket != nullptr) statistics->buckets = bucket->distinct;
  if (width <= 0 || bucket == nullptr || watermarks.count == 0) return;
  const auto events = static_cast<double>(watermarks.nodes[0].position);
  if (events <= 0) return;
  const double buckets = RefreshInterval(root) / width;
  statistics->events_per_refresh = Max(events / bucket->distinct * buckets, 1);
  statistics->buckets_per_refresh = Max(buckets, 1);
}

}  // namespace

RollupStatistics* ReadStatistics(const Rollup& rollup, const Rollup& root) {
  if (RunSql(psprintf("SELECT FROM %s LIMIT 1", rollup.name)) == 0) {
    ereport(ERROR,
            (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
             errmsg("rollup %s has no rows yet, so nothing is known of its keys", rollup.name),
             errhint("Call this again when it has been refreshed with some days of events.")));
  }
  if (!IsAnalyzed(rollup)) {
    ereport(NOTICE, (errmsg("table %s was never analyzed, and is now", rollup.name)));
    (void)RunSql(psprintf("ANALYZE %s", rollup.name));
  }
  auto* statistics = static_cast<RollupStatistics*>(palloc0(sizeof(RollupStatistics)));
  statistics->rows = Max(RowsOfTable(rollup.relation), 1);
  const Bitmapset* keys = KeysOf(rollup);
  for (int i = -1; (i = bms_next_member(keys, i)) >= 0;) {
    statistics->keys =
        lappend(statistics->keys, ReadKey(rollup, static_cast<AttrNumber>(i), statistics->rows));
  }
  EstimateRefresh(rollup, root, statistics);
  return statistics;
}

// A value of one key has no more groups than it has rows, and no more than the other keys make up.
// The key whose common values are known best is taken for that: where few values have most rows,
// there are far fewer groups than if each had as many.
double EstimateRows(const RollupStatistics& statistics, const Bitmapset* keys) {
  const KeyStatistics* uneven = nullptr;
  double cells = 1;
  for (int i = -1; (i = bms_next_member(keys, i)) >= 0;) {
    const KeyStatistics* key = FindKey(statistics, i);
    cells *= key->distinct;
    if (uneven == nullptr || key->rest < uneven->rest) uneven = key;
  }
  if (uneven == nullptr) return 1;
  const double others = cells / uneven->distinct;
  double rows = 0;
  for (int i = 0; i < uneven->common_count; ++i) {
    rows += Min(others, statistics.rows * uneven->common[i]);
  }
  const double values = uneven->distinct - uneven->common_count;
  if (values >= 1) rows += Min(values * others, uneven->rest);
  return std::ceil(Min(Max(rows, 1), Min(cells, statistics.rows)));
}

double RowsPerRefresh(const RollupStatistics& statistics, double rows) {
  if (statistics.events_per_refresh < 0) return -1;
  const double per_bucket = rows / statistics.buckets;
  return std::ceil(Min(statistics.events_per_refresh, per_bucket * statistics.buckets_per_refresh));
}

}  // namespace millrace::pg
