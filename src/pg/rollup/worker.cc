// A worker: one process for a database that has declared rollups. It refreshes them (tasks.h), has
// their database maintained (maintenance.h) and their rows verified (verifier.h).

#include "pg/rollup/worker.h"

#include "pg/guc.h"
#include "pg/rollup/maintenance.h"
#include "pg/rollup/tasks.h"
#include "pg/rollup/verifier.h"
#include "pg/rollup/worker_registry.h"
#include "pg/rollup/worker_step.h"

namespace millrace::pg {
namespace {

constexpr int64 kMaintenanceInterval = 60'000'000;

bool change_pending = false;

void AtEndOfTransaction(XactEvent event, void*) {
  if (event == XACT_EVENT_COMMIT || event == XACT_EVENT_PREPARE) {
    if (change_pending) NoteChange(MyDatabaseId);
    change_pending = false;
  } else if (event == XACT_EVENT_ABORT) {
    change_pending = false;
  }
}

}  // namespace

void NotifyWorker() {
  if (!HasWorkerRegistry()) return;
  static bool registered = false;
  if (!registered) RegisterXactCallback(AtEndOfTransaction, nullptr);
  registered = true;
  change_pending = true;
}

}  // namespace millrace::pg

using namespace millrace::pg;

extern "C" PGDLLEXPORT void millrace_worker_main(Datum argument) {
  const Oid database = DatumGetObjectId(argument);
  InstallSignalHandlers();
  if (!RegisterWorker(database)) return;
  ConnectToDatabase(database);
  MonotonicTime maintenance = 0;
  if (!LoadTasks()) return NoMoreWork();
  for (;;) {
    if (!enable_worker) return NoMoreWork();
    const bool maintain = MonotonicNow() >= maintenance;
    // The catalog may have been changed by hand, or by a restore.
    if (TakeChange() || maintain) {
      bool needed = true;
      LogOnly(Guard([&needed] { needed = LoadTasks(); }));
      if (!needed) return NoMoreWork();
    }
    if (maintain) {
      maintenance = MonotonicNow() + kMaintenanceInterval;
      Maintain();
    }
    RunDueTasks();
    SleepUntil(Min(Min(NextTaskDue(), maintenance), TendVerifier(database)));
  }
}
