// What `millrace load` is told.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "ingest/dialect.h"

namespace millrace::cli {

enum class FileFormat { kAuto, kCsv, kJson };
enum class HeaderMode { kAuto, kYes, kNo };

// What to do with ids in a file when the server gives them (TargetTable::id_column).
enum class IdMode { kRefuse, kIgnore, kKeep };

// What to do with a file that is recorded as loaded, all of it or in part (load_record.h).
enum class LoadedBefore { kRefuse, kResume, kLoadAgain };

struct LoadOptions {
  std::vector<std::string> files;  // paths; "-" is standard input
  std::string table = "events";
  FileFormat format = FileFormat::kAuto;
  Dialect dialect;
  std::int64_t skip_lines = 0;  // at the beginning of each file
  HeaderMode header = HeaderMode::kAuto;
  // Names of the files' columns. Empty: those of the header. Without a header, the seven columns of
  // the events; or eight, with event_id first, if the first row has eight fields.
  std::vector<std::string> columns;
  // Columns of the files that have another name in the table: (the file's, the table's).
  std::vector<std::pair<std::string, std::string>> map;
  std::vector<std::string> skip;  // columns of the files that are not loaded
  bool empty_as_null = false;     // also "" is NULL where no value can be an empty text
  std::string time_zone;          // of times without one, for the server; empty: the session's
  // How times are written (time_format.h): (column of the table, format). An empty name: all
  // columns that are a timestamptz or timestamp and are not named.
  std::vector<std::pair<std::string, std::string>> time_formats;
  IdMode ids = IdMode::kRefuse;
  int jobs = 2;                            // connections, >= 1
  std::optional<std::int64_t> batch_rows;  // per transaction, at most; >= 1; else EntryPoints'
  std::uint64_t max_record_bytes = 64 << 20;
  bool reject = false;  // bad rows are written to rejects_file and the others are loaded
  std::string rejects_file = "rejects.csv";
  bool quiet = false;  // no progress
  LoadedBefore loaded_before = LoadedBefore::kRefuse;
};

}  // namespace millrace::cli
