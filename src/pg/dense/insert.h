// Puts rows into pages.
#pragma once

#include "pg/base/api.h"
#include "pg/dense/rows.h"

namespace millrace::pg {

// As the access method's tuple_insert and multi_insert. Each slot gets its row's address.
void InsertIntoDense(Relation relation, TupleTableSlot** slots, int count, CommandId command,
                     int options, BulkInsertState bulk);

// Puts rows into pages as they are, with the transaction that inserted them: for a table that is
// written anew. `addresses` may be nullptr.
void InsertRows(Relation relation, const RowSet* rows, uint64 transaction, CommandId command,
                uint8 state, int options, BulkInsertState bulk, ItemPointerData* addresses);

}  // namespace millrace::pg
