// Reads plain tables page by page directly into batches, instead of the sequential and bitmap scans
// below the node. Only if that gives exactly the rows of these scans: see Make. Pages of a heap are
// read row by row (table_reader.cc), those of dense events column by column (dense_columns.cc).
#pragma once

#include "pg/base/api.h"
#include "pg/dense/page_reader.h"
#include "pg/scan/batch_builder.h"
#include "pg/scan/bucket.h"

namespace millrace::pg {

// It calls the executor (rescans, InitPlans, expressions) in the current memory context, which must
// be the query's, as for any node. It keeps nothing there except what Make allocates.
class TableReader {
 public:
  // Returns a reader for `child`, in the query's memory context, or nullptr if it cannot do the
  // work of `child`. It can do sequential or bitmap scans of heap tables and dense events (one,
  // which may be a worker's share of a sequential scan, or several below an Append that prunes
  // nothing at run time), with filters that compare integers or times with constants, and target
  // lists of columns and buckets. Called once per node; evaluates nothing yet.
  static TableReader* Make(PlanState* child, const VectorAggPlan& plan);

  // Begins to read from the start, with the present parameters. Call it before the first Fill, and
  // again after a rescan.
  void Start();
  // Fills `batch` until it is full, or a page has ended and `at_page_end` is true, or there are no
  // more rows. In the last case returns false; rows may still be in the batch.
  bool Fill(BatchBuilder* batch, bool at_page_end);
  void Close();
  // For EXPLAIN.
  int64 pages() const { return pages_; }

 private:
  // An attribute that is read, and where its value goes: a batch column, a bucket, a filter, or
  // several.
  struct Output {
    int column;      // of the batch
    Bucket* bucket;  // nullptr: as it is
    bool integer;    // taken by its bits, if it has eight bytes
    bool text;       // bytes that may be in a dictionary
  };
  struct Filter;
  struct Attribute {
    int16 length;
    char align;
    int output_count;
    Output* outputs;
    int filter_count;  // of those in use, in any order: once their constants are known, none can
                       // raise
    int filter_limit;
    Filter* filters;
  };
  struct Table {
    ScanState* scan;
    PlanState* bitmap;    // of a bitmap scan: makes the bitmap of pages to read; else nullptr
    int attribute_count;  // up to the last one that is needed
    Attribute* attributes;
    // The filters in the order in which PostgreSQL evaluates them. The constant of a filter is
    // computed for the first row that the filters before it let through, because its error or side
    // effect belongs to that row. So far the first `filters_known` are computed and in use. The
    // same holds for buckets.
    int filter_count;
    Filter* filters;
    int filters_known;
    int bucket_count;
    Bucket** buckets;  // in the order of the target list
    bool buckets_known;
    bool never;  // a filter compares with NULL: no row passes
    // Whether reading from left to right evaluates all filters before the first value is put out.
    // Otherwise the values wait here.
    bool filters_first;
    NullableDatum* waiting;
  };

  bool AddTable(PlanState* state, const VectorAggPlan& plan);
  static bool AddFilters(const ScanState* scan, const List* quals, Table* table);
  static bool AddOutputs(const ScanState* scan, const VectorAggPlan& plan, Table* table);
  static void PlanAttributes(Table* table, int count);
  static void StartTable(Table* table);
  static bool UseNextFilter(Table* table);
  template <typename Fetch>
  static bool Admit(Table* table, Fetch fetch);
  void StartPages(bool in_order);
  void StartShared();
  BlockNumber NextBlock();
  void OpenTable(const Table& table);
  bool NextPage();
  void BeginPage();
  int TuplesOfPage() const;
  void EndTable();
  void ReadPage(BatchBuilder* batch);
  void OpenDense();
  bool NextDensePage();
  void ReadDensePage(BatchBuilder* batch);
  bool SelectRows();
  int AdmitFirst();
  bool SelectByFilters(bool all);
  void ReadColumn(int column);
  void PutColumns(const uint16* rows, uint32 count, BatchBuilder* batch);
  bool PutTexts(int column, const Output& output, const uint16* rows, uint32 count,
                BatchBuilder* batch);
  template <bool kFiltersFirst>
  static bool ReadTuple(const Table& table, HeapTupleHeader tuple, BatchBuilder* batch);
  static bool ReadIncomplete(const Table& table, TupleDesc descriptor, HeapTupleHeader header,
                             uint32 length, BatchBuilder* batch);
  static bool Passes(const Attribute& attribute, Datum value, bool is_null);
  static void PutOne(const Output& output, int16 length, Datum value, bool is_null,
                     BatchBuilder* batch);
  static void PutOut(const Attribute& attribute, Datum value, bool is_null, BatchBuilder* batch);

  PlanState* child_;
  EState* estate_;
  Table* tables_;
  int table_count_ = 0;
  int table_ = 0;
  TableScanDesc scan_ = nullptr;
  TableScanDesc shared_ = nullptr;  // the scan of a parallel plan: others read its blocks too
  BlockNumber block_ = 0;           // the next, counted from the start block
  TIDBitmap* bitmap_ = nullptr;     // of the table that is open, and what is left of it
  BitmapPages bitmap_pages_;
  HeapPages pages_of_table_;  // of the table that is open
  int tuple_ = 0;             // the next of the page
  // Of a table of dense events that is open: its present page, the part of it that is being read,
  // which of the part's columns have been read, and its rows that pass the filters.
  PageReader* dense_ = nullptr;
  int part_ = 0;
  bool part_selected_ = false;
  bool* columns_read_ = nullptr;
  uint16 selected_[dense::kMaxChunkRows];
  int selected_count_ = 0;
  int selected_next_ = 0;
  bool page_open_ = false;
  int64 pages_ = 0;
};

}  // namespace millrace::pg
