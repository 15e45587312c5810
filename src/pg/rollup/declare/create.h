// Declaring rollups, for other functions than millrace.create_rollup.
#pragma once

#include "pg/base/api.h"

namespace millrace::pg {

// How long merging takes, in milliseconds: of all rows of the rollup below into the empty table,
// and, with all that a refresh does beside it, of none.
struct MergeCost {
  double fill_ms;
  double empty_ms;
};

// Declares a rollup over another and fills it, as millrace.create_rollup does. Returns its table.
// `query` has qualified names. REQUIRES: SPI is
// connected; READ COMMITTED; nothing has the name, nor the name with _live or _definition added,
// and these are no longer than names may be; Citus does not distribute the events.
Oid CreateSummary(const char* schema, const char* name, const char* query, Datum refresh_interval,
                  MergeCost* cost);

}  // namespace millrace::pg
