// What the catalogs say about a relation.
#pragma once

#include "pg/base/api.h"

namespace millrace::pg {

// The relation's name, qualified and quoted, as it can be used in any statement. If the relation is
// gone, its number.
const char* QualifiedName(Oid relation);
// The role that owns the relation. Raises an internal error if there is no such relation; so does
// FileOf.
Oid OwnerOf(Oid relation);
// The relation's present file (relfilenode). A sequence that is restarted or altered gets a new
// one.
Oid FileOf(Oid relation);

// The sequence behind a column's default: DEFAULT nextval('...') below casts, or an identity.
// InvalidOid for any other expression, or none.
Oid SequenceOfDefault(Node* expression);
// The last value that a sequence has handed out, or one that it will hand out next. Reads it
// without asking for a right. False if the sequence is gone.
bool ReadSequence(Oid sequence, int64* last);

}  // namespace millrace::pg
