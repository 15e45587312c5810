// What the columns of a rollup's table say, read from its definition view.
#pragma once

#include "pg/rewrite/known_rollups.h"

namespace millrace::pg {

// The expression with its constants folded, as two must be that are compared: unless it calls
// functions of users. Those must not run because somebody else has written them into a definition:
// not with the rights of whoever plans the next query, nor at all if they plan queries themselves.
Node* Simplified(Node* expression);

// Why anything but a refresh may decide what is in the table's rows; nullptr if nothing else does.
const char* LookAtTable(Oid relation);

// Reads the query of the rollup's definition view: sets `columns`, `where` and `bucket`. Returns
// why they cannot be known, or nullptr. Waits for no lock; `is_locked`: it may be worth to try
// again.
const char* ReadDefinition(KnownRollup* rollup, bool* is_locked);

// Sets `columns` of events. Returns false if their table is locked or gone.
bool ReadEventColumns(KnownRollup* events);

}  // namespace millrace::pg
