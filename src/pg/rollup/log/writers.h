// Who writes to a table: the transactions that may still add rows with ids that were handed out.
// ../README.md has the argument.
#pragma once

#include "pg/base/api.h"

namespace millrace::pg {

// A transaction that writes.
struct Writer {
  VirtualTransactionId transaction;
  int pid;  // 0: a prepared transaction
};

// The transactions, other than our own, that hold a writer's lock on `table` or on a table below it
// at this moment. An array of `*count` in the current context.
Writer* WritersOf(Oid table, int* count);
// The same for the shards that this node has of a table that Citus distributes. Leaves out the
// sessions that work for the session with global pid `caller`. REQUIRES: SPI is connected.
Writer* WritersOfShards(Oid table, int64 caller, int* count);

// Whether all of these have ended. When `wait` is true, waits for them as for a lock: lock_timeout,
// deadlock detection and cancelling work.
bool HaveEnded(const Writer* writers, int count, bool wait);

}  // namespace millrace::pg
