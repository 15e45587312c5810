// From tuples to batches: each value is converted, text is interned, and what is needed to spill a
// row is kept.
#pragma once

#include "core/aggregate/group_by.h"
#include "pg/base/api.h"
#include "pg/scan/vector_agg_plan.h"

namespace millrace::pg {

// The bytes of a text or a stored sketch. They live as long as the batch.
struct Bytes {
  const char* data;
  uint32 size;
};

// Plain data in the node's memory context. The batch is filled row by row, given to GroupBy, and
// begun again.
class BatchBuilder {
 public:
  // Allocates in the current context. `plan` must outlive the object.
  void Init(const VectorAggPlan& plan);
  // Begins an empty batch for `group_by` and frees what the last one referred to. Unless `insert`
  // is true, a key's text that is not in its dictionary gets the code kAbsent.
  void Begin(GroupBy* group_by, Allocator* allocator, bool insert);

  uint32 rows() const { return batch_.rows; }
  bool full() const { return batch_.rows == kBatchRows; }
  const ColumnBatch& batch() const { return batch_; }
  // Whether stored sketches are read directly from tuples, so that these must stay while the batch
  // is filled.
  bool refers_to_tuples() const { return refers_to_tuples_; }

  // Sets column `column` of the row being filled. By-reference values must stay until Begin. May
  // raise: damaged toast, bytes that are not an hll or topn.
  void Put(int column, Datum value);
  void PutInteger(int column, int64 value) { columns_[column].values[batch_.rows] = value; }
  void PutNull(int column);
  // The same from bytes that were spilled: the content of the varlena, or the text.
  void PutBytes(int column, Bytes bytes);
  // A text that is in a tuple as it is: neither compressed nor out of line.
  void PutText(int column, Bytes bytes);
  // The same of a text that has been put before, since Begin: its code is IntegerAt of that row.
  void PutCode(int column, Bytes bytes, int64 code) {
    bytes_[column][batch_.rows] = bytes;
    columns_[column].values[batch_.rows] = code;
  }
  void EndRow() { ++batch_.rows; }
  // For filling column by column: which row is being filled. Afterwards set it to the number of
  // rows that are complete.
  void SetRow(uint32 row) { batch_.rows = row; }
  // The 64 bits of a column, for kBatchRows rows.
  int64* Integers(int column) { return columns_[column].values; }
  // Whether a column's texts are in a dictionary.
  bool Interns(int column) const { return interned_[column]; }
  // Removes the row being filled.
  void DropRow();

  // For spilling a row: whether a column is NULL, its 64 bits, or its bytes.
  bool IsNull(int column, uint32 row) const {
    return columns_[column].any_null && columns_[column].nulls[row] != 0;
  }
  int64 IntegerAt(int column, uint32 row) const { return columns_[column].values[row]; }
  Bytes BytesAt(int column, uint32 row) const { return bytes_[column][row]; }
  MemoryContext context() const { return context_; }

 private:
  const VectorAggPlan* plan_;
  MemoryContext context_;  // of one batch
  GroupBy* group_by_;
  Allocator* allocator_;
  bool insert_;
  bool refers_to_tuples_;
  bool interned_[GroupBy::kMaxColumns];  // whether the codes of the column's texts are needed
  bool key_[GroupBy::kMaxColumns];
  ColumnBatch batch_;
  Column columns_[GroupBy::kMaxColumns];
  Bytes* bytes_[GroupBy::kMaxColumns];
  HllView* views_[GroupBy::kMaxColumns];  // of kHll columns: the views that the values point to
};

inline void BatchBuilder::PutText(int column, Bytes bytes) {
  if (plan_->columns[column].kind != ColumnKind::kText || !interned_[column]) {
    return PutBytes(column, bytes);
  }
  bytes_[column][batch_.rows] = bytes;
  const std::uint32_t code =
      group_by_->dictionary(static_cast<uint32>(column)).Find({bytes.data, bytes.size});
  if (unlikely(code == Dictionary::kAbsent)) return PutBytes(column, bytes);
  columns_[column].values[batch_.rows] = code;
}

}  // namespace millrace::pg
