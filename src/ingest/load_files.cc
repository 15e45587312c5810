// The main thread reads: it splits files into records, gathers records into batches and pushes
// these to the pool, whose threads send them. A batch has consecutive rows of one file, so that the
// server's line number can be mapped back to the file; it ends at batch_rows or at kBatchBytes.
//
// Memory: (2 x jobs + 1) batches, one more for each connection in binary form (seven times as large
// if all fields are short numbers), and the reader's buffer of at most two records.
#include "ingest/load_files.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <memory>
#include <set>

#include "client/error.h"
#include "client/output.h"
#include "ingest/batch_loader.h"
#include "ingest/byte_source.h"
#include "ingest/entry_points.h"
#include "ingest/file_columns.h"
#include "ingest/file_reader.h"
#include "ingest/input_file.h"
#include "ingest/load_record.h"
#include "ingest/row_times.h"
#include "ingest/stop_signal.h"

namespace millrace::cli {
namespace {

// The number of rows in all files, estimated from the length of the first ones. 0 if a size is
// unknown or a file is packed.
std::int64_t EstimateRows(const std::vector<std::string>& files) {
  std::int64_t total = 0;
  for (const std::string& path : files) {
    const std::int64_t size = FileSize(path);
    if (size < 0) return 0;
    std::vector<char> sample(256 << 10);
    const std::size_t got = InputFile(path).Read(sample.data(), sample.size());
    if (PackingOf({sample.data(), got}, path) != Packing::kNone) return 0;
    const auto lines = std::count(sample.data(), sample.data() + got, '\n');
    if (lines > 0) total += size * lines / static_cast<std::int64_t>(got);
  }
  return total;
}

void CheckInputs(const LoadOptions& options) {
  std::set<std::string> seen;
  for (const std::string& path : options.files) {
    CheckReadable(path);
    if (path == "-" && !seen.insert(path).second) {
      throw CliError("standard input (-) is named twice");
    }
  }
}

// What can be found out before anything is loaded, from the files that can be read twice.
void CheckFiles(const LoadOptions& options, const TargetTable& table) {
  CheckDialect(options.dialect);
  if (!options.columns.empty() && options.format == FileFormat::kJson) {
    throw CliError("--columns is for files without names; JSON has them",
                   "--map FIELD=COLUMN gives a field another name.");
  }
  CheckColumnOptions(options, table);
  TimeFormatsOf(options, table);
  for (const std::string& path : options.files) {
    if (FileSize(path) >= 0) CheckBeginning(path, options, table);
  }
}

// The time zone by the name that the server has for it. Throws CliError if there is none.
std::string ZoneName(Connection& connection, const std::string& zone) {
  if (zone.empty()) return "";
  const auto found = connection.Execute(
      "SELECT name FROM pg_catalog.pg_timezone_names WHERE lower(name) = lower($1)",
      {zone.c_str()});
  if (found.rows() > 0) return std::string(found.Value(0, 0));
  const auto close = connection.Execute(
      "SELECT name FROM pg_catalog.pg_timezone_names WHERE position(lower($1) IN lower(name)) > 0 "
      "AND name !~ '^posix/' ORDER BY length(name), name LIMIT 5",
      {zone.c_str()});
  std::vector<std::string> names;
  names.reserve(static_cast<std::size_t>(close.rows()));
  for (int i = 0; i < close.rows(); ++i) names.emplace_back(close.Value(i, 0));
  throw CliError(fmt::format("--time-zone {}: the server knows no such zone", ShellWord(zone)),
                 names.empty() ? "Write UTC, or a place such as Europe/Berlin."
                               : fmt::format("Did you mean {}?", fmt::join(names, ", ")));
}

// What is loaded, and how to continue.
std::string WhatIsLoaded(const BatchLoader& loader, const LoadRecords& records,
                         const std::string& uncertain = "") {
  std::string text = loader.DescribeLoaded();
  if (!uncertain.empty()) {
    text += fmt::format(
        "\nThe connection was lost while these were committed, look whether they are there: {}",
        uncertain);
  }
  text += "\nNothing else is loaded.";
  if (records.resumable() && loader.any_loaded()) {
    text += fmt::format("\nThe same command with --resume{} goes on from there.",
                        records.again() ? " instead of --again" : "");
  }
  return text;
}

[[noreturn]] void ThrowFailure(const LoadFailure& failure, const BatchLoader& loader,
                               const LoadRecords& records, bool rejecting) {
  std::string way_out = failure.hint;
  if (!way_out.empty()) way_out += "\n";
  way_out += WhatIsLoaded(loader, records, failure.uncertain);
  if (!rejecting && failure.blames_data) {
    way_out += "\n--on-error reject sets bad rows aside and loads the rest.";
  }
  throw CliError(failure.message, way_out);
}

// Everything is loaded. If that cannot be recorded, a load with --resume finds nothing left to
// load.
void NoteComplete(const BatchLoader& loader, std::size_t files, LoadRecords* records) {
  try {
    for (std::size_t file = 0; file < files; ++file) {
      const FileRecord* const record = records->file(file);
      if (record == nullptr || !record->resumable()) continue;
      if (!record->complete()) records->Complete(file, loader.rows_of(file));
    }
  } catch (const CliError& e) {
    fmt::print(stderr, "All is loaded, but that it is could not be written down: {}\n", e.what());
  }
}

}  // namespace

LoadReport LoadFiles(const std::string& conninfo, const LoadOptions& given) {
  InstallStopSignals();
  CheckInputs(given);
  LoadOptions options = given;
  const TargetTable table = [&] {
    Connection connection = Connection::Open(conninfo);
    options.time_zone = ZoneName(connection, given.time_zone);
    return FindTargetTable(connection, QualifiedName::Parse(options.table));
  }();
  CheckFiles(options, table);
  std::unique_ptr<RejectsFile> rejects;
  if (options.reject) rejects = std::make_unique<RejectsFile>(options.rejects_file);

  std::vector<std::string> names;
  for (const std::string& path : options.files) names.push_back(InputName(path));
  const EntryPoints entry_points = FindEntryPoints(conninfo, table.name, options.quiet);
  LoadRecords records(entry_points.servers, table, options.files, options.loaded_before);
  BatchLoader loader(table, names, records, rejects.get());
  LoadReport report;
  for (std::size_t file = 0; file < names.size(); ++file) report.already += loader.rows_of(file);
  Progress progress("load", "rows", EstimateRows(options.files), options.quiet);
  CopyPool pool(
      entry_points.servers, options.jobs,
      [&](CopySender& sender, CopyBatch& batch) { return loader.Load(sender, batch); },
      [&] {
        progress.Update(loader.loaded_rows());
        return !StopRequested();
      });

  RowTimes times(conninfo, table, options.time_zone, options.quiet);
  FileReader reader(options, options.batch_rows.value_or(entry_points.batch_rows), table, records,
                    times, loader, pool);
  try {
    bool go_on = true;
    for (std::size_t file = 0; go_on && file < names.size(); ++file) go_on = reader.Check(file);
    for (std::size_t file = 0; go_on && file < names.size(); ++file) go_on = reader.Read(file);
    pool.Finish();
  } catch (const CliError& e) {
    pool.Stop();
    pool.Finish();
    throw CliError(e.what(), fmt::format("{}{}{}", e.way_out(), e.way_out().empty() ? "" : "\n",
                                         WhatIsLoaded(loader, records)));
  }
  progress.Finish(loader.loaded_rows());
  if (rejects != nullptr) rejects->Sync();
  if (const auto failure = loader.failure()) {
    ThrowFailure(*failure, loader, records, options.reject);
  }
  if (StopRequested()) {
    throw CliError("stopped by a signal", WhatIsLoaded(loader, records), StopExitCode());
  }
  NoteComplete(loader, names.size(), &records);
  report.loaded = loader.loaded_rows();
  report.rejected = rejects == nullptr ? 0 : rejects->count();
  report.times_without_zone = times.without_zone();
  report.session_zone = times.session_zone();
  report.unknown_fields.assign(reader.unknown_fields().begin(), reader.unknown_fields().end());
  report.names_not_found = reader.names_not_found();
  return report;
}

}  // namespace millrace::cli
