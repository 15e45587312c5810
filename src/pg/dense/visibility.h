// Which rows of a dense page a snapshot sees. A row is as visible as its run.
#pragma once

#include "core/dense/page.h"
#include "pg/base/api.h"

namespace millrace::pg {

// A snapshot, and what is found out about it once.
struct RunSnapshot {
  Snapshot snapshot;
  uint64 all_finished_before;  // MVCC snapshots: transactions before this one had ended
};
RunSnapshot MakeRunSnapshot(Snapshot snapshot);

// A transaction's id with its epoch. REQUIRES: it is less than 2^31 transactions from the next.
uint64 FullTransactionIdOf(TransactionId xid);

// Whether the snapshot sees the run. Sets `*dead` if its transaction has aborted; no snapshot will
// ever see it then. For SNAPSHOT_DIRTY it sets the snapshot's xmin as the heap does.
//
// The page is not marked with what is found out, as the heap marks rows: runs are few, and only
// VACUUM, which logs it, writes to pages that nobody inserts into.
bool SeesRun(const RunSnapshot& snapshot, const dense::Run& run, bool* dead);

// What has become of the run's transaction: the run's state with kCommitted or kAborted; 0 if it is
// still in progress.
uint8 SettledState(const dense::Run& run);

// For SERIALIZABLE: the snapshot does not see the run, so its transaction comes after ours.
void NoteUnseenRun(Relation relation, const RunSnapshot& snapshot, const dense::Run& run);

}  // namespace millrace::pg
