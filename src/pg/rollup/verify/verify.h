// Comparing a rollup with its events. PostgreSQL's own plans do it, so that the engine does not
// check itself.
#pragma once

#include "pg/base/api.h"
#include "pg/rollup/catalog/differences.h"

namespace millrace::pg {

// Computes the groups of a rollup again from the events that are in it, and compares. Only buckets
// from `since` to before `until`, of type timestamptz as SQL; nullptr: open. Returns the number of
// differences, with keys, column_name, expected and actual of each in SPI_tuptable. Events that
// were set aside must not be in the rows. The events, rows and watermark are of one snapshot. Runs
// as the rollup's owner. REQUIRES: SPI is connected. Raises as CheckFamily does.
uint64 CompareWithEvents(const Rollup& rollup, const Rollup& root, const char* since,
                         const char* until);

// A step of the verification in the background.
struct VerifiedSpan {
  TimestampTz since, until;  // the buckets; infinite where open
  int64 differences;
};
// Compares the next bucket of a rollup: the newest that has closed since the last time, otherwise
// the next older one, and after the oldest from the newest again. Records how far it has come, and
// the differences. Leaves out buckets whose partitions are gone. False if nothing can be compared:
// events that Citus distributes, or partitioned events whose bucket is not cut from their time.
// REQUIRES: SPI is connected.
bool VerifyNextSpan(Oid relation, VerifiedSpan* span);

}  // namespace millrace::pg
