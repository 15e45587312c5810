// Bringing rollups up to date.
#pragma once

#include "pg/pg_api.h"
#include "pg/rollup/catalog.h"
#include "pg/rollup/watermark.h"

namespace millrace::pg {

struct RefreshOptions {
  bool wait_for_writers = true;  // false: give up when one is still at work
  bool wait_for_others = true;   // false: give up when somebody else refreshes
  // Last id and since when, where the caller knows that it is settled; -1: find out.
  int64 end = -1;
  TimestampTz since = 0;
  int64 most_ids = -1;  // stop after so many; -1: go on to the end
};

struct RefreshResult {
  bool done = false;   // false: gave up, nothing has changed
  bool more = false;   // stopped by most_ids
  int64 ids = 0;       // that the watermark moved by
  int64 position = 0;  // where it is now
};

// Moves the family's watermark to the last id that is settled, and merges the events in between, in
// the current transaction. Runs as the owner of the root's table, in a security-restricted context.
// REQUIRES: SPI is connected. Raises 25001 above READ COMMITTED, where the events could not be
// seen, and 55000 when the sequence is behind the watermark.
RefreshResult RefreshFamily(Rollup* root, const RefreshOptions& options);

// The last settled id and since when: waits for the writers of the source, unless told not to.
// Returns false when it was told not to and there are any.
bool Settle(const Rollup& root, const IdSource& ids, bool wait, int64* last, TimestampTz* since);

// Settings under which a rollup's statements mean the same in every session, until EndSettings.
int BeginRefreshSettings();

// Raises 25001 above READ COMMITTED.
void RequireReadCommitted(const char* function);

}  // namespace millrace::pg
