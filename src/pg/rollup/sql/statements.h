// The SQL of a rollup, made from its definition. Every name in it is qualified: it is run with
// search_path = kSearchPath.
#pragma once

#include "pg/base/api.h"
#include "pg/rollup/catalog/catalog.h"
#include "pg/rollup/log/watermark.h"
#include "pg/rollup/sql/events_query.h"

namespace millrace::pg {

// A list of ranges with one more.
List* AddRange(List* ranges, const char* above, const char* up_to);
const char* IdLiteral(int64 id);
// The watermark of a root rollup as an expression, read in the statement's own snapshot.
const char* WatermarkSql(const Rollup& root);

// The events that are in a root rollup when its watermark is at `up_to`; and for one over events of
// several nodes, when theirs are where the catalog has them.
List* SettledRanges(const Rollup& root, const char* up_to);
// The rest of them.
List* UnsettledRanges(const Rollup& root, const char* above);
// The condition that a column is in one of them, each with a lower end.
const char* RangesSql(List* ranges, const char* column);

// CREATE TABLE for the rollup's columns.
const char* CreateTableSql(const Rollup& rollup);
// The index by which a dashboard finds the newest buckets. REQUIRES: there is a bucket.
const char* CreateBucketIndexSql(const Rollup& rollup);

// The groups of a rollup over some events: a SELECT with the table's stored columns. `root` is the
// root of its family. `id_column` is the events' id.
const char* SelectSql(const Rollup& rollup, const Rollup& root, const char* id_column,
                      const EventSelection& events);
// The time of the root's events by which the buckets of a rollup are told apart (see bucket_time),
// through all rollups in between; nullptr where it is not known.
const char* EventTimeOf(const Rollup& rollup, const Rollup& root);
// The settled events in `ranges` that can lie in buckets of a rollup from `since` to before
// `until`, of type timestamptz as SQL (nullptr: open), which need not be bounds of buckets; without
// those that were set aside.
EventSelection EventsIn(const Rollup& rollup, const Rollup& root, List* ranges, const char* since,
                        const char* until);
// The bucket that begins at or before `time`, an SQL expression of type timestamptz; of the same
// type. REQUIRES: EventTimeOf is known.
const char* BucketOfSql(const Rollup& rollup, const Rollup& root, const char* time);
// The groups of a rollup over another, over rows of its parent: those that meet the condition on
// its columns, or all.
const char* SelectFromParentSql(const Rollup& rollup, const Rollup& parent, const char* condition);

// INSERT of what `select` gives, merged into the groups that are there.
const char* MergeSql(const Rollup& rollup, const char* select);
// min(id) of the events with ids above $1 and up to $2.
const char* NextIdSql(const Rollup& root, const char* id_column);
// One statement that brings the whole family from $1 to $2: events are read once, groups of a
// rollup over another are made from the new groups of that.
const char* RefreshSql(const Rollup& root, const char* id_column);

// The query of the live view, and of one over events of several nodes.
const char* LiveSql(const Rollup& rollup, const Rollup& root, const char* id_column);
const char* LiveSql(const Rollup& rollup, const Rollup& root, const char* id_column,
                    const NodeWatermark* nodes, int count);

// A time as it stands in SQL, in every time zone.
const char* TimeLiteral(TimestampTz time);
// A time of type timestamptz as it compares with the rollup's bucket in every time zone; and a
// bucket as a timestamptz. REQUIRES: there is a bucket.
const char* BucketTimeSql(const Rollup& rollup, const char* time);
const char* TimeOfBucketSql(const Rollup& rollup, const char* bucket);

// Lists of columns, with commas between. `prefix` comes before each. What ON CONFLICT names is
// KeyIndexSql.
const char* StoredColumnsSql(const Rollup& rollup, const char* prefix);
const char* KeysSql(const Rollup& rollup, const char* prefix);
// What an average is generated from in its row.
const char* AverageSql(const RollupColumn& column);

}  // namespace millrace::pg
