// Reads a sample of text files: rows from the beginning of each, and of large ones also from the
// middle and the end.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "ingest/dialect.h"
#include "ingest/init/column_profile.h"
#include "ingest/load_options.h"

namespace millrace::cli {

// How the files are written, as far as the user says; the rest is found out.
struct SampleChoices {
  std::optional<char> delimiter, quote;
  std::optional<std::string> null_text;
  std::string encoding;
  FileFormat format = FileFormat::kAuto;
  std::int64_t skip_lines = 0;  // at the beginning of each file
  HeaderMode header = HeaderMode::kAuto;
  std::vector<std::string> columns;  // names in place of the header's; empty: those of the header
};

struct SampledFiles {
  Sample sample;
  Dialect dialect;
  bool header = false;     // the first record of each file has names
  bool renamed = false;    // the names are the user's, in place of the header's
  bool has_names = false;  // the sample's names are from a header or from the user
  bool json = false;       // lines of JSON; then the names are paths, such as user.id
};

// Throws CliError, with what to do: for a pipe, an empty file, a file with a header and no rows,
// for files whose columns differ, and for one that cannot be read or decoded.
SampledFiles SampleFiles(const std::vector<std::string>& files, const SampleChoices& choices);

}  // namespace millrace::cli
