// Watermarks: up to which id the events are in the rollups.
#pragma once

#include "pg/rollup/catalog/catalog.h"

namespace millrace::pg {

// The watermark of a root rollup. A rollup over another moves with it and has no watermark of its
// own.
struct Watermark {
  int64 position;     // events with ids up to this one are in the rollup
  Oid sequence_file;  // the sequence's file when the watermark was moved; InvalidOid: not known in
                      // this database
};

// The watermark of one node, for a root rollup whose events are written on several nodes.
struct NodeWatermark {
  int32 group;           // the node's group, as Citus numbers them; 0 is the coordinator
  int64 position;        // events of the node with ids up to this one are in the rollup
  const char* sequence;  // that gave them, as NameOfSequence has it; nullptr: not known
};

// All of these need an SPI connection, and allocate in the current context.

// Locks the watermark of a root rollup until the end of the transaction, so that nobody else
// refreshes it. When `wait` is false and somebody has the lock, returns false. Raises 55006 inside
// a refresh of this family (see InsideRefresh).
bool LockWatermark(Oid relation, bool wait, Watermark* watermark);
// The same for a root that was loaded before. Raises 40001 if it was distributed in between.
bool LockWatermark(const Rollup& root, bool wait, Watermark* watermark);
bool ReadWatermark(Oid relation, Watermark* watermark);
// Moves the watermark. `complete_through`: every event that was committed before this time is in
// the rollup.
void MoveWatermark(Oid relation, int64 position, Oid sequence, TimestampTz complete_through,
                   int64 events, TimestampTz started);
// The watermarks of the nodes, ordered by group: an array of `*count`.
NodeWatermark* ReadNodeWatermarks(Oid relation, int* count);
void WriteNodeWatermark(Oid relation, const NodeWatermark& watermark);
// InsideRefresh runs `body`, which changes the tables of a family. No trigger in it can begin to
// refresh or rebuild the same family: LockWatermark refuses that.
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
