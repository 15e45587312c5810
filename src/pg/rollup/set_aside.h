// Events that cannot be counted: a cast of bad text to a number, say. They are set aside, by id and
// error, in millrace.failed_event, and all others are counted.
#pragma once

#include "pg/pg_api.h"
#include "pg/rollup/catalog.h"

namespace millrace::pg {

// Merges the events with ids above `from` and up to `to` by `plan` (RefreshSql) into the tables of
// the family, in a subtransaction. When that fails because of an event, the window is halved again
// and again, until the events that fail are alone: these are written down. Returns how many rows
// were inserted or updated. Raises what is no event's fault (a lock timeout, a full disk, a
// definition that does not fit any more), and the last error when more than 10,000 events fail in
// one transaction. `set_aside` grows by the number of events that were set aside.
// REQUIRES: SPI is connected; the current user is the rollup's owner; nobody else refreshes it.
uint64 MergeWindow(const Rollup& root, SPIPlanPtr plan, int64 from, int64 to, int64* set_aside);

// Finds the events of a window for which the query itself fails, and writes them down, as
// MergeWindow does, but merges nothing. Returns how many there were.
int64 SetAsideFailing(const Rollup& root, const char* id_column, int64 from, int64 to);

// Takes in again the events of a root that were set aside: those for which nothing fails any more
// are counted now, and those that are gone are forgotten. Returns how many are set aside no more.
// REQUIRES: as MergeWindow, but as the caller.
int64 RetryFailedEvents(const Rollup& root, const char* id_column);

// Says as a WARNING that events were set aside.
void WarnOfSetAside(const Rollup& root, int64 count);

// Runs `body` in a subtransaction. Returns nullptr when it went through, and its error, in the
// current memory context, when an event may be to blame; any other is raised again.
using SubtransactionBody = void (*)(void* argument);
ErrorData* TryInSubtransaction(SubtransactionBody body, void* argument);

}  // namespace millrace::pg
