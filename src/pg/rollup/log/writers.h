// Who writes to a table: the transactions that may still add rows with ids that were handed out.
// The argument is in
// ../README.md.
#pragma once

#include "pg/base/api.h"

namespace millrace::pg {

// A transaction that writes.
struct Writer {
  VirtualTransactionId transaction;
  int pid;  // 0: a prepared transaction
};

// The transactions that hold `table` or a table below it for writing at this moment, other than our
// own, as an array of `*count` in the current context.
Writer* WritersOf(Oid table, int* count);
// The same for the shards that this node has of a table that Citus distributes, without the part
// that other sessions have in the transaction of the session with global pid `caller`. REQUIRES:
// SPI is connected.
Writer* WritersOfShards(Oid table, int64 caller, int* count);

// Whether all of these have ended; when `wait`, waits for them (as for a lock: lock_timeout,
// deadlock detection and cancelling work).
bool HaveEnded(const Writer* writers, int count, bool wait);

}  // namespace millrace::pg
