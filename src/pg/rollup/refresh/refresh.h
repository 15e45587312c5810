// Bringing rollups up to date.
#pragma once

#include "pg/base/api.h"
#include "pg/rollup/catalog/catalog.h"
#include "pg/rollup/log/settling.h"
#include "pg/rollup/log/watermark.h"

namespace millrace::pg {

struct RefreshOptions {
  bool wait_for_writers = true;  // false: give up when one is still at work
  bool wait_for_others = true;   // false: give up when somebody else refreshes
  // Ids that the caller knows to be settled; nullptr: find out.
  Settling* settled = nullptr;
  int64 most_ids = -1;                  // of a node, stop after so many; -1: go on to the end
  int64 most_set_aside = PG_INT64_MAX;  // stop when so many events were set aside
  bool refuse_all = false;  // raise when no event can be counted: the query does not fit them
  // How many times in a row the caller got nothing for its ids (RefreshResult::empty).
  int empty_before = 0;
};

struct RefreshResult {
  bool done = false;   // false: gave up, nothing has changed
  bool more = false;   // stopped by most_ids
  bool empty = false;  // nothing in the last ids was merged: there may be a gap
  int64 ids = 0;       // that the watermark moved by
  int64 position = 0;  // where it is now; of several nodes the sum of what each has handed out
};

// Moves the family's watermark to the last id that is settled, on each node, and merges the events
// in between, in the current transaction. Runs as the owner of the root's table, in a
// security-restricted context. REQUIRES: SPI is connected. Raises 25001 above READ COMMITTED, where
// the events could not be seen, and 55000 when the sequence is behind the watermark.
RefreshResult RefreshFamily(Rollup* root, const RefreshOptions& options);

// Events of one node that a refresh takes: those with ids above one and up to the other.
struct NodeWindow {
  int32 group;
  int64 from, to;
  const char* sequence;  // as HandedOut has it
};
struct Windows {
  NodeWindow* nodes;
  int count;
  int asked;  // the first so many are of nodes that were asked; nothing is taken of the rest
};

// From where a root rollup has come on each node to what has settled there; nothing on nodes that
// were not asked. `watermark` is that of a rollup over the events of one node.
Windows WindowsUpTo(const Rollup& root, const Watermark& watermark, const Settling& settled);

// Writes how far a root rollup has come on each of several nodes; nothing for events of one node.
void MoveNodeWatermarks(const Rollup& root, const IdSource& ids, const Windows& windows);
// Writes all of it: that a root rollup has come to the end of the windows. `added`: ids that are
// new in it.
void MoveWatermarks(const Rollup& root, const IdSource& ids, const Windows& windows, int64 added,
                    TimestampTz since, TimestampTz started);

// Merges the events of these ranges of ids, which Citus distributes, into `rollup` and those over
// it, each shard on its node. REQUIRES: the settings of BeginRefreshSettings.
void MergeOnShards(const Rollup& rollup, const Rollup& root, const char* id_column, List* ranges);

// Raises where the events of a family cannot be followed (source_check.h), or row security of one
// of its tables binds its owner. `wait` as CheckSource has it.
void CheckFamily(const Rollup& root, const IdSource& ids, bool wait);

// Settings under which a rollup's statements mean the same in every session, until EndSettings.
// `topn_counters` as Rollup has it.
int BeginRefreshSettings(int topn_counters);

// Raises 25001 above READ COMMITTED.
void RequireReadCommitted(const char* function);

}  // namespace millrace::pg
