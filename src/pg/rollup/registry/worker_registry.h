// What the launcher and the workers know of each other, in shared memory.
//
// A database has places for workers: number 0, and more where millrace.workers_per_database says
// so. A place is
//   due      empty; the launcher fills it when its time has come, as soon as the server has a
//   process for it running  a worker has it
// A worker leaves its place in one of the ways of Leaving, which decide when it is due again. One
// that leaves to sleep has made sure that nothing is missing; whatever writes to its database
// afterwards makes the place due at once.
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
// workers look at them again, or are started (NoteChange). Does nothing where the library is not
// preloaded.
void NotifyWorker();
// Says that a database's rollups have changed: its workers read the catalog again, and places that
// are empty are due.
void NoteChange(Oid database);
// Says that a place is wanted: it is due, unless its worker is there or asleep.
void NoteWanted(const WorkerPlace& place);
// Ends the database's workers and keeps the launcher from starting others for ten seconds, or until
// the current transaction has committed: somebody wants the database for itself. Waits until they
// have gone, five seconds at most.
void SendWorkersAway(Oid database);
// Says that the current transaction has made, changed or dropped a database: the launcher looks at
// them when that has committed.
void NoteDatabases();
// Whether a worker found no process within the last two minutes: then none is taken for anything
// but refreshes.
bool IsStarved();
// Until when nobody had written to the database of the worker that went to sleep under this number:
// now, if it still sleeps; DT_NOBEGIN where the number is no longer known.
TimestampTz QuietUntil(uint32 sleep);

// --- The launcher

// Announces the launcher, to be woken.
void RegisterLauncher();
// Gives each of these databases a place, and takes the places of others. Returns how many found
// none, as there are too many.
int MeetDatabases(const List* databases);
// Whether a database was made since the last time the launcher asked.
bool TakeDatabases();
// The place that has been due longest. Returns false where none is; then `*next` is when the next
// will be.
bool NextPlace(WorkerPlace* place, MonotonicTime* next);
// A worker has been started for it: it is due again in a second, unless the worker takes it.
void NoteStarted(const WorkerPlace& place);
// There was no process for it. As many workers as wait are asked to leave theirs, those that have
// had it longest, and no less than two seconds. Returns how many workers wait, and how many run.
struct Shortage {
  int waiting;
  int running;
};
Shortage NoteShortage();

// --- A worker

// Takes its place; false when another has it.
bool RegisterWorker(const WorkerPlace& place);
enum class Leaving {
  kUnexpectedly,  // due in a second; after one that lived for less than ten seconds, in twice as
                  // long as the time before, a minute at most. What a worker that says nothing has
  kUseless,       // nothing to do: due in a minute, and then in twice as long, ten minutes at most
  kAsleep,  // due when somebody writes to the database, or in two minutes, for what depends on time
  kMakingWay,  // due at once, after those that were due before
};
// Says how it will leave its place, which it does when its process ends.
void WillLeave(Leaving leaving);
// Whether somebody called NoteChange since the last time this worker asked.
bool TakeChange();
// Whether it should leave its process to others.
bool ShouldMakeWay();
// Begins to watch what is written; returns the number of this sleep. Look for events after this,
// then ask HasBeenQuiet: if so the worker may leave. If not, StopWatching.
uint32 StartWatching();
bool HasBeenQuiet();
void StopWatching();

}  // namespace millrace::pg
