// Records of a file as they are sent to the server: unchanged where that is possible, or with
// fields left out or rewritten.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "ingest/copy_format.h"
#include "ingest/csv.h"
#include "ingest/load_options.h"
#include "ingest/target_table.h"
#include "ingest/time_format.h"

namespace millrace::cli {

// Thread-compatible.
class RowWriter {
 public:
  virtual ~RowWriter() = default;

  // Reads a record, whose text must stay until Append. Returns why it is bad, or an empty text.
  virtual std::string Take(std::string_view record) = 0;
  // Appends the record that was taken, without a line end, as `format` describes it.
  virtual void Append(std::string* out) = 0;
  // How the record that was taken is sent; for CSV the same for all records. A shared pointer to
  // compare: two records with the same one can be in one batch.
  const std::shared_ptr<const CopyFormat>& format() const { return format_; }
  // Whether a record that is sent may have other line ends than in the file.
  virtual bool changes_lines() const = 0;

 protected:
  std::shared_ptr<const CopyFormat> format_;
};

// The formats of times of a load: for each column of the table the one that applies, or nullptr.
// Throws CliError for a format that cannot be read.
std::vector<std::shared_ptr<const TimeFormat>> TimeFormatsOf(const LoadOptions& options,
                                                             const TargetTable& table);

// For a CSV file with these columns (FileColumns::names: empty for a field that is left out).
std::unique_ptr<RowWriter> MakeCsvWriter(const LoadOptions& options, const TargetTable& table,
                                         const std::vector<std::string>& names);

// How records of these columns are sent, if they are written in `dialect`.
CopyFormat FormatFor(const LoadOptions& options, const TargetTable& table,
                     std::vector<std::string> columns, const Dialect& dialect);

// A time in `text` as `format` reads it, appended to `out`. Returns why it is bad, or an empty
// text.
std::string ConvertTime(const TimeFormat& format, const std::string& column, std::string_view text,
                        std::string* out);
// Why it is bad, where `format` cannot read it.
std::string NoTime(const TimeFormat& format, const std::string& column, std::string_view text);

}  // namespace millrace::cli
