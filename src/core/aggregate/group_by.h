// GroupBy: the engine of the rollups. Batches of rows go in; groups with finished aggregates come
// out.
//
// Start reading here. A batch is processed column by column:
//
//   1. hash the key columns, find each row's group          aggregate_hash_table.h
//   2. update the aggregates whose state is a number or a stored sketch, directly from the batch
//   3. keep what the other aggregates need: each row's group and the
//      values of their columns                              kept_rows.h
//
// Sketches of single values are not updated row by row: with many groups each update would cost one
// or more cache misses, and the sketch's own bookkeeping. Instead the kept rows are scattered by
// group (a stable counting sort), and each group's values are turned into a sketch at once: hashed,
// sorted, deduplicated. A group that never needs more than that never has a sketch object. Nor does
// a group with a single stored sketch: it is copied, and returned as it came.
//
// Memory: kept rows may take what the limit leaves. When they reach it they are folded into sketch
// objects, one HyperLogLog or TopN per group, and freed. Groups with few rows keep them, because an
// object would take more. When groups and sketches alone come near the limit, the caller stops
// making groups: rows of known groups still go in; the others are returned, to be spilled and
// grouped later.
//
// The result does not depend on the batches, the limit or the folding: it is what PostgreSQL's
// aggregates give for the same rows in the same order.
#pragma once

#include <cstdint>
#include <span>

#include "core/aggregate/aggregate_function.h"
#include "core/aggregate/aggregate_hash_table.h"
#include "core/aggregate/kept_rows.h"
#include "core/base/buffer.h"
#include "core/base/status.h"
#include "core/sketch/hyperloglog.h"
#include "core/sketch/top_n.h"
#include "core/vector/column_batch.h"
#include "core/vector/dictionary.h"

namespace millrace {

// A stored TopN summary on its way into kTopNUnion.
struct TopNStored {
  const TopNItem* items;
  std::size_t size;
};

struct AggregateSpec {
  AggregateKind kind;
  std::uint16_t column;  // of the batch; unused by kCountRows
  HashWidth hash_width;  // kHllAdd
  HllParameters hll;     // kHllAdd
};

struct KeySpec {
  std::uint16_t column;
  bool text;  // values are codes of the column's dictionary, or Dictionary::kAbsent for no group
};

// Trivially destructible: all memory belongs to the allocator. Not thread-safe.
class GroupBy {
 public:
  static constexpr int kMaxKeys = 32;
  static constexpr int kMaxAggregates = 64;
  static constexpr int kMaxColumns = 64;

  // `keys` and `aggregates` must outlive the object. `topn_counters` is N of TopN (top_n.h),
  // `max_sparse` as HyperLogLog::PrepareEncoding takes it.
  GroupBy(std::span<const KeySpec> keys, std::span<const AggregateSpec> aggregates,
          std::int64_t topn_counters, int max_sparse);

  // The dictionary of a text column; the column's values must be interned in it.
  Dictionary& dictionary(std::uint32_t column) { return dictionaries_[column]; }

  // Takes the rows of a batch. Throws std::bad_alloc. Returns kMismatch when a stored hll does not
  // fit the others of its group (see mismatch), and kOutOfRange when a sum of floats overflows;
  // after either, the object can no longer be used. When `insert` is false, rows without a group
  // are not taken: their numbers go to `rejected` (room for kBatchRows), and how many there are to
  // `*rejected_count`.
  Status AddBatch(const ColumnBatch& batch, bool insert, std::uint32_t* rejected,
                  std::uint32_t* rejected_count, Allocator& allocator);
  // After kMismatch: the parameters of the group's hll, and of the one that does not fit.
  struct Mismatch {
    HllParameters state, value;
  };
  const Mismatch& mismatch() const { return mismatch_; }
  // Bytes of the kept rows and of the texts they refer to, including what scattering them will
  // take.
  std::size_t KeptBytes() const;
  // Folds the kept rows into sketches and frees them. This is done in steps, so that the caller can
  // check for interrupts in between: BeginFold, then FoldGroups over all groups() piece by piece,
  // then EndFold. Call nothing else in between. Afterwards the codes of text that is no key are
  // invalid.
  void BeginFold(Allocator& allocator);
  void FoldGroups(std::uint32_t begin, std::uint32_t end, Allocator& allocator);
  void EndFold(Allocator& allocator);

  // Call after the last row: prepares the kept rows for reading by group. Groups may be read in any
  // order.
  void Finish(Allocator& allocator);
  // Without keys there is one group even without rows, as in SQL. Call before Finish.
  void EnsureGroup(Allocator& allocator);

  std::uint32_t groups() const { return table_.groups(); }
  bool KeyIsNull(std::uint32_t group, std::uint32_t key) const {
    return table_.KeyIsNull(group, key);
  }
  std::int64_t KeyValue(std::uint32_t group, std::uint32_t key) const {
    return table_.KeyValue(group, key);
  }

  // The finished aggregates of a group. REQUIRES: Finish was called, and the
  // kind matches.
  const Number& NumberOf(std::uint32_t group, std::uint32_t aggregate) const {
    return numbers_[std::size_t{group} * aggregates_.size() + aggregate];
  }
  // The stored form, valid until the next call. Empty when the SQL result is NULL (kHllUnion
  // without values).
  std::span<const std::uint8_t> HllOf(std::uint32_t group, std::uint32_t aggregate,
                                      Allocator& allocator);
  // The items of the summary in StoredOrder, valid until the next call.
  std::span<const TopNItem> TopNOf(std::uint32_t group, std::uint32_t aggregate,
                                   Allocator& allocator);
  // Instead of TopNOf, for a state that will be merged with others: with all its items, nothing
  // trimmed. nullptr when no value was added.
  const TopN* TopNStateOf(std::uint32_t group, std::uint32_t aggregate, Allocator& allocator);

 private:
  void HashKeys(const ColumnBatch& batch, std::uint64_t* hashes) const;
  Status UpdateStates(const ColumnBatch& batch, const std::uint32_t* groups, Allocator& allocator);
  Status UpdateHllUnion(std::uint32_t aggregate, const Column& column, const std::uint32_t* groups,
                        std::uint32_t rows, Allocator& allocator);
  Status UnionHll(void** slot, const HllView& view, Allocator& allocator);
  void UnionTopN(void** slot, const TopNStored& stored, Allocator& allocator) const;
  // The dictionary of this column is needed as long as there are kept rows, and no key uses it.
  void KeepText(std::uint16_t column);
  void ExtendStates(Allocator& allocator);
  bool StaysKept(std::uint32_t group) const;
  KeptRows::Segment SegmentOf(std::uint32_t group, std::uint32_t aggregate) const {
    return kept_.SegmentOf(group, kept_of_[aggregate]);
  }
  std::uint64_t HashForHll(const AggregateSpec& spec, std::int64_t value) const;
  void AddToHll(const AggregateSpec& spec, const KeptRows::Segment& segment, HyperLogLog* sketch,
                Allocator& allocator) const;
  void AddToTopN(std::uint32_t aggregate, const KeptRows::Segment& segment, TopN* summary,
                 Allocator& allocator) const;
  std::span<const std::uint8_t> EncodeHll(HyperLogLog* sketch, Allocator& allocator);
  // The distinct values of `segment`, ascending, in `values_` and how often each occurs in
  // `counts_`; returns how many.
  std::size_t CountRuns(const KeptRows::Segment& segment, Allocator& allocator);
  std::string_view KeyText(const AggregateSpec& spec, std::int64_t value, char* digits) const;
  std::span<const TopNItem> ItemsFromRuns(const AggregateSpec& spec, std::size_t runs,
                                          Allocator& allocator);
  // The sketch object of a group, nullptr while it has none. For unions it may be a copy instead:
  // see stored_copy.h.
  HyperLogLog*& HllState(std::uint32_t group, std::uint32_t aggregate) {
    return reinterpret_cast<HyperLogLog*&>(SketchState(group, aggregate));
  }
  TopN*& TopNState(std::uint32_t group, std::uint32_t aggregate) {
    return reinterpret_cast<TopN*&>(SketchState(group, aggregate));
  }
  void*& SketchState(std::uint32_t group, std::uint32_t aggregate) {
    return sketches_[std::size_t{group} * aggregates_.size() + aggregate];
  }

  std::span<const KeySpec> keys_;
  std::span<const AggregateSpec> aggregates_;
  std::int64_t topn_counters_;
  int max_sparse_;
  bool has_sketches_ = false;
  bool any_rows_ = false;
  Mismatch mismatch_;
  AggregateHashTable table_;
  Dictionary dictionaries_[kMaxColumns];

  // aggregates_.size() numbers per group; sketches_ is empty until there is one.
  Buffer<Number> numbers_;
  Buffer<void*> sketches_;

  KeptRows kept_;
  std::uint8_t kept_of_[kMaxAggregates];  // aggregate -> column of kept_
  std::uint16_t kept_texts_[kMaxAggregates];
  int kept_text_count_ = 0;

  // Scratch of the functions that finish a group.
  Buffer<std::int64_t> values_;
  Buffer<std::int64_t> counts_;
  Buffer<TopNItem> items_;
  Buffer<char> digits_;
  Buffer<std::uint8_t> bytes_;
};

}  // namespace millrace
