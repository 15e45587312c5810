// How far rollups have come in the ids of their events.
#pragma once

#include "pg/rollup/catalog/catalog.h"

namespace millrace::pg {

// How far a root rollup has come. A rollup over another moves with it and has no watermark.
struct Watermark {
  int64 position;     // ids up to here are in
  Oid sequence_file;  // of the sequence when it was moved here; InvalidOid: not known in this
                      // database
};

// How far a root rollup whose events are written on several nodes has come on one of them.
struct NodeWatermark {
  int32 group;           // of nodes, as Citus numbers them; 0 is the coordinator
  int64 position;        // ids of the group up to here are in
  const char* sequence;  // that gave them, as NameOfSequence has it; nullptr: not known
};

// All of these need an SPI connection, and allocate in the current context.

// Locks the watermark of a root rollup until the end of the transaction, so that nobody else
// refreshes it. When `wait` is false and somebody has it, returns false. Raises 55006 inside of a
// refresh of this family (see InsideRefresh).
bool LockWatermark(Oid relation, bool wait, Watermark* watermark);
// The same for a root that was loaded before. Raises 40001 when it was distributed meanwhile.
bool LockWatermark(const Rollup& root, bool wait, Watermark* watermark);
bool ReadWatermark(Oid relation, Watermark* watermark);
// Moves it. `complete_through`: every event committed before is in.
void MoveWatermark(Oid relation, int64 position, Oid sequence, TimestampTz complete_through,
                   int64 events, TimestampTz started);
// Those of each node, by group: an array of `*count`.
NodeWatermark* ReadNodeWatermarks(Oid relation, int* count);
void WriteNodeWatermark(Oid relation, const NodeWatermark& watermark);
// Runs `body`, which changes the tables of a family, so that no trigger in it can begin to refresh
// or rebuild the same family: LockWatermark refuses that.
void EnterRefresh(Oid root);
void LeaveRefresh(Oid root);
template <typename Body>
void InsideRefresh(Oid root, Body body) {
  EnterRefresh(root);
  PG_TRY();
  { body(); }
  PG_FINALLY();
  { LeaveRefresh(root); }
  PG_END_TRY();
}

}  // namespace millrace::pg
