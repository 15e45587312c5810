// Where the ids of events come from: the sequence that a rollup follows.
#pragma once

#include "pg/base/api.h"

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

}  // namespace millrace::pg
