// What the files that analyse a rollup's query share.
#pragma once

#include "pg/base/api.h"
#include "pg/rollup/catalog/definition.h"

namespace millrace::pg {

// An expression of a query as text, for messages. `source_rte` is the place of its only table in
// the range table.
const char* DeparseForMessage(const Query* query, Index source_rte, const void* node);

// Raises 0A000: rollup `name` cannot be kept, because of `what`.
[[noreturn]] void RefuseDefinition(const char* name, const char* what, const char* hint);

// Raises 0A000 unless an expression of the query gives the same value for a row in every session
// and at any time. The error names the part that does not.
void CheckImmutable(const Query* query, Index source, Node* node, const char* name);

inline bool IsTime(Oid type) {
  return type == TIMESTAMPTZOID || type == TIMESTAMPOID || type == DATEOID;
}

// The aggregate that an expression is, below any casts; nullptr if it is not an aggregate.
Aggref* AggregateBelowCasts(Expr* expression);

}  // namespace millrace::pg
