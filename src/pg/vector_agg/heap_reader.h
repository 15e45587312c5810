// Reads plain heap tables page by page straight into batches, in place of the sequential and bitmap
// scans below the node. Only where that gives the very rows the scans would: see Open.
#pragma once

#include "pg/pg_api.h"
#include "pg/vector_agg/batch_builder.h"
#include "pg/vector_agg/bucket.h"

namespace millrace::pg {

class HeapReader {
 public:
  // Returns a reader in place of `child`, in the current memory context, or nullptr when it cannot
  // stand in: anything but sequential or bitmap scans of heap tables (one, also a worker's share of
  // a sequential one, or several below an Append that prunes nothing at run time), filters other
  // than comparisons of integers or times with constants, target lists other than columns and
  // buckets.
  static HeapReader* Open(PlanState* child, const VectorAggPlan& plan);

  // Fills `batch` until it is full, a page has ended and `at_page_end` wants it, or there are no
  // more rows: then false, with what is left in the batch.
  bool Fill(BatchBuilder* batch, bool at_page_end);
  void Close();
  // For EXPLAIN.
  int64 pages() const { return pages_; }

 private:
  // An attribute that is read, and where it goes: a batch column, a bucket, a filter, or several.
  struct Output {
    int column;      // of the batch; -1: only for the filter
    Bucket* bucket;  // nullptr: as it is
    bool integer;    // taken by its bits, when it has eight bytes
  };
  struct Filter;
  struct Attribute {
    int16 length;
    char align;
    int output_count;
    Output* outputs;
    int filter_count;
    Filter* filters;
  };
  struct Table {
    ScanState* scan;
    PlanState* bitmap;    // of a bitmap scan: makes the bitmap of pages to read; else nullptr
    int attribute_count;  // as far as anything is needed
    Attribute* attributes;
    bool never;  // a filter compares with NULL: no row passes
    // Whether no value is put out before the last filter was asked, going from left to right.
    // Otherwise what is to be put out waits here.
    bool filters_first;
    NullableDatum* waiting;
  };

  bool AddTable(PlanState* state, const VectorAggPlan& plan);
  static bool AddFilters(const ScanState* scan, const List* quals, Table* table);
  static bool AddOutputs(const ScanState* scan, const VectorAggPlan& plan, Table* table);
  void StartShared();
  bool NextPage();
  bool NextSharedPage();
  BlockNumber NextBlock();
  void OpenPage(BlockNumber block);
  void EndTable();
  void ReadPage(BatchBuilder* batch);
  template <bool kFiltersFirst>
  static bool ReadTuple(const Table& table, HeapTupleHeader tuple, BatchBuilder* batch);
  static bool ReadIncomplete(const Table& table, TupleDesc descriptor, HeapTupleHeader header,
                             uint32 length, BatchBuilder* batch);
  static bool Passes(const Attribute& attribute, Datum value, bool is_null);
  static void PutOut(const Attribute& attribute, Datum value, bool is_null, BatchBuilder* batch);

  EState* estate_;
  Table* tables_;
  int table_count_ = 0;
  int table_ = 0;
  TableScanDesc scan_ = nullptr;
  TableScanDesc shared_ = nullptr;  // the scan of a parallel plan, whose blocks others read too
  BlockNumber block_ = 0;           // the next, counted from the start block
  TIDBitmap* bitmap_ = nullptr;     // of the table that is open, and what is left of it
  TBMIterator* pages_left_ = nullptr;
  int tuple_ = 0;  // the next of the page
  bool page_open_ = false;
  int64 pages_ = 0;
};

}  // namespace millrace::pg
