// What must be true of a table of events. Otherwise a rollup over it would miss events without any
// error. It is checked when a rollup is declared, at each refresh, and each time the worker looks
// for events.
#pragma once

#include "pg/base/api.h"
#include "pg/rollup/log/id_source.h"

namespace millrace::pg {

// Raises unless a refresh that runs as `owner` reads every row of `source`, and every row gets its
// id from the sequence of `ids` when it is inserted:
//   42501  row security of `source` binds `owner`, or `owner` may not read the sequence
//   55000  a table below `source` takes ids from elsewhere or is unlogged; a subscription writes to
//          `source` or to a table below it
// What was checked is remembered until something about one of the tables changes. When `wait` is
// false, a table that somebody else has locked is left for the next time.
void CheckSource(Oid source, const IdSource& ids, Oid owner, bool wait);

// Raises 42501 where row security of a table hides rows from `role`, or may refuse rows that it
// writes.
void CheckNoRowSecurity(Oid table, Oid role);

// Raises 55006 when a statement of this same session is writing to `source`, or to a table below or
// above it: it has drawn ids for rows that nobody can see yet.
void CheckNotWriting(Oid source);

}  // namespace millrace::pg
