// Up to which time a rollup is known to have all its events, beyond what its watermark says. While
// no events come, nothing is written; the worker only sees that nothing is missing.
#pragma once

#include "pg/base/api.h"

namespace millrace::pg {

// Asks for shared memory. Call from _PG_init while shared libraries are preloaded.
void RequestKnownComplete();

// Notes that a rollup of this database has every event that was committed before `time`. `sleep`:
// the number from StartWatching, if the worker goes to sleep after this; then it stays true until
// somebody writes. Otherwise 0. Kept for the 1,024 rollups that were looked at last.
void NoteComplete(Oid relation, TimestampTz time, uint32 sleep);

// The time up to which a rollup is known to be complete; DT_NOBEGIN if nobody has noted one since
// the server started.
TimestampTz KnownComplete(Oid relation);

}  // namespace millrace::pg
