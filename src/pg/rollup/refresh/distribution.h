// Rollups over tables that Citus distributes: the rollup's table lies beside the events, shard by
// shard, so that each shard is rolled up where it is.
#pragma once

#include "pg/base/api.h"
#include "pg/rollup/catalog/placement.h"
#include "pg/rollup/log/watermark.h"

namespace millrace::pg {

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
