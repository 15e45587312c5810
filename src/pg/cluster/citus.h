// What Citus says about this database: its nodes, and how it distributes tables. Everything is
// looked up when it is needed. Without Citus there is one node, and nothing is distributed. All of
// these functions need an SPI connection, unless they say otherwise.
#pragma once

#include "pg/base/api.h"

namespace millrace::pg {

// Whether this database has Citus.
bool HasCitus();

// Whether Citus plans a query: it names a table that Citus knows, distributed or not. Needs no SPI.
// REQUIRES: a transaction.
bool CitusPlans(const Query* query);

// How Citus distributes a table.
struct Distribution {
  char method;         // 'h': by the hash of a column
  const char* column;  // nullptr unless by hash
  int32 colocation;    // tables with the same number have matching shards on the same nodes
  int64 shards;
};

// False if Citus does not distribute the table.
bool FindDistribution(Oid table, Distribution* distribution);

// The number of this node's group. It is 0 on the coordinator, and without Citus.
int32 LocalGroup();

// Runs a command that returns one text on each worker node, as the current user and outside of this
// transaction. Returns how many nodes there are, with their answers in column 1 of SPI_tuptable;
// NULL for a node that cannot be asked or fails. When `must_answer` is true, raises 08006 instead.
uint64 AskWorkers(const char* command, bool must_answer);

// Until the settings end, shards are changed one after the other, in one transaction per node. Does
// nothing without Citus.
void UseOneConnectionPerNode();

// A node hands out ids above IdBase and up to EndOfIds of its group.
inline int64 IdBase(int32 group) { return static_cast<int64>(group) << 48; }
inline int64 EndOfIds(int32 group) { return IdBase(group + 1); }
// How many ids a node has handed out up to `id`. A node that was removed counts as having handed
// out all of its ids, which count as one.
inline int64 IdsUpTo(int32 group, int64 id) {
  if (group == 0) return id;
  return id == EndOfIds(group) ? 1 : id - IdBase(group);
}

}  // namespace millrace::pg
