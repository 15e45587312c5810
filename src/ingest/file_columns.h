// Which column of the table each field of a file goes into.
#pragma once

#include <string>
#include <vector>

#include "ingest/csv.h"
#include "ingest/load_options.h"
#include "ingest/target_table.h"

namespace millrace::cli {

struct FileColumns {
  bool header = false;  // the first record has the names of the columns
  // For each field of a record: the table's column; empty if it is not loaded.
  std::vector<std::string> names;
};

// Finds the columns of a CSV file from its first record; `where` is the file and line for messages.
// Throws CliError, with what to type, if a name is unknown, two fields go into one column, or the
// record looks as if the file has another delimiter. An id column is left out or refused as
// options.ids says.
FileColumns FindFileColumns(const LoadOptions& options, const TargetTable& table,
                            const std::string& where, std::string_view record);

// Throws the CliError for a file with ids that are refused.
[[noreturn]] void RefuseIds(const TargetTable& table, const std::string& where);

// What a name in a file means by options.map and options.skip, or by the names of the table.
struct NameMeaning {
  enum class Kind { kColumn, kSkipped, kUnknown };
  Kind kind = Kind::kUnknown;
  std::string column;  // of the table
};
// Throws CliError if columns of the table that it may mean differ only in case.
NameMeaning MeaningOf(const std::string& name, const LoadOptions& options,
                      const TargetTable& table);

// Throws CliError if a column that is named in options.map or options.time_formats is not in the
// table.
void CheckColumnOptions(const LoadOptions& options, const TargetTable& table);

}  // namespace millrace::cli
