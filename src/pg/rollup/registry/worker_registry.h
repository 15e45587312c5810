// What the launcher and the workers know about each other, in shared memory.
//
// A database has places for workers: number 0, and more where millrace.workers_per_database says
// so. A place is
//   due      empty; the launcher fills it when its time has come, as soon as the server has a
//            process for it
//   running  a worker has it
// A worker leaves its place in one of the ways of Leaving, which decide when the place is due
// again. A worker that leaves to sleep has made sure that nothing is missing; the next write to its
// database makes the place due at once.
#pragma once

#include "pg/base/monotonic_time.h"

namespace millrace::pg {

struct WorkerPlace {
  Oid database;
  int number;
};

// Asks for shared memory, and watches the transactions of every process. Call from _PG_init while
// shared libraries are preloaded.
void RequestWorkerRegistry();
bool HasWorkerRegistry();

// --- Anybody

// To be called when the rollups of this database have changed: once the transaction commits, its
// workers look at them again, or are started (NoteChange). Does nothing if the library is not
// preloaded.
void NotifyWorker();
// Notes that a database's rollups have changed: its workers read the catalog again, and its empty
// places are due.
void NoteChange(Oid database);
// Notes that a place is wanted: it is due, unless its worker is running or asleep.
void NoteWanted(const WorkerPlace& place);
// Notes that ids of this database's events were handed out that a rollup does not have: a worker
// that sleeps comes back. It may be that of a transaction which has not ended, so that nobody else
// wakes it.
void NoteMissing();
// Ends the database's workers and keeps the launcher from starting others for ten seconds, or until
// the current transaction has committed: somebody wants the database for itself. Waits until they
// have gone, five seconds at most.
void SendWorkersAway(Oid database);
// Says that the current transaction has made, changed or dropped a database: the launcher looks at
// them when that has committed.
void NoteDatabases();
// Whether some worker found no free process in the last two minutes. While that is so, processes
// are taken for refreshes only.
bool IsStarved();
// Up to when nobody had written to the database of the worker that went to sleep under this number:
// now, if it still sleeps; DT_NOBEGIN if the number is no longer known.
TimestampTz QuietUntil(uint32 sleep);

// --- The launcher

// Registers this process as the launcher, so that others can wake it.
void RegisterLauncher();
// Gives each of these databases a place, and removes the places of others. Returns how many
// databases got none because there are too many.
int MeetDatabases(const List* databases);
// Whether a database was made since the last time the launcher asked.
bool TakeDatabases();
// The place that has been due longest. Returns false if none is; then `*next` is when the next will
// be.
bool NextPlace(WorkerPlace* place, MonotonicTime* next);
// Notes that a worker was started for the place: it is due again in a second, unless the worker
// takes it.
void NoteStarted(const WorkerPlace& place);
// Notes that there was no process for the place. As many workers as there are places that wait are
// asked to leave: those that have run longest, and for at least two seconds. Returns how many
// places wait, and how many workers run.
struct Shortage {
  int waiting;
  int running;
};
Shortage NoteShortage();

// --- A worker

// Takes the worker's place; false if another worker has it.
bool RegisterWorker(const WorkerPlace& place);
enum class Leaving {
  kUnexpectedly,  // due in a second; after one that lived for less than ten seconds, in twice as
                  // long as the time before, a minute at most. Also for a worker that has not said
                  // how it leaves
  kUseless,       // nothing to do: due in a minute, and then in twice as long, ten minutes at most
  kAsleep,  // due when somebody writes to the database, or in two minutes, for what depends on time
  kMakingWay,  // due at once, after those that were due before
};
// Says how this worker will leave its place. It leaves when its process ends.
void WillLeave(Leaving leaving);
// Whether NoteChange was called since the last time this worker asked.
bool TakeChange();
// Whether this worker should leave its process to others.
bool ShouldMakeWay();
// Begins to watch for writes; returns the number of this sleep. Look for events after this call,
// then ask HasBeenQuiet: if it is true the worker may leave; if not, call StopWatching.
uint32 StartWatching();
bool HasBeenQuiet();
void StopWatching();

}  // namespace millrace::pg
