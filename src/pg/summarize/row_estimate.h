// How many rows a rollup has without some of its keys, from PostgreSQL's statistics.
#pragma once

#include "pg/base/api.h"
#include "pg/rollup/catalog/catalog.h"

namespace millrace::pg {

struct KeyStatistics {
  AttrNumber number;
  double distinct;  // values, NULL included; at least 1
  // The share of the rows of each of the most common values, and how many rows have none of them.
  float4* common;
  int common_count;
  double rest;
};

struct RollupStatistics {
  double rows;
  List* keys;      // KeyStatistics*
  double buckets;  // distinct ones; 0 if the rollup has none
  // A refresh, on average: how many events it takes, and how many buckets it changes. -1: not
  // known, because the rollup has no bucket of a known length or has not been refreshed.
  double events_per_refresh;
  double buckets_per_refresh;
};

// Reads them. Analyzes the rollup's table first, with a notice, if that was never done. Raises
// 55000 if it is empty. REQUIRES: SPI is connected; the current user may analyze the table. `root`
// is of the rollup's family.
RollupStatistics* ReadStatistics(const Rollup& rollup, const Rollup& root);

// How many groups these keys have at most, going by the values of each alone: of keys that go
// together, such as a city and its country, there are fewer.
double EstimateRows(const RollupStatistics& statistics, const Bitmapset* keys);

// Of so many rows, whose keys have the bucket, how many an average refresh changes at most; -1: not
// known.
double RowsPerRefresh(const RollupStatistics& statistics, double rows);

}  // namespace millrace::pg
