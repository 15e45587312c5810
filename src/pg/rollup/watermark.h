// When a window of events is settled: how a rollup by sequence knows that nobody will add to it any
// more. The argument is in README.md.
#pragma once

#include "pg/pg_api.h"

namespace millrace::pg {

// Where the ids of a table's rows come from.
struct IdSource {
  const char* column;
  AttrNumber attribute;
  Oid sequence;
};

// The column of `table` whose values a sequence gives (identity, or DEFAULT nextval). `given` names
// the column where there are several, nullptr otherwise. Raises 55000 naming what to do when there
// is none, or when its sequence cannot be followed: it caches, cycles or counts down.
IdSource FindIdSource(Oid table, const char* given);
// How many such columns there are; one of them in `*ids`. Raises nothing.
int FindIdSources(Oid table, const char* given, IdSource* ids);

// The sequence behind a column's default, DEFAULT nextval('...') below casts or an identity;
// InvalidOid for any other expression, or none.
Oid SequenceOfDefault(Node* expression);

// The last id that was handed out; 0 where there was none.
int64 LastId(const IdSource& ids);
// The cluster, the database, the sequence and the file that it has now: one that is restarted or
// altered gets another.
const char* NameOfSequence(const IdSource& ids);

// A transaction that writes.
struct Writer {
  VirtualTransactionId transaction;
  int pid;  // 0: a prepared transaction
};

// The transactions that hold `table` or a table below it for writing at this moment, other than our
// own, as an array of `*count` in the current context.
Writer* WritersOf(Oid table, int* count);
// The same for the shards that this node has of a table that Citus distributes, without the part
// that other sessions have in the transaction of the session with global pid `caller`. REQUIRES:
// SPI is connected.
Writer* WritersOfShards(Oid table, int64 caller, int* count);

// Whether all of these have ended; when `wait`, waits for them (as for a lock: lock_timeout,
// deadlock detection and cancelling work).
bool HaveEnded(const Writer* writers, int count, bool wait);

}  // namespace millrace::pg
