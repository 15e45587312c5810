// A worker: one process for a database that has declared rollups. It refreshes them (tasks.h), runs
// the maintenance of their database (maintenance.h) and has their rows verified (verifier.h).

#include "pg/rollup/worker/worker.h"

#include "pg/base/guc.h"
#include "pg/rollup/registry/worker_registry.h"
#include "pg/rollup/worker/maintenance.h"
#include "pg/rollup/worker/tasks.h"
#include "pg/rollup/worker/verifier.h"
#include "pg/rollup/worker/worker_step.h"

namespace millrace::pg {
namespace {

constexpr int64 kMaintenanceInterval = 60'000'000;
// A worker that has had nothing to do for so long leaves its process to others.
constexpr int64 kLinger = 20'000'000;
// How often we look at an extension that is being changed.
constexpr int64 kChangeInterval = 200'000;

}  // namespace
}  // namespace millrace::pg

using namespace millrace::pg;

extern "C" PGDLLEXPORT void millrace_worker_main(Datum argument) {
  WorkerPlace place = {DatumGetObjectId(argument), 0};
  memcpy(&place.number, MyBgworkerEntry->bgw_extra, sizeof(place.number));
  InstallSignalHandlers();
  if (!RegisterWorker(place)) return;
  ConnectToDatabase(place.database);
  MonotonicTime maintenance = 0;
  int workers = 0;
  Loaded loaded = Loaded::kNotNow;
  while (enable_worker) {
    const bool maintain = MonotonicNow() >= maintenance;
    // The catalog may have been changed by hand, or by a restore.
    if (TakeChange() || maintain || workers != workers_per_database || loaded == Loaded::kNotNow ||
        LastExtensionState() != ExtensionState::kReady) {
      // The rollups are shared out again: a worker that sleeps may get some that are behind.
      if (workers != 0 && workers != workers_per_database) NoteChange(place.database);
      workers = workers_per_database;
      (void)Try("rollups could not be looked up", [&] { loaded = LoadTasks(place); });
    }
    if (loaded == Loaded::kNothingToDo) return WillLeave(Leaving::kUseless);
    if (loaded == Loaded::kNotNow) {
      if (LastExtensionState() == ExtensionState::kOtherVersion) SayOtherVersion();
      if (ShouldMakeWay()) return WillLeave(Leaving::kMakingWay);
      SleepUntil(MonotonicNow() + kChangeInterval);
      continue;
    }
    if (maintain) {
      maintenance = MonotonicNow() + kMaintenanceInterval;
      if (place.number == 0) Maintain();
    }
    RunDueTasks();
    const MonotonicTime verifier = place.number == 0 ? TendVerifier(place.database) : kNever;
    const bool make_way = ShouldMakeWay();
    const bool idle = !VerifierRuns() && (make_way || MonotonicNow() - LastWork() > kLinger);
    if (idle && CanSleep()) return WillLeave(Leaving::kAsleep);
    if (make_way) return WillLeave(Leaving::kMakingWay);
    SleepUntil(Min(Min(NextTaskDue(), maintenance), verifier));
  }
  // Switched off: due as soon as it is switched on again.
  WillLeave(Leaving::kMakingWay);
}
