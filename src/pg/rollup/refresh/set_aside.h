// Events that cannot be counted, for example because a bad text is cast to a number. They are set
// aside: their ids and errors are recorded in millrace.failed_event, and all other events are
// counted.
#pragma once

#include "pg/base/api.h"
#include "pg/base/subtransaction.h"
#include "pg/rollup/catalog/catalog.h"
#include "pg/rollup/sql/events_query.h"

namespace millrace::pg {

// What happened to the windows of one transaction.
struct SetAside {
  int64 most = PG_INT64_MAX;      // stop when so many were set aside
  bool refuse_all = false;        // raise when nothing was counted and something was set aside
  bool believe_doubtful = false;  // doubtful errors (see MergeWindow) are taken for the event's
  int64 count = 0;                // events that were set aside
  uint64 rows = 0;                // that were inserted or updated
};

// Merges the events with ids above `from` and up to `to` by `plan` (RefreshSql) into the tables of
// the family, in a subtransaction. If that fails because of an event, the window is halved again
// and again, until each event that fails is alone: these are recorded. Returns the id up to which
// this was done: `to`, unless `set_aside` stopped it before. Errors that are no event's fault are
// raised: a lock timeout, a full disk. Some errors may come from the definition (a function that is
// gone) or from an event (a text that is no tsquery): they count as the event's fault if other
// events are counted. REQUIRES: SPI is connected; the current user is the rollup's owner; nobody
// else refreshes it.
int64 MergeWindow(const Rollup& root, SPIPlanPtr plan, int64 from, int64 to, SetAside* set_aside);

// Finds those of some events for which the query itself fails, and records them as MergeWindow
// does, but merges nothing. Looks at ids above `from` and up to `to`. Returns how many there were.
int64 SetAsideFailing(const Rollup& root, const char* id_column, EventSelection events, int64 from,
                      int64 to);

// Tries again the events of a root that were set aside. Those that no longer fail are counted, and
// those that are gone are forgotten. Returns how many are no longer set aside. REQUIRES: as
// MergeWindow, but as the caller.
int64 RetryFailedEvents(const Rollup& root, const char* id_column);

// Raises a WARNING that events were set aside.
void WarnOfSetAside(const Rollup& root, int64 count);

// Runs `body` in a subtransaction. Returns nullptr when it succeeds. If an event or the definition
// may have caused the error, returns it, in the current memory context. Any other error is raised
// again.
ErrorData* TryInSubtransaction(SubtransactionBody body, void* argument);

}  // namespace millrace::pg
