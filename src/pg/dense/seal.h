// Which partitions are made dense: those that have ended (millrace.seal_after), and new ones
// (millrace.dense_partitions).
#pragma once

#include "pg/base/api.h"

namespace millrace::pg {

// Makes one partition of `table` dense: the oldest heap partition that ended `age` ago or before.
// Its rows are written anew, while nobody can use it. Returns its Oid, or InvalidOid if there is
// none. Partitions that others use now are left out.
Oid SealNextPartition(Oid table, const Interval* age);

// Makes partitions dense when they are created or attached while millrace.dense_partitions is on:
// if they are empty, of the access method heap, and nothing needs their rows to be changed.
void InstallNewPartitions();

}  // namespace millrace::pg
