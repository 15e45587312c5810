// What verification has found.
#pragma once

#include "pg/rollup/catalog/catalog.h"

namespace millrace::pg {

// What was found in these buckets is void, and so is what a verification that is at work finds:
// they are made anew. Infinite times are open ends.
void ForgetDifferences(Oid relation, TimestampTz since, TimestampTz until);
// Deletes what was found in buckets of which a part lies between these times.
void DeleteDifferences(Oid relation, TimestampTz since, TimestampTz until);

}  // namespace millrace::pg
