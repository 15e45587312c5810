// The unique index over a rollup's keys, by which a refresh finds the row of a group.
//
// PostgreSQL's B-tree takes entries of up to 2,704 bytes, and anybody who sends events may send a
// longer text. So a key that may be long is in the index as it is up to 63 bytes, and by its
// SHA-256 above that, which is 64 characters: the two cannot be mistaken for one another, and an
// entry of 32 keys fits. The row itself has the key as it is.
#pragma once

#include "pg/base/api.h"
#include "pg/rollup/catalog/catalog.h"

namespace millrace::pg {

// Whether values of the column may be too long for an index, and there is an expression that
// stands for them: text, varchar, char and bytea, and domains over them. Not with a collation by
// which different texts are equal, and not types whose equal values can be written differently
// (jsonb, numeric): an event with a long key of such a type is set aside.
bool CanBeDigested(const RollupColumn& column);
// The expression that stands for a column in the index.
const char* KeyDigestSql(const RollupColumn& column);

// What an index over the keys has, and what ON CONFLICT names: each key as it is or digested, with
// commas between.
const char* KeyIndexSql(const Rollup& rollup);
// CREATE UNIQUE INDEX. Keys that cannot be long come first where the first key can: rows are found
// by the time then.
const char* CreateUniqueIndexSql(const Rollup& rollup);

// Says which keys of a new rollup are digested: all that can be, but not `plain` (nullptr: none),
// the column that Citus distributes it by.
void ChooseDigestedKeys(const Rollup& rollup, const char* plain);
// Makes the index anew where it has `plain` digested. REQUIRES: SPI is connected; the current user
// owns the table.
void MakePlainInIndex(const Rollup& rollup, const char* plain);
// Whether the index makes the keys unique, NULLs included; if so, which of them it has digested is
// noted in the definition.
bool IsUniqueOverKeys(Relation table, Relation index, const Rollup& rollup);
// The first such index of the rollup's table; InvalidOid where there is none.
Oid FindKeyIndex(const Rollup& rollup);

}  // namespace millrace::pg
