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
// An extension that is being changed is looked at so often.
constexpr int64 kChangeInterval = 200'000;

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
  Loaded loaded = LoadTasks();
  for (;;) {
    if (!enable_worker) return NoMoreWork();
    const bool maintain = MonotonicNow() >= maintenance;
    // The catalog may have been changed by hand, or by a restore.
    if (TakeChange() || maintain || loaded == Loaded::kNotNow ||
        LastExtensionState() != ExtensionState::kReady) {
      LogOnly(Guard([&loaded] { loaded = LoadTasks(); }));
    }
    if (loaded == Loaded::kNothingToDo) return NoMoreWork();
    if (loaded == Loaded::kNotNow) {
      if (LastExtensionState() == ExtensionState::kOtherVersion) SayOtherVersion();
      SleepUntil(MonotonicNow() + kChangeInterval);
      continue;
    }
    if (maintain) {
      maintenance = MonotonicNow() + kMaintenanceInterval;
      Maintain();
    }
    RunDueTasks();
    SleepUntil(Min(Min(NextTaskDue(), maintenance), TendVerifier(database)));
  }
}
