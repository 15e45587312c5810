// Background work: refreshes by interval, and retention.
//
// Terms. The launcher is one process of the server; it knows databases. A worker is a process for
// one database that has declared rollups; it knows tasks. A task is one root rollup; its states are
// in tasks.h.
#pragma once

namespace millrace::pg {

// Registers the launcher. Call from _PG_init while shared libraries are preloaded.
void InstallRollupWorkers();

}  // namespace millrace::pg
