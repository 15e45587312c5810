// Refreshing rollups.
#pragma once

#include "pg/base/api.h"
#include "pg/base/spi.h"
#include "pg/rollup/catalog/catalog.h"
#include "pg/rollup/log/settling.h"
#include "pg/rollup/log/watermark.h"

namespace millrace::pg {

struct RefreshOptions {
  bool wait_for_writers = true;  // false: give up when a writer is still running
  bool wait_for_others = true;   // false: give up when somebody else refreshes
  // Ids that the caller knows to be settled; nullptr: find them.
  Settling* settled = nullptr;
  int64 most_ids = -1;                  // stop after so many ids of a node; -1: take all
  int64 most_set_aside = PG_INT64_MAX;  // stop when so many events were set aside
  bool refuse_all =
      false;  // raise when no event can be counted: then the query does not fit the events
  // For how many steps in a row the caller has got RefreshResult::empty.
  int empty_before = 0;
};

struct RefreshResult {
  bool done = false;   // false: it gave up, and nothing has changed
  bool more = false;   // stopped by most_ids
  bool empty = false;  // nothing was merged in the last step: ids may have a gap
  int64 ids = 0;       // by how many the watermark was moved
  int64 position = 0;  // where it is now; on several nodes, the sum of how many ids each has handed
                       // out up to its watermark
};

// Merges the events up to the last settled id of each node and moves the family's watermark there,
// in the current transaction. Runs as the owner of the root's table, in a security-restricted
// context. REQUIRES: SPI is connected. Raises 25001 above READ COMMITTED, where the events could
// not be seen, and 55000 when the sequence is behind the watermark.
RefreshResult RefreshFamily(Rollup* root, const RefreshOptions& options);

// The events of one node that a refresh takes: those with ids above `from` and up to `to`.
struct NodeWindow {
  int32 group;
  int64 from, to;
  const char* sequence;  // as HandedOut has it
};
struct Windows {
  NodeWindow* nodes;
  int count;
  int asked;  // the first so many are of nodes that were asked; the others have empty windows
};

// On each node, from the watermark of a root rollup to the last settled id; empty for nodes that
// were not asked.
Windows WindowsUpTo(const Watermarks& watermarks, const Settling& settled);

// Moves the watermarks of a root rollup to the ends of the windows. `since` and `started` as
// `complete_through` and `started` of MoveWatermark.
void MoveWatermarks(const Rollup& root, const IdSource& ids, const Windows& windows,
                    TimestampTz since, TimestampTz started);

// Merges the events in these ranges of ids, which Citus distributes, into `rollup` and those over
// it, each shard on its own node. REQUIRES: SetRefreshSettings.
void MergeOnShards(const Rollup& rollup, const Rollup& root, const char* id_column, List* ranges);

// Raises when the events of a family cannot be followed (source_check.h), or when row security of
// one of its tables applies to its owner. `wait` as in CheckSource.
void CheckFamily(const Rollup& root, const IdSource& ids, bool wait);

// Settings with which a rollup's statements mean the same in every session, inside WithSettings.
// `topn_counters` as in Rollup.
void SetRefreshSettings(int topn_counters);
template <typename Body>
auto WithRefreshSettings(int topn_counters, Body body) {
  return WithSettings([&] {
    SetRefreshSettings(topn_counters);
    return body();
  });
}

// Raises 25001 above READ COMMITTED.
void RequireReadCommitted(const char* function);

}  // namespace millrace::pg
