// The query of a rollup over some of its events.
#pragma once

#include "pg/base/api.h"
#include "pg/rollup/catalog/catalog.h"

namespace millrace::pg {

// Ids above one and up to the other, each an SQL expression or nullptr. A list of ranges selects
// the events that are in any of them.
struct IdRange {
  const char* above;
  const char* up_to;
};
// Which events are read: those with ids in one of the ranges and a time in the span, but optionally
// not those that were set aside.
struct EventSelection {
  List* ranges = NIL;
  bool without_failed = false;  // events that were set aside are left out
  const char* time_column = nullptr;
  const char* since = nullptr;  // of type timestamptz, as SQL; nullptr: open
  const char* until = nullptr;
};

// The condition that an id, an SQL expression, is in one of the ranges; nullptr if any id is.
const char* RangesSql(List* ranges, const char* id);
// The groups of a root rollup over these events: a SELECT with its stored columns. `id_column` is
// the events' id.
const char* SelectFromEventsSql(const Rollup& root, const char* id_column,
                                const EventSelection& events);

}  // namespace millrace::pg
