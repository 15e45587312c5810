// The unique index over a rollup's keys. A refresh finds the row of a group by it.
//
// An entry of PostgreSQL's B-tree has at most 2,704 bytes, and anybody who sends events may send a
// longer text. So a key that may be long is in the index as it is when it has up to 63 bytes, and
// by its SHA-256 when it has more. The digest has 64 characters, so the two cannot be confused, and
// an entry of 32 keys fits. The row itself has the key as it is.
#pragma once

#include "pg/base/api.h"
#include "pg/rollup/catalog/catalog.h"

namespace millrace::pg {

// Whether values of the column may be too long for an index, and there is an expression that can
// stand for them. True for text, varchar, char and bytea, and domains over them. False with a
// collation that takes different texts as equal, and for types that can write equal values
// differently (jsonb, numeric): an event with a long key of such a type is set aside.
bool CanBeDigested(const RollupColumn& column);
// The expression that stands for a column in the index.
const char* KeyDigestSql(const RollupColumn& column);

// The columns of an index over the keys, as ON CONFLICT names them: each key as it is or digested,
// with commas between.
const char* KeyIndexSql(const Rollup& rollup);
// CREATE UNIQUE INDEX. If the first key may be long, the keys that cannot be long come first, so
// that rows can be found by their time.
const char* CreateUniqueIndexSql(const Rollup& rollup);

// Decides which keys of a new rollup are digested: all that can be, except `plain` (nullptr: none),
// the column that Citus distributes the rollup by.
void ChooseDigestedKeys(const Rollup& rollup, const char* plain);
// Makes the index again if it has `plain` digested. REQUIRES: SPI is connected; the current user
// owns the table.
void MakePlainInIndex(const Rollup& rollup, const char* plain);
// Whether the index makes the keys unique, NULLs included. If so, notes in the definition which
// keys it has digested.
bool IsUniqueOverKeys(Relation table, Relation index, const Rollup& rollup);
// The first such index of the rollup's table; InvalidOid if there is none.
Oid FindKeyIndex(const Rollup& rollup);

}  // namespace millrace::pg
