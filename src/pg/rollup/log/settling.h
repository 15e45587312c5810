// Which ids were handed out at one moment, and whether anybody can still add rows with them. On one
// node, and where Citus distributes the events on every node that they may be written through. The
// argument is in README.md.
#pragma once

#include "pg/base/api.h"
#include "pg/rollup/log/id_source.h"
#include "pg/rollup/log/writers.h"

namespace millrace::pg {

// The ids of one node. Without Citus there is one, of group 0.
struct HandedOut {
  int32 group;
  int64 last;            // the base of the group: none yet
  const char* sequence;  // as NameOfSequence has it; nullptr: the node was removed
};

struct Settling {
  TimestampTz since;  // before any id was read
  HandedOut* nodes;   // the first is this node's
  int node_count;
  int64 total;  // of ids handed out; a node that was removed counts as one
  // What is left to wait for.
  Writer* writers;      // on this node
  int writer_count;     //
  char* remote;         // on others, as millrace.node_still_writing takes them
  bool distributed;     // by Citus
  bool seen_on_shards;  // writers of the shards themselves have been looked at
  Oid source;
  Oid owner;
  MemoryContext context;
};

// Reads the sequence that numbers the rows of `source` on every node, then who writes. Asks the
// other nodes as `owner`. All in the current memory context, where it stays. REQUIRES: SPI is
// connected. Raises 08006 where a node does not answer. `known`: the total that the caller has
// already; when this one node has no more, nobody is looked at.
Settling* StartSettling(Oid source, const IdSource& ids, Oid owner, int64 known);
// How many ids were handed out on all nodes: what Settling has as `total`. False where one of them
// does not answer, or this one is not the coordinator.
bool CountIds(Oid source, const IdSource& ids, Oid owner, int64* total);

// Whether all these ids are settled; when `wait`, waits until they are (as for a lock). REQUIRES:
// SPI is connected.
bool HasSettled(Settling* settling, bool wait);

// Whether anybody but this transaction writes to shards of a table that Citus distributes, prepared
// transactions included. Asks the other nodes as `owner`.
bool ShardsHaveWriters(Oid table, Oid owner);

}  // namespace millrace::pg
