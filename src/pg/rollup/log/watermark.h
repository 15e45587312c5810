// Watermarks: up to which id the events are in the rollups.
#pragma once

#include "pg/rollup/catalog/catalog.h"

namespace millrace::pg {

// The watermark of one node, for a root rollup. A rollup over another moves with it and has none of
// its own. Without Citus there is one node, of group 0; with Citus that is the coordinator.
struct Watermark {
  int32 group;
  int64 position;        // events of the node with ids up to this one are in the rollup
  const char* sequence;  // the sequence of these ids, as NameOfSequence has it; nullptr: not known
};
struct Watermarks {
  Watermark* nodes;  // ordered by group; the first is that of group 0
  int count;
};

// All of these need an SPI connection, and allocate in the current context.

// Locks the watermarks of a root rollup until the end of the transaction, so that nobody else
// refreshes it. When `wait` is false and somebody has the lock, returns false. Raises 55006 inside
// a refresh of this family (see InsideRefresh).
bool LockWatermarks(Oid relation, bool wait);
// The same for a root that was loaded before, and reads them. Raises 40001 if it was distributed in
// between.
bool LockWatermarks(const Rollup& root, bool wait, Watermarks* watermarks);
// They are empty for a rollup over another.
Watermarks ReadWatermarks(Oid relation);
// Writes the first watermark of a root, for group 0. There must be none.
void StartWatermark(Oid relation, int64 position);
// Writes the watermark of one node. `complete_through`: every event that was committed before this
// time is in the rollup. `started`: when the refresh began.
void MoveWatermark(Oid relation, const Watermark& watermark, TimestampTz complete_through,
                   TimestampTz started);
// InsideRefresh runs `body`, which changes the tables of a family. No trigger in it can begin to
// refresh or rebuild the same family: LockWatermarks refuses that.
void EnterRefresh(Oid root);
void LeaveRefresh(Oid root);
// For a trigger: whether a statement of a refresh has fired it, rather than one of another trigger.
bool IsFiredByRefresh();
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
