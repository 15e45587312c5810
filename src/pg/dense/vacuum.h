// VACUUM of dense events: what became of the transactions that inserted rows is made durable, and
// rows of aborted ones are removed. Nothing that was ever visible is removed, so old snapshots, of
// a standby too, are never in the way.
#pragma once

#include "pg/base/api.h"

namespace millrace::pg {

void VacuumDense(Relation relation, VacuumParams* params, BufferAccessStrategy strategy);

// VACUUM FULL: writes the rows again, each with the transaction that inserted it.
// `index`, of CLUSTER, is refused. Counts the rows that were copied, and those of aborted
// transactions that were left behind.
void CopyDense(Relation from, Relation to, Relation index, double* live, double* removed);

}  // namespace millrace::pg
