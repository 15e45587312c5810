// Tables that are partitioned by ranges of a time.
#pragma once

#include "pg/base/api.h"

namespace millrace::pg {

// Raises 42501 unless the current user owns the table, and 42809 unless it is partitioned; `detail`
// says what for.
void CheckPartitionedTable(Oid table, const char* detail);

// The partitions whose range of time ends at or before `limit`, oldest first: Oids. Raises 42809
// unless the table is partitioned by ranges of one timestamptz, timestamp or date.
List* PartitionsBefore(Oid table, TimestampTz limit);

}  // namespace millrace::pg
