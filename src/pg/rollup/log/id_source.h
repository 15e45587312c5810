// Where the ids of events come from: the sequence that a rollup follows.
#pragma once

#include "pg/base/api.h"
#include "pg/base/relation.h"
#include "pg/tail/marks.h"

namespace millrace::pg {

// Where the ids of a table's rows come from.
struct IdSource {
  const char* column;
  AttrNumber attribute;
  Oid sequence;
};

// The column of `table` whose values come from a sequence (identity, or DEFAULT nextval). `given`
// names the column if there are several; otherwise nullptr. Raises 55000, with what to do, when
// there is no such column, or its sequence cannot be followed because it caches, cycles or counts
// down.
IdSource FindIdSource(Oid table, const char* given);
// How many such columns there are; one of them in `*ids`. Raises no errors.
int FindIdSources(Oid table, const char* given, IdSource* ids);

// The last id that was handed out; 0 if none was.
int64 LastId(const IdSource& ids);
// Watches the leaves of a partitioned table for new rows (tail/marks.h).
Tracking TrackLeaves(Oid source, const IdSource& ids);
// A text with the cluster, the database, the sequence and its present file (relfilenode). A
// sequence that is restarted or altered gets another file.
const char* NameOfSequence(const IdSource& ids);

}  // namespace millrace::pg
