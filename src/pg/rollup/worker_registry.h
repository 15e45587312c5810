// What the launcher and the workers know of each other, in shared memory.
#pragma once

#include "pg/pg_api.h"

namespace millrace::pg {

// Asks for shared memory. Call from _PG_init while shared libraries are preloaded.
void RequestWorkerRegistry();
bool HasWorkerRegistry();

// The launcher announces itself, to be woken.
void RegisterLauncher();

// A worker takes its database's place; false when another has it, or there is none left. It is
// given back when the process ends; unless NoMoreWork was called, the launcher is asked for
// another.
bool RegisterWorker(Oid database);
void NoMoreWork();
// Whether somebody called NoteChange since the last time this worker asked.
bool TakeChange();

// Says that every event of a rollup of this database that committed before `time` is in it: its
// sequence has not moved since the watermark. DT_NOBEGIN where nobody has said so since the server
// started. Kept for the 1,024 rollups that were looked at last.
void NoteComplete(Oid relation, TimestampTz time);
TimestampTz KnownComplete(Oid relation);

// Says that a worker found no place among the server's processes. For two minutes after that, none
// is taken for anything but refreshes.
void NoteStarved();
bool IsStarved();

// Says that a database's rollups have changed: wakes its worker, or the launcher.
void NoteChange(Oid database);

// When the next database may have a worker again that must not have one now; DT_NOEND: there is
// none.
TimestampTz NextHoldEnds();
// For the launcher: whether the database has a worker or must not have one now, and whether one was
// asked for since the last time. Databases that are not in the list are forgotten.
bool HasWorker(Oid database);
bool TakeRequest(Oid database);
void ForgetOthers(const List* databases);

// Ends the database's worker and keeps the launcher from starting another for ten seconds: somebody
// wants the database for itself. Waits until it has gone, five seconds at most.
void SendWorkerAway(Oid database);

}  // namespace millrace::pg
