// What verification has found.
#pragma once

#include "pg/rollup/catalog/catalog.h"

namespace millrace::pg {

// Forgets the differences found in these buckets, because their rows are made anew. A verification
// that is running now discards its result too. Infinite times are open ends.
void ForgetDifferences(Oid relation, TimestampTz since, TimestampTz until);
// Deletes the differences found in buckets that overlap the time between these two.
void DeleteDifferences(Oid relation, TimestampTz since, TimestampTz until);

}  // namespace millrace::pg
