// What `millrace load` shares with `millrace init`.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <utility>

#include "ingest/load_files.h"

namespace millrace::cli {

// Adds the options that say how the files are written: --format, --delimiter, --quote, --encoding,
// --null, --empty-as-null, --time-zone, --time-format, --skip-lines.
void AddReadingOptions(CLI::App* command, LoadOptions& load);

// "FIELD=COLUMN", split at the last sign, because a name in a file may be anything. Throws
// CLI::ValidationError, which names `option`.
std::pair<std::string, std::string> SplitMap(const std::string& text, const std::string& option);

// "FORMAT" or "COLUMN=FORMAT" of --time-format; the column is empty if there is none.
std::pair<std::string, std::string> SplitTimeFormat(const std::string& text);

// Adds the options of the load itself: --jobs, --batch-rows, --on-error, --rejects, --resume,
// --again, --quiet.
void AddLoadOptions(CLI::App* command, LoadOptions& load);

// Says on standard error what a load has done besides loading all rows, and records rejected rows
// in the database.
void SayWhatWasLoaded(const std::string& conninfo, const LoadOptions& load,
                      const LoadReport& report);

}  // namespace millrace::cli
