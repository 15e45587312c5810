// Which partitions are made dense: those that have ended (millrace.seal_after), and new ones
// (millrace.dense_partitions).
#pragma once

#include "pg/base/api.h"

namespace millrace::pg {

// Makes one partition of `table` dense: the oldest heap partition that ended `age` ago or before.
// Its rows are written anew, while nobody can use it. Returns its Oid, or InvalidOid if there is
// none. Partitions that others use now are left out, and those of `leave_out` (Oids). `*sealed` is
// false, after a warning, if its rows are such that it cannot be dense: leave it out from then on.
Oid SealNextPartition(Oid table, const Interval* age, const List* leave_out, bool* sealed);

// Makes partitions dense when they are created or attached while millrace.dense_partitions is on:
// if they are empty, of the access method heap, nothing needs their rows to be changed, and the
// session has not set default_table_access_method itself.
void InstallNewPartitions();

}  // namespace millrace::pg
