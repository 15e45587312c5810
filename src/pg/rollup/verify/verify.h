// Comparing a rollup with its events, by PostgreSQL's own plans: what is checked must not be what
// checks it.
#pragma once

#include "pg/base/api.h"
#include "pg/rollup/catalog/differences.h"

namespace millrace::pg {

// Computes the groups of a rollup once more from the events that are in it, and compares. `since`
// and `until`: only buckets from the one to before the other, of type timestamptz as SQL; nullptr:
// open. Returns the number of differences, with keys, column_name, expected and actual of each in
// SPI_tuptable. Events that were set aside are expected to be absent. The events, rows and
// watermark are of one snapshot. Runs as the rollup's owner. REQUIRES: SPI is connected. Raises as
// CheckFamily does.
uint64 CompareWithEvents(const Rollup& rollup, const Rollup& root, const char* since,
                         const char* until);

// A step of the verification in the background.
struct VerifiedSpan {
  TimestampTz since, until;  // the buckets; infinite where open
  int64 differences;
};
// Compares the next bucket of a rollup: the newest that has closed since, otherwise the next older
// one, and from the start again. Writes down how far it has come and what differs. Buckets whose
// partitions are gone are left out. False where nothing can be compared by itself: events that
// Citus distributes, partitioned events whose bucket is not cut from their time. REQUIRES: SPI is
// connected.
bool VerifyNextSpan(Oid relation, VerifiedSpan* span);

}  // namespace millrace::pg
