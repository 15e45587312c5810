// Which leaves of a partitioned table may hold rows with ids above a watermark: a table in shared
// memory. ../rollup/README.md has the argument ("The tail"). It exists only where the library is
// preloaded, because then every session publishes what it writes.
//
// Invariant: while the floor of a tree is known, each committed row with an id above the floor is
// in a leaf whose mark is at least that id.
#pragma once

#include "pg/base/api.h"

namespace millrace::pg {

// A partitioned table whose leaves are watched, in this database. Trees are numbered in shared
// memory, and a set of them is a bit mask.
struct Tree {
  Oid root;
  Oid sequence;   // numbers the rows
  AttrNumber id;  // the column of `root`
  bool known;     // the floor is known
  int64 floor;
};
inline constexpr int kMostTrees = 64;
using TreeSet = uint64;

// Asks for shared memory. Call from _PG_init while shared libraries are preloaded.
void RequestMarks();

// The trees of this database, as this process knows them: `trees[i]` where bit i of the result is
// set. Costs a read of a number unless trees have changed.
TreeSet TreesHere(const Tree** trees);
// A number that stands for the last answer of TreesHere.
uint32 TreesVersion();

// What somebody who is about to learn a floor must know. REQUIRES for the floor: everything that
// LearnFloor says happens after StartTracking.
struct Tracking {
  int tree = -1;  // -1: the table is not watched
  uint32 doubts = 0;
  bool wants_floor = false;
};
// Watches a tree from now on. A transaction that ends from now on publishes what it has written.
// `file` is the sequence's file: when it has changed, the ids began again.
Tracking StartTracking(Oid root, AttrNumber id, Oid sequence, Oid file);
// Whether nobody has learned this floor, or doubted the tree, since StartTracking.
bool StillWantsFloor(const Tracking& tracking);
// The floor is known from now on. REQUIRES: `floor` is at least the last value of the sequence,
// read after StartTracking, and at least the id of any row that was written by a transaction that
// held a lock on a table of the tree at some moment after StartTracking and has ended since, or
// that had ended by then. `took`: microseconds that it took to find out; after a doubt nobody wants
// the floor again for many times as long. Returns whether it is known now.
bool LearnFloor(const Tracking& tracking, int64 floor, int64 took);
// Somebody may have written rows with ids that are not from the sequence: nothing is known any more
// about these trees.
void DoubtTrees(TreeSet trees);

// Gives leaves of a tree a mark of at least `last`, the last value of the sequence at a moment
// after their rows were written.
void PublishMarks(int tree, const Tree& as_known, const Oid* leaves, int count, int64 last);

// Reads the leaves with marks above `watermark`, an array in the current context. False if they are
// not known.
bool LeavesAbove(Oid root, Oid sequence, int64 watermark, Oid** leaves, int* count);

// The time that readers have spent on the tail of a tree, in microseconds, since the server
// started; 0 if it is not watched.
void NoteTailRead(Oid root, int64 micros);
int64 TailReadMicros(Oid root);

}  // namespace millrace::pg
