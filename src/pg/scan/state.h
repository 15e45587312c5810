// The state of a MillraceAggregate node. Plain data, allocated by palloc0.
#pragma once

#include "core/aggregate/group_by.h"
#include "pg/base/api.h"
#include "pg/scan/batch_builder.h"
#include "pg/scan/spill.h"
#include "pg/scan/table_reader.h"
#include "pg/scan/vector_agg_plan.h"

namespace millrace::pg {

struct VectorAggState {
  CustomScanState css;  // first, because the executor sees only this
  VectorAggPlan plan;
  KeySpec keys[GroupBy::kMaxKeys];
  AggregateSpec specs[GroupBy::kMaxAggregates];

  MemoryContext groups_context;
  MemoryContext input_context;  // spill files; reset for each scan of the input
  Size memory_limit;
  GroupBy* group_by;
  BatchBuilder builder;
  bool reader_sought;
  TableReader* reader;  // nullptr: get tuples from the child
  bool read_pages;      // a reader was used
  bool hll_settled;     // the specs have their hll parameters
  bool consumed;
  bool inserting;  // rows may make new groups
  Size kept_after_fold;
  uint32* order;
  uint32 next_group;

  Spill* spill;   // where rows go now; nullptr: none were spilled
  Spill* source;  // where they come from; nullptr: the child
  List* levels;   // Spills that have partitions left

  // For EXPLAIN ANALYZE.
  int64 batches;
  int64 rows;
  int64 groups;
  int64 spilled_rows;
  int64 spilled_bytes;
  Size peak_memory;
};

}  // namespace millrace::pg
