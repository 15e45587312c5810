#include "pg/dense/visibility.h"

#include "pg/dense/rows.h"

namespace millrace::pg {
namespace {

using dense::kAborted;
using dense::kCommitted;
using dense::Run;

TransactionId ShortIdOf(const Run& run) { return static_cast<TransactionId>(run.transaction); }

bool IsKnown(const Run& run) { return (run.state & (kCommitted | kAborted)) != 0; }

// The commit log has no answer for a transaction that has not begun, as damaged bytes may name it.
void CheckHasBegun(const Run& run) {
  static uint64 next = 0;  // as it was last read; it only grows
  if (likely(run.transaction < next)) return;
  next = U64FromFullTransactionId(ReadNextFullTransactionId());
  if (run.transaction >= next) {
    RaiseDamagedPage("a run is of a transaction that has not begun");
  }
}

// Whether a transaction that is over has committed.
bool HasCommitted(const Run& run, bool* dead) {
  const bool committed =
      IsKnown(run) ? (run.state & kCommitted) != 0 : TransactionIdDidCommit(ShortIdOf(run));
  *dead = !committed;
  return committed;
}

// The rules of HeapTupleSatisfiesMVCC, for rows that nobody deletes.
bool SeesByMvcc(const RunSnapshot& snapshot, const Run& run, bool* dead) {
  if ((run.state & kAborted) != 0) return HasCommitted(run, dead);
  // Most pages are old.
  if ((run.state & kCommitted) != 0 && run.transaction < snapshot.all_finished_before) return true;
  const TransactionId xid = ShortIdOf(run);
  if (!IsKnown(run) && TransactionIdIsCurrentTransactionId(xid)) {
    return run.command < snapshot.snapshot->curcid;
  }
  if (run.transaction >= snapshot.all_finished_before &&
      XidInMVCCSnapshot(xid, snapshot.snapshot)) {
    return false;
  }
  return HasCommitted(run, dead);
}

}  // namespace

uint64 FullTransactionIdOf(TransactionId xid) {
  const uint64 next = U64FromFullTransactionId(ReadNextFullTransactionId());
  if (!TransactionIdIsNormal(xid)) return xid;
  return next - static_cast<uint64>(
                    static_cast<int64>(static_cast<int32>(static_cast<uint32>(next) - xid)));
}

RunSnapshot MakeRunSnapshot(Snapshot snapshot) {
  RunSnapshot made = {snapshot, 0};
  if (IsMVCCSnapshot(snapshot)) made.all_finished_before = FullTransactionIdOf(snapshot->xmin);
  return made;
}

bool SeesRun(const RunSnapshot& snapshot, const Run& run, bool* dead) {
  if (!IsKnown(run)) CheckHasBegun(run);
  const SnapshotType type = snapshot.snapshot->snapshot_type;
  if (type == SNAPSHOT_MVCC) return SeesByMvcc(snapshot, run, dead);
  if (type == SNAPSHOT_DIRTY) {
    snapshot.snapshot->xmin = snapshot.snapshot->xmax = InvalidTransactionId;
    snapshot.snapshot->speculativeToken = 0;
  }
  if (IsKnown(run)) return HasCommitted(run, dead);
  const TransactionId xid = ShortIdOf(run);
  if (TransactionIdIsCurrentTransactionId(xid)) return true;
  if (TransactionIdIsInProgress(xid)) {
    if (type == SNAPSHOT_DIRTY) snapshot.snapshot->xmin = xid;
    return type != SNAPSHOT_SELF;
  }
  return HasCommitted(run, dead);
}

uint8 SettledState(const Run& run) {
  if (IsKnown(run)) return run.state;
  CheckHasBegun(run);
  const TransactionId xid = ShortIdOf(run);
  if (TransactionIdDidCommit(xid)) return kCommitted;
  if (TransactionIdIsCurrentTransactionId(xid) || TransactionIdIsInProgress(xid)) return 0;
  // It may have committed in between.
  return TransactionIdDidCommit(xid) ? kCommitted : kAborted;
}

void NoteUnseenRun(Relation relation, const RunSnapshot& snapshot, const Run& run) {
  if ((run.state & kAborted) != 0) return;
  if (!CheckForSerializableConflictOutNeeded(relation, snapshot.snapshot)) return;
  TransactionId xid = ShortIdOf(run);
  if (TransactionIdIsCurrentTransactionId(xid)) return;
  if (!IsKnown(run) && !TransactionIdIsInProgress(xid) && !TransactionIdDidCommit(xid)) return;
  if (TransactionIdPrecedes(xid, TransactionXmin)) return;
  xid = SubTransGetTopmostTransaction(xid);
  if (TransactionIdPrecedes(xid, TransactionXmin)) return;
  CheckForSerializableConflictOut(relation, xid, snapshot.snapshot);
}

}  // namespace millrace::pg
