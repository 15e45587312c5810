// Rollups over tables that Citus distributes. The rollup's table has its shards on the same nodes
// as those of the events, so each shard is rolled up where it is.
#pragma once

#include "pg/base/api.h"
#include "pg/rollup/catalog/placement.h"
#include "pg/rollup/log/watermark.h"

namespace millrace::pg {

// Distributes the rollup's table like the table it reads, unless that is done. Raises 0A000 when
// its keys do not contain the column by which its source is distributed; 55000 when its table is
// distributed in another way. REQUIRES: SetRefreshSettings; the caller owns the
// table.
void DistributeTable(const Rollup& rollup);

// Makes the table <name>_watermark for the live views of the root's family: a copy of the
// watermarks that every node has. Sets `root->watermark_copy`. The coordinator starts at
// `position`, other nodes at their IdBase.
void CreateWatermarkCopy(Rollup* root, int64 position);

// Brings the copy up to date with the catalog. If nodes were added since, makes the live views of
// the family again. REQUIRES: as DistributeTable.
void WriteWatermarkCopy(const Rollup& root, const char* id_column);

}  // namespace millrace::pg
