// Events that cannot be counted: a cast of bad text to a number, say. They are set aside, by id and
// error, in millrace.failed_event, and all others are counted.
#pragma once

#include "pg/base/api.h"
#include "pg/rollup/catalog/catalog.h"
#include "pg/rollup/sql/events_query.h"

namespace millrace::pg {

// What came of the windows of one transaction.
struct SetAside {
  int64 most = PG_INT64_MAX;      // set no more aside than so many, and stop there
  bool refuse_all = false;        // an error when nothing was counted and something set aside
  bool believe_doubtful = false;  // errors that may be the definition's are the event's too
  int64 count = 0;                // events that were set aside
  uint64 rows = 0;                // that were inserted or updated
};

// Merges the events with ids above `from` and up to `to` by `plan` (RefreshSql) into the tables of
// the family, in a subtransaction. When that fails because of an event, the window is halved again
// and again, until the events that fail are alone: these are written down. Returns the id up to
// which this was done: `to`, unless `set_aside` stopped it before. Raises what is no event's fault:
// a lock timeout, a full disk. An error that may come from the definition (a function that is gone)
// or from an event (a text that is no tsquery) is taken for the event's when others are counted.
// REQUIRES: SPI is connected; the current user is the rollup's owner; nobody else refreshes it.
int64 MergeWindow(const Rollup& root, SPIPlanPtr plan, int64 from, int64 to, SetAside* set_aside);

// Finds those of some events for which the query itself fails, and writes them down, as MergeWindow
// does, but merges nothing. Looks at ids above `from` and up to `to`. Returns how many there were.
int64 SetAsideFailing(const Rollup& root, const char* id_column, EventSelection events, int64 from,
                      int64 to);

// Takes in again the events of a root that were set aside: those for which nothing fails any more
// are counted now, and those that are gone are forgotten. Returns how many are set aside no more.
// REQUIRES: as MergeWindow, but as the caller.
int64 RetryFailedEvents(const Rollup& root, const char* id_column);

// Says as a WARNING that events were set aside.
void WarnOfSetAside(const Rollup& root, int64 count);

// Runs `body` in a subtransaction. Returns nullptr when it went through, and its error, in the
// current memory context, when an event or the definition may be to blame; any other is raised
// again.
using SubtransactionBody = void (*)(void* argument);
ErrorData* TryInSubtransaction(SubtransactionBody body, void* argument);

}  // namespace millrace::pg
