// Reads the rows of one page after another, as a snapshot sees them, from a copy of the page. So it
// holds neither lock nor pin while the rows are used, and writers may rewrite the page.
#pragma once

#include "core/dense/page.h"
#include "pg/base/api.h"
#include "pg/dense/rows.h"
#include "pg/dense/visibility.h"

namespace millrace::pg {

// Plain data in the context in which Make was called.
class PageReader {
 public:
  static PageReader* Make(Relation relation);
  void Free();

  // Copies a page and finds out which of its rows the snapshot sees. False if it sees none. With
  // `only`, the number of a row, the other rows are not looked at.
  bool Read(BlockNumber block, const RunSnapshot& snapshot, BufferAccessStrategy strategy,
            int only = 0);

  // The rows that the snapshot sees, in the order of their numbers.
  int visible() const { return visible_; }
  // The number of visible row `i`: the second half of its address.
  int NumberOf(int i) {
    NumberRows();
    return visible_rows_[i].number;
  }
  // Puts visible row `i` into a virtual slot. By-reference values point into the copy; they stay
  // until the next Read. Columns are those of the slot: while ALTER TABLE writes a table anew, the
  // relation has its new columns already, and the pages have the old ones.
  void Store(int i, TupleTableSlot* slot);
  // The run of visible row `i`, and the first visible row after it that belongs to another run.
  dense::Run RunOf(int i, int* end);
  // Which visible row has this number; -1 if none has.
  int Find(int number);

  BlockNumber block() const { return block_; }
  // How many numbers the page has given.
  int numbers() const { return view_.tail().rows; }
  // Of rows that no transaction will see.
  int dead() const { return dead_; }

  // The runs of the page, whoever sees them.
  int runs() const { return view_.tail().runs; }
  dense::Run run(int i) const { return view_.run(i); }

  // For readers of columns: the parts, and which of their rows are visible.
  struct PartRows {
    const uint8* bytes;
    dense::ChunkHeader header;
    int first;    // of the rows that are stored in the page
    int visible;  // how many of its rows
  };
  int parts() const { return part_count_; }
  const PartRows& part(int i) const { return parts_[i]; }
  // Whether a row that is stored is visible.
  bool Sees(int stored) const { return sees_all_ || sees_[stored] != 0; }
  RowSet* rows();
  // Reads all columns of a part into rows().
  void ReadPart(int part);
  // Reads one column of a part. inputs[column].nulls is nullptr if no row has NULL there.
  void ReadColumn(int part, int column);
  // Bounds of a column of integers in a part; false if they are not known.
  bool Bounds(int part, int column, int64* least, int64* greatest) const;
  // If a column of a part is stored as a dictionary: its entries (room for kMaxChunkRows), as
  // PostgreSQL passes them, and the code of each row. Otherwise false. nulls: as ReadColumn.
  bool ReadDictionary(int part, int column, Datum* entries, int* count, uint16* codes);

 private:
  struct VisibleRow {
    uint16 number;
    uint16 stored;
  };
  void FindParts();
  void NumberRows();
  void UseDescriptor(TupleDesc descriptor);
  void FindVisible(const RunSnapshot& snapshot, int only);

  Relation relation_;
  MemoryContext context_;
  RowSet* rows_;
  int rows_part_;  // whose rows rows_ has; -1: none
  BlockNumber block_;
  dense::PageView view_;
  int visible_;
  int dead_;
  bool sees_all_;  // every row that is stored; then sees_ is not filled
  bool numbered_;  // whether visible_rows_ is filled
  int part_count_;
  VisibleRow visible_rows_[dense::kMaxPageRows];
  uint8 sees_[dense::kMaxPageRows];
  PartRows parts_[dense::kMaxPageRows];
  alignas(8) uint8 copy_[dense::kPageBytes + dense::kReadAhead];
};

}  // namespace millrace::pg
