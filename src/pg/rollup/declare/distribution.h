// Rollups over tables that Citus distributes: the rollup's table lies beside the events, shard by
// shard, so that each shard is rolled up where it is.
#pragma once

#include "pg/base/api.h"
#include "pg/rollup/declare/catalog.h"

namespace millrace::pg {

// Whether Citus distributes the events, in a way that a rollup can follow. Raises 0A000 where it
// distributes them in another, or where this node is not the coordinator.
bool CanFollowOnNodes(Oid events);

// Raises 55000 when the events of a root were distributed, or undistributed, since it was declared.
void CheckDistribution(const Rollup& root);

// The key of a rollup that its source is distributed by, as the rollup names it; nullptr where
// there is none, or Citus does not distribute the source.
const char* DistributionKey(const Rollup& rollup);

// Distributes the rollup's table beside what it reads, unless that is done. Raises 0A000 when its
// keys lack the column that its source is distributed by; 55000 when its table lies elsewhere.
// REQUIRES: settings of BeginRefreshSettings; the caller owns the table.
void DistributeTable(const Rollup& rollup);

// Makes the table <name>_watermark, a copy of the nodes' watermarks on each node, for the live
// views of the root's family, and sets `root->node_watermark`. Nodes start at their bases, the
// coordinator at `position`.
void CreateNodeWatermarks(Rollup* root, int64 position);

// Brings the copy up to the catalog. Where nodes were added since, the live views of the family are
// made anew. REQUIRES: as DistributeTable.
void WriteCopyOfNodeWatermarks(const Rollup& root, const char* id_column);

}  // namespace millrace::pg
