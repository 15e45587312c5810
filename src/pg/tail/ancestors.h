// The tables above a table: its partitioned table, the one above that, and so on, and the parents
// it inherits from. Remembered until PostgreSQL says that they have changed.
#pragma once

#include "pg/base/api.h"
#include "pg/tail/marks.h"

namespace millrace::pg {

// Calls visit(Oid) for each table above `relation`, in any order, until it returns true. Returns
// whether it has. REQUIRES: a transaction; the caller has a lock on `relation`, or can do with what
// was true a moment ago.
bool IsAnyAbove(Oid relation, bool (*visit)(Oid above, void* argument), void* argument);
// Whether `relation` is `table`, or below it.
bool IsInTree(Oid relation, Oid table);
// The trees of this database that the relation is in.
TreeSet TreesOf(Oid relation);

// Whether `leaf` is below `root` for a query with the active snapshot. It is not if it is being
// detached (DETACH PARTITION CONCURRENTLY) and the snapshot sees that, as in PostgreSQL.
bool IsLeafNow(Oid leaf, Oid root);
// Whether this transaction itself has attached `relation`, or a table above it, or has made it as a
// partition.
bool IsNewInTree(Oid relation);

}  // namespace millrace::pg
