// Settled ids. An id is settled when no running transaction can still commit a row with that id or
// a lower one. Here the ids that were handed out at one moment are read, and then it is found out
// when all of them are settled: on one node, or if Citus distributes the events on every node
// through which they may be written. README.md has the argument.
#pragma once

#include "pg/base/api.h"
#include "pg/rollup/log/id_source.h"
#include "pg/rollup/log/writers.h"
#include "pg/tail/marks.h"

namespace millrace::pg {

// The ids that one node has handed out. Without Citus there is one node, of group 0.
struct HandedOut {
  int32 group;
  int64 last;            // IdBase(group) if it has handed out none
  const char* sequence;  // as NameOfSequence has it; nullptr: the node was removed
};

struct Settling {
  TimestampTz since;  // a time before any id was read
  HandedOut* nodes;   // the first is this node's
  int node_count;
  int64 total;  // of ids that were handed out; a node that was removed counts as one
  // What we still wait for.
  Writer* writers;      // on this node
  int writer_count;     //
  char* remote;         // on others, as millrace.node_still_writing takes them
  Tracking tracking;    // of the leaves with new rows; since before any id was read
  bool distributed;     // whether Citus distributes the events
  bool seen_on_shards;  // whether the writers of the shards themselves have been looked at
  Oid source;
  Oid owner;
  MemoryContext context;
};

// Reads the sequence that numbers the rows of `source` on every node, and then who writes. Asks the
// other nodes as `owner`. Everything is allocated and stays in the current memory context.
// REQUIRES: SPI is connected. Raises 08006 when a node does not answer. `known`: the total that the
// caller knows already; if there is only this node and it has handed out no more, writers are
// looked at only if the floor of the source's tree is wanted (tail/marks.h).
Settling* StartSettling(Oid source, const IdSource& ids, Oid owner, int64 known);
// Reads the same. nullptr if a node does not answer, or this node is not the coordinator.
const Settling* ReadHandedOut(Oid source, const IdSource& ids, Oid owner);

// Whether all these ids are settled. When `wait` is true, waits until they are, as for a lock.
// REQUIRES: SPI is connected.
bool HasSettled(Settling* settling, bool wait);

// Whether anybody but this transaction writes to shards of a table that Citus distributes, prepared
// transactions included. Asks the other nodes as `owner`.
bool ShardsHaveWriters(Oid table, Oid owner);

}  // namespace millrace::pg
