// Loads files of CSV or JSON lines into a table.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "ingest/load_options.h"

namespace millrace::cli {

struct LoadReport {
  std::int64_t loaded = 0;   // by this run
  std::int64_t already = 0;  // with `resume`, of files that were loaded in part: before this run
  std::int64_t rejected = 0;
  // Times that had no zone, in columns that need one, and the zone in which the server read them.
  // None are counted if options.time_zone says it.
  std::int64_t times_without_zone = 0;
  std::string session_zone;
  // Of JSON: fields that are in no column, and names of options.map and options.skip that no row
  // had.
  std::vector<std::string> unknown_fields;
  std::vector<std::string> names_not_found;
};

// Reads the files in order and loads their rows in batches. Throws CliError when that fails, saying
// which rows of which file are loaded. Throws before the first row when a file, the table or a
// column that is named does not exist, when the first record of a regular file has columns that
// cannot be loaded or ids that are refused, or when LoadRecords refuses one. Partitions that
// pg_partman would have to make for the rows are made before these are sent (partitions.h). A stop
// signal (stop_signal.h) ends it in the same way: batches that have begun are finished.
LoadReport LoadFiles(const std::string& conninfo, const LoadOptions& options);

}  // namespace millrace::cli
