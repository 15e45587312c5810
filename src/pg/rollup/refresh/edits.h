// Rows of a rollup that something other than a refresh has changed. A rollup over it still has what
// they were made of, so from then on neither answers for the other (pg/rewrite), until
// millrace.rebuild_rollup has made them again.
//
// A trigger on each rollup's table notes it, in millrace.rollup.edited_at. Where Citus distributes
// the table there is none: Citus has no triggers on distributed tables.
#pragma once

#include "pg/rollup/catalog/catalog.h"

namespace millrace::pg {

constexpr const char* kEditTrigger = "millrace_note_edit";

// Makes the trigger on a rollup's table, unless it is there. Needs SPI, and the owner's rights.
void WatchForEdits(const Rollup& rollup);
// Drops it, if it is there.
void StopWatching(const Rollup& rollup);

// The rows of the rollup, and of those over it, were all made again.
void ForgetEdits(const Rollup& rollup);

// Drops the triggers of millrace.watch_events from a table of events, if they are there.
void StopWatchingEvents(Oid source);

// TRUNCATE of a single partition of watched events fires no trigger of theirs: this notes it.
// Called once, when the library is loaded.
void InstallTruncateWatch();

}  // namespace millrace::pg
