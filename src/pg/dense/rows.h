// Rows of a table as arrays of column values: on their way into a page, or out of one.
#pragma once

#include "core/dense/chunk.h"
#include "core/dense/page.h"
#include "pg/base/api.h"

namespace millrace::pg {

// Plain data in the context in which it was made. Values that are not integers point to where they
// came from, or into the context.
struct RowSet {
  TupleDesc descriptor;
  bool as_stored;  // see MakeStoredRowSet
  int columns;
  int capacity;
  int rows;
  dense::ColumnShape* shapes;
  dense::ColumnInput* inputs;  // points to the arrays below
  uint64** values;             // for each column: of each row; integers sign-extended
  uint8** nulls;
  uint16** sizes;  // nullptr: the column's length is fixed
};

// Allocates in the current context. Raises an error if the table has a column that a page cannot
// hold.
RowSet* MakeRowSet(TupleDesc descriptor, int capacity);
// For rows that are read from parts of `columns` columns and written again, which must change
// nothing of what is stored: a column that the present transaction has dropped or added is as it
// was if that is rolled back. So values of dropped columns stay, and none is added. REQUIRES:
// columns <= descriptor->natts.
RowSet* MakeStoredRowSet(TupleDesc descriptor, int columns, int capacity);
void FreeRowSet(RowSet* rows);

// Appends the row of a slot, with the forms that values have in a page: short headers, nothing
// expanded, large values in the TOAST table of `relation`. What that takes is allocated in the
// current context. Raises an error if the row is too big.
void AppendSlot(RowSet* rows, Relation relation, TupleTableSlot* slot, int options);

// Appends the rows of a part of a page; values point into it. Columns that were added to the table
// later have their default. Raises ERRCODE_DATA_CORRUPTED if the bytes are damaged.
void AppendPart(RowSet* rows, const uint8* part, const dense::ChunkHeader& header);

// Reads only the columns [first, end) of a part: the same, in the rows from 0 on.
void ReadColumns(RowSet* rows, const uint8* part, const dense::ChunkHeader& header, int first,
                 int end);

// If a column of a part is stored as a dictionary: its entries, and the code of each row; NULLs go
// to the rows from 0 on. Otherwise returns false.
bool ReadCodes(RowSet* rows, const uint8* part, const dense::ChunkHeader& header, int column,
               Datum* entries, int* count, uint16* codes);

// The columns from row `first` on, for an encoder. `inputs` has room for all columns.
void InputsFrom(const RowSet* rows, int first, dense::ColumnInput* inputs);

// Encodes all rows as parts of a page, in the current context. nullptr if they would take more than
// `most` bytes.
uint8* EncodeRows(const RowSet* rows, Size most, Size* bytes);
// Appends such parts to a page whose runs have their rows already.
void AddEncodedParts(dense::PageEditor* page, const uint8* encoded, Size bytes);

// The value of a column as PostgreSQL passes it.
inline Datum ValueOf(const RowSet* rows, int column, int row) {
  return static_cast<Datum>(rows->values[column][row]);
}

// Raises the error of a damaged page.
[[noreturn]] void RaiseDamagedPage(const char* what);

}  // namespace millrace::pg
