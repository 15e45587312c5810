// The SQL of a rollup, made from its definition. Every name in it is qualified, because it runs
// with search_path = kSearchPath.
#pragma once

#include "pg/base/api.h"
#include "pg/rollup/catalog/catalog.h"
#include "pg/rollup/log/watermark.h"
#include "pg/rollup/sql/events_query.h"

namespace millrace::pg {

// The list with one more range.
List* AddRange(List* ranges, const char* above, const char* up_to);
const char* IdLiteral(int64 id);
// The watermark of a root rollup as an expression, read in the statement's own snapshot.
const char* WatermarkSql(const Rollup& root);

// The events that are in a root rollup when its watermark is at `up_to`. If the events are on
// several nodes, the watermarks are those in the catalog.
List* SettledRanges(const Rollup& root, const char* up_to);
// The ranges of the events that are not in it yet.
List* UnsettledRanges(const Rollup& root, const Watermarks& watermarks);

// CREATE TABLE for the rollup's columns.
const char* CreateTableSql(const Rollup& rollup);
// The index by which a dashboard finds the newest buckets. REQUIRES: there is a bucket.
const char* CreateBucketIndexSql(const Rollup& rollup);

// The groups of a rollup over some events: a SELECT with the stored columns of its table. `root` is
// the root of its family. `id_column` is the events' id.
const char* SelectSql(const Rollup& rollup, const Rollup& root, const char* id_column,
                      const EventSelection& events);
// The time of the root's events from which the buckets of a rollup are cut (see bucket_time),
// through all rollups in between; nullptr if it is not known.
const char* EventTimeOf(const Rollup& rollup, const Rollup& root);
// The settled events in `ranges` that may belong in a rollup's buckets from `since` to before
// `until`, without those that were set aside. The two are of type timestamptz as SQL (nullptr:
// open), and need not be bounds of buckets.
EventSelection EventsIn(const Rollup& rollup, const Rollup& root, List* ranges, const char* since,
                        const char* until);
// The start of the bucket that contains `time`. Both are SQL expressions of type timestamptz.
// REQUIRES: EventTimeOf is known.
const char* BucketOfSql(const Rollup& rollup, const Rollup& root, const char* time);
// The groups of a rollup over another, made from the rows of its parent that meet the condition on
// its columns, or from all rows.
const char* SelectFromParentSql(const Rollup& rollup, const Rollup& parent, const char* condition);

// An INSERT of the rows of `select`, merged into the groups that are there.
const char* MergeSql(const Rollup& rollup, const char* select);
// min(id) of the events with ids above $1 and up to $2.
const char* NextIdSql(const Rollup& root, const char* id_column);
// max(id) of the events with ids above $1; NULL if there are none.
const char* LastIdAboveSql(const Rollup& root, const char* id_column);
// One statement that brings the whole family from $1 to $2. It reads the events once; the groups of
// a rollup over another are made from the new groups of that one.
const char* RefreshSql(const Rollup& root, const char* id_column);

// The query of the live view.
const char* LiveSql(const Rollup& rollup, const Rollup& root, const char* id_column);

// A time as an SQL literal that means the same in every time zone.
const char* TimeLiteral(TimestampTz time);
// A time of type timestamptz as an expression that can be compared with the rollup's bucket in
// every time zone; and a bucket as a timestamptz. REQUIRES: there is a bucket.
const char* BucketTimeSql(const Rollup& rollup, const char* time);
const char* TimeOfBucketSql(const Rollup& rollup, const char* bucket);

// Lists of columns, with commas between them and `prefix` before each. ON CONFLICT needs
// KeyIndexSql instead.
const char* StoredColumnsSql(const Rollup& rollup, const char* prefix);
const char* KeysSql(const Rollup& rollup, const char* prefix);
// The expression that generates an average from other columns of its row.
const char* AverageSql(const RollupColumn& column);

}  // namespace millrace::pg
