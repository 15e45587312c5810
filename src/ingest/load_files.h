// Loads CSV files into a table.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace millrace::cli {

enum class HeaderMode { kAuto, kYes, kNo };

// What to do with ids that a file brings along where the server draws them
// (TargetTable::id_column).
enum class IdMode { kRefuse, kIgnore, kKeep };

struct LoadOptions {
  std::vector<std::string> files;  // paths; "-" is standard input
  std::string table = "events";
  HeaderMode header = HeaderMode::kAuto;
  // Names of the files' columns. Empty: the header's, or without one the seven of the events, or
  // eight with event_id before them when the first row has eight fields.
  std::vector<std::string> columns;
  IdMode ids = IdMode::kRefuse;
  int jobs = 2;                            // connections, >= 1
  std::optional<std::int64_t> batch_rows;  // a transaction at most, >= 1; EntryPoints' otherwise
  std::uint64_t max_record_bytes = 64 << 20;
  bool reject = false;  // bad rows go to rejects_file and the rest loads
  std::string rejects_file = "rejects.csv";
  bool quiet = false;  // no progress
  // Rows that are recorded as loaded are left out (load_record.h).
  bool resume = false;
};

struct LoadReport {
  std::int64_t loaded = 0;   // by this run
  std::int64_t already = 0;  // with `resume`, of files that were in in part: before this run
  std::int64_t rejected = 0;
};

// Reads the files in order and loads their rows in batches. Throws CliError when it cannot, saying
// which rows of which file are loaded; before the first row when a file, the table or a column of
// `columns` does not exist, a regular file brings ids that are refused, or one is not what was
// loaded in part. Partitions that pg_partman would have to make for the rows are made before they
// are sent (partitions.h). A stop signal (stop_signal.h) ends it likewise: batches that are under
// way are finished.
LoadReport LoadFiles(const std::string& conninfo, const LoadOptions& options);

}  // namespace millrace::cli
