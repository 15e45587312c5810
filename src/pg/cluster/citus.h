// What Citus says of this database: how it distributes tables, and its nodes. Everything is looked
// up when it is needed; a database without Citus has one node and nothing distributed. All of these
// need an SPI connection.
#pragma once

#include "pg/base/api.h"

namespace millrace::pg {

// Whether this database has Citus.
bool HasCitus();

// How Citus distributes a table.
struct Distribution {
  char method;         // 'h': by the hash of a column
  const char* column;  // nullptr unless by hash
  int32 colocation;    // tables with the same number have their shards side by side
  int64 shards;
};

// False where Citus does not distribute it.
bool FindDistribution(Oid table, Distribution* distribution);

// This node's group: 0 is the coordinator's, or there is no Citus.
int32 LocalGroup();

// Runs a command that returns one text on each worker, as the current user and outside of this
// transaction. Returns how many there are, with their answers in column 1 of SPI_tuptable: NULL
// from one that cannot be asked, or fails. When all `must_answer`, raises 08006 instead.
uint64 AskWorkers(const char* command, bool must_answer);

// Until the settings end, what changes shards does so one after the other, in one transaction of
// each node. Nothing without Citus.
void UseOneConnectionPerNode();

// Ids that a group hands out lie above the one and up to the other.
inline int64 IdBase(int32 group) { return static_cast<int64>(group) << 48; }
inline int64 EndOfIds(int32 group) { return IdBase(group + 1); }

}  // namespace millrace::pg
