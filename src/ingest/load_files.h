// Loads CSV files into a table.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace millrace::cli {

enum class HeaderMode { kAuto, kYes, kNo };

// What to do with ids in a file when the server gives them (TargetTable::id_column).
enum class IdMode { kRefuse, kIgnore, kKeep };

struct LoadOptions {
  std::vector<std::string> files;  // paths; "-" is standard input
  std::string table = "events";
  HeaderMode header = HeaderMode::kAuto;
  // Names of the files' columns. Empty: those of the header. Without a header, the seven columns of
  // the events; or eight, with event_id first, if the first row has eight fields.
  std::vector<std::string> columns;
  IdMode ids = IdMode::kRefuse;
  int jobs = 2;                            // connections, >= 1
  std::optional<std::int64_t> batch_rows;  // per transaction, at most; >= 1; else EntryPoints'
  std::uint64_t max_record_bytes = 64 << 20;
  bool reject = false;  // bad rows are written to rejects_file and the others are loaded
  std::string rejects_file = "rejects.csv";
  bool quiet = false;  // no progress
  // Leave out rows that are recorded as loaded (load_record.h).
  bool resume = false;
};

struct LoadReport {
  std::int64_t loaded = 0;   // by this run
  std::int64_t already = 0;  // with `resume`, of files that were loaded in part: before this run
  std::int64_t rejected = 0;
};

// Reads the files in order and loads their rows in batches. Throws CliError when that fails, saying
// which rows of which file are loaded. Throws before the first row when a file, the table or a
// column of `columns` does not exist, when a regular file has ids that are refused, or when one is
// not the file that was loaded in part. Partitions that pg_partman would have to make for the rows
// are made before these are sent (partitions.h). A stop signal (stop_signal.h) ends it in the same
// way: batches that have begun are finished.
LoadReport LoadFiles(const std::string& conninfo, const LoadOptions& options);

}  // namespace millrace::cli
