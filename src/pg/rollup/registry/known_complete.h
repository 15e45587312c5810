// Through when a rollup is known to have all its events, beyond what its watermark says: while no
// events come, nothing is written, and the worker only sees that nothing is missing.
#pragma once

#include "pg/base/api.h"

namespace millrace::pg {

// Asks for shared memory. Call from _PG_init while shared libraries are preloaded.
void RequestKnownComplete();

// Says that every event of a rollup of this database that was committed before `time` is in it.
// `sleep`: from StartWatching, where the worker goes to sleep after this; then it stays true until
// somebody writes. Otherwise 0. Kept for the 1,024 rollups that were looked at last.
void NoteComplete(Oid relation, TimestampTz time, uint32 sleep);

// The time through which it is known; DT_NOBEGIN where nobody has said so since the server started.
TimestampTz KnownComplete(Oid relation);

}  // namespace millrace::pg
