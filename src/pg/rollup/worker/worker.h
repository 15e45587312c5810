// Background work: refreshes by interval, and retention.
//
// Terms. The launcher is one process of the server; it knows databases. A worker is a process for
// one database that has declared rollups; it knows tasks. A task is one root rollup. The states of
// a task are in worker.cc.
#pragma once

namespace millrace::pg {

// Registers the launcher. Call from _PG_init while shared libraries are preloaded.
void InstallRollupWorkers();

// To be called when the rollups of this database have changed: once the transaction commits, its
// worker looks at them again, or is started. Does nothing where the library is not preloaded.
void NotifyWorker();

}  // namespace millrace::pg
