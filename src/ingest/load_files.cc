// The main thread reads: it splits files into records, gathers records into batches and pushes
// these to the pool, whose threads send them. A batch has consecutive rows of one file, so that the
// server's line number can be mapped back to the file; it ends at batch_rows or at kBatchBytes.
//
// Memory: (2 x jobs + 1) batches, and the reader's buffer of at most two records.
#include "ingest/load_files.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <set>

#include "client/error.h"
#include "client/output.h"
#include "ingest/batch_loader.h"
#include "ingest/csv.h"
#include "ingest/entry_points.h"
#include "ingest/input_file.h"
#include "ingest/load_record.h"
#include "ingest/row_times.h"
#include "ingest/stop_signal.h"
#include "ingest/workload/clickstream.h"

namespace millrace::cli {
namespace {

constexpr std::size_t kBatchBytes = 32 << 20;

// The number of rows in all files, estimated from the length of the first ones. 0 if a size is
// unknown.
std::int64_t EstimateRows(const std::vector<std::string>& files) {
  std::int64_t total = 0;
  for (const std::string& path : files) {
    const std::int64_t size = FileSize(path);
    if (size < 0) return 0;
    std::vector<char> sample(256 << 10);
    const std::size_t got = InputFile(path).Read(sample.data(), sample.size());
    const auto lines = std::count(sample.data(), sample.data() + got, '\n');
    if (lines > 0) total += size * lines / static_cast<std::int64_t>(got);
  }
  return total;
}

struct FileColumns {
  std::vector<std::string> names;
  bool header = false;  // the record is a header
};

[[noreturn]] void RefuseIds(const TargetTable& table, const std::string& where) {
  if (table.id_followers.empty()) {
    throw CliError(
        fmt::format("{}: column {} is GENERATED ALWAYS: its values are the server's to draw", where,
                    table.id_column),
        "--ignore-ids leaves the column out, and ids are drawn anew; --keep-ids loads them as "
        "they are.");
  }
  throw CliError(
      fmt::format(
          "{}: column {} brings ids along, and {} follows those that the server draws: events "
          "with others may never be counted",
          where, table.id_column, table.id_followers),
      "--ignore-ids leaves the column out, and ids are drawn anew; --keep-ids loads them as they "
      "are, "
      "and then the rollups must be made anew.");
}

// The columns of a file, from its first record. Throws CliError, also for ids that are refused.
FileColumns ColumnsOf(const LoadOptions& options, const TargetTable& table, const std::string& path,
                      const CsvRecord& record) {
  const std::string where = fmt::format("{}:{}", InputName(path), record.first_line);
  const std::vector<CsvField> fields = SplitCsvRecord(record.text);
  std::vector<std::string> names;
  std::size_t matches = 0;
  for (const CsvField& field : fields) {
    names.push_back(field.value);
    matches += table.Match(field.value).empty() ? 0 : 1;
  }
  FileColumns found;
  found.header = options.header == HeaderMode::kYes;
  if (options.header == HeaderMode::kAuto && matches > 0) {
    found.header = matches == fields.size();
    if (!found.header && 2 * matches >= fields.size() && options.columns.empty()) {
      // If only some names match, it is more likely a misspelt header than data.
      table.MatchAll(names, where);
    }
  }
  if (!options.columns.empty()) {
    found.names = table.MatchAll(options.columns, "--columns");
  } else if (found.header) {
    found.names = table.MatchAll(names, where);
  } else {
    std::vector<std::string> columns = ClickEventColumns();
    if (fields.size() == columns.size() + 1) columns.insert(columns.begin(), "event_id");
    found.names = table.MatchAll(columns, where + " (no header)");
  }
  const bool ids =
      std::find(found.names.begin(), found.names.end(), table.id_column) != found.names.end();
  if (ids && options.ids == IdMode::kRefuse) RefuseIds(table, where);
  return found;
}

// Turns the inputs into batches.
class FileReader {
 public:
  FileReader(const LoadOptions& options, std::int64_t batch_rows, const TargetTable& table,
             const LoadRecords& records, RowTimes& times, BatchLoader& loader, CopyPool& pool)
      : options_(options),
        batch_rows_(batch_rows),
        table_(table),
        records_(records),
        times_(times),
        loader_(loader),
        pool_(pool) {}

  // Compares the file with what is recorded of it. Throws CliError if they differ; returns false if
  // the load has stopped.
  bool Check(std::size_t file) {
    record_ = records_.file(file);
    if (record_ == nullptr || record_->complete() || record_->ranges().empty()) return true;
    checking_ = true;
    checked_ = 0;
    const bool good = ReadRows(file);
    checking_ = false;
    if (good && checked_ < record_->ranges().size()) {
      RefuseChanged(record_->ranges()[checked_]);
    }
    return good;
  }

  // Reads one file to its end and pushes its batches, without the rows that are recorded. Returns
  // false if the load has stopped.
  bool Read(std::size_t file) {
    record_ = records_.file(file);
    return (record_ != nullptr && record_->complete()) || ReadRows(file);
  }

 private:
  bool ReadRows(std::size_t file) {
    InputFile input(options_.files[file]);
    CsvReader reader([&](char* buffer, std::size_t size) { return input.Read(buffer, size); },
                     options_.max_record_bytes);
    batch_ = CopyBatch{file, nullptr, pool_.SpareBuffer(), 1, 0, 1};
    CsvRecord record;
    bool first = true;
    while (true) {
      const CsvReader::Outcome outcome = reader.Next(&record);
      if (StopRequested()) return false;  // the record may be cut short
      if (checking_ && checked_ == record_->ranges().size()) return true;
      if (outcome == CsvReader::Outcome::kEnd) return checking_ || Flush();
      if (outcome != CsvReader::Outcome::kRecord) {
        if (!Skip(reader, outcome, record)) return false;
        continue;
      }
      if (first) {
        first = false;
        if (TakeHeader(record)) continue;
      }
      if (!Append(record)) return false;
    }
  }

  // Finds out the file's columns from its first record. True if that is a header.
  bool TakeHeader(const CsvRecord& record) {
    const FileColumns found = ColumnsOf(options_, table_, options_.files[batch_.file], record);
    std::vector<std::string> columns = found.names;
    id_field_ = std::find(columns.begin(), columns.end(), table_.id_column) - columns.begin();
    drops_id_ = options_.ids == IdMode::kIgnore && id_field_ < columns.size();
    if (options_.ids == IdMode::kKeep && id_field_ < columns.size()) SayKeepsIds();
    if (drops_id_) columns.erase(columns.begin() + static_cast<std::ptrdiff_t>(id_field_));
    times_.SetColumns(columns);
    batch_.columns = std::make_shared<const std::vector<std::string>>(std::move(columns));
    if (found.header) batch_.first_line = record.last_line + 1;
    return found.header;
  }

  void SayKeepsIds() {
    if (said_keeps_ids_) return;
    said_keeps_ids_ = true;
    const std::string table = table_.name.Quoted();
    fmt::print(stderr,
               "Ids are loaded as they are. Afterwards, let the server draw others than these:\n"
               "  SELECT setval(pg_get_serial_sequence('{}', '{}'), max({})) FROM {};\n",
               table, table_.id_column, QuoteIdentifier(table_.id_column), table);
    if (table_.id_followers.empty()) return;
    fmt::print(stderr,
               "and then make the rollups over it anew ({}), by millrace.rebuild_rollup or the "
               "workshop's restart_rollup.\n",
               table_.id_followers);
  }

  bool Append(const CsvRecord& record) {
    const RecordedRange* const range =
        record_ == nullptr ? nullptr : record_->Find(batch_.first_row + batch_.rows);
    if ((range != nullptr) != checking_) return PassOver(record.last_line);
    std::string_view head = record.text, tail;
    if (drops_id_) {
      const CsvFieldRange id = FindCsvField(record.text, id_field_);
      if (!id.found) {
        return SkipRow(record, fmt::format("missing data for column \"{}\"", table_.id_column));
      }
      if (record.text.substr(id.begin, id.end - id.begin).find('\n') != std::string_view::npos) {
        // Such an id would be removed with its line ends, and then the lines of the next rows would
        // be counted wrong.
        return SkipRow(record, fmt::format("a line end in column {}", table_.id_column));
      }
      // With one comma: the one after it, or the one before if it is the last field.
      const bool last = id.end == record.text.size();
      head = record.text.substr(0, last && id.begin > 0 ? id.begin - 1 : id.begin);
      tail = record.text.substr(last ? id.end : id.end + 1);
    }
    const std::size_t begin = batch_.data.size();
    batch_.data += head;
    batch_.data += tail;
    const std::string_view sent = std::string_view(batch_.data).substr(begin);
    if (!checking_) times_.Add(sent);
    if (sent == "\\.") {
      // PostgreSQL before 18 takes a line of \. for the end of the data, and drops the rest without
      // an error. In quotes it is the same value, and does not end anything.
      batch_.data.replace(begin, 2, "\"\\.\"");
    }
    batch_.data += '\n';
    ++batch_.rows;
    last_line_ = record.last_line;
    if (checking_) {
      if (batch_.first_row + batch_.rows == range->first_row + range->rows) CompareWith(*range);
      return true;
    }
    if (batch_.rows < batch_rows_ && batch_.data.size() < kBatchBytes) return true;
    return Flush();
  }

  // Rejects a row that cannot be sent. The rows gathered before it are sent.
  bool SkipRow(const CsvRecord& record, const std::string& reason) {
    return SkipText(std::string(record.text), record.first_line, record.last_line, reason);
  }

  // Rejects a record that cannot be sent. If the load stops at bad records, those gathered with it
  // are not sent either.
  bool Skip(CsvReader& reader, CsvReader::Outcome outcome, const CsvRecord& record) {
    std::string reason = "a quote is opened and never closed";
    std::int64_t last_line = record.last_line;
    if (outcome == CsvReader::Outcome::kTooLong) {
      reason = fmt::format("longer than {} bytes (--max-record-bytes); a quote left open?",
                           options_.max_record_bytes);
    }
    const std::string text(record.text);  // skipping reuses the reader's memory
    if ((options_.reject || checking_) && outcome == CsvReader::Outcome::kTooLong) {
      last_line = reader.SkipRecord();
      if (StopRequested()) return false;
    }
    return SkipText(text, record.first_line, last_line, reason);
  }

  bool SkipText(const std::string& text, std::int64_t first_line, std::int64_t last_line,
                const std::string& reason) {
    if (checking_) return PassOver(last_line);
    const std::int64_t row = batch_.first_row + batch_.rows;
    if (!loader_.Refuse(batch_.file, row, first_line, reason, text)) return false;
    if (!Flush()) return false;
    batch_.first_row = row + 1;
    batch_.first_line = last_line + 1;
    return true;
  }

  // Leaves out a row: one that is loaded already, or while we check, one that is not.
  bool PassOver(std::int64_t last_line) {
    const std::int64_t row = batch_.first_row + batch_.rows;
    if (!checking_ && !Flush()) return false;
    BeginBatch(row + 1, last_line + 1);
    return true;
  }

  void BeginBatch(std::int64_t first_row, std::int64_t first_line) {
    batch_.data.clear();
    batch_.rows = 0;
    batch_.first_row = first_row;
    batch_.first_line = first_line;
  }

  // Compares the gathered rows with a recorded range, and drops them.
  void CompareWith(const RecordedRange& range) {
    if (batch_.first_row != range.first_row ||
        HashOfRows(*batch_.columns, batch_.data) != range.hash) {
      RefuseChanged(range);
    }
    ++checked_;
    BeginBatch(batch_.first_row + batch_.rows, last_line_ + 1);
  }

  [[noreturn]] void RefuseChanged(const RecordedRange& range) const {
    throw CliError(
        fmt::format("{}: rows {}-{} (lines {}-{}) are not what was loaded from there",
                    InputName(options_.files[batch_.file]), range.first_row,
                    range.first_row + range.rows - 1, range.first_line, range.last_line),
        "The file has changed, or --columns, --header, --ignore-ids or --keep-ids are not those of "
        "the load before.");
  }

  // Pushes the gathered rows and begins the next batch after them.
  bool Flush() {
    if (batch_.rows == 0) return true;
    times_.MakePartitions();
    CopyBatch next = {
        batch_.file, batch_.columns, pool_.SpareBuffer(), batch_.first_row + batch_.rows,
        0,           last_line_ + 1};
    std::swap(batch_, next);
    return pool_.Push(std::move(next));
  }

  const LoadOptions& options_;
  const std::int64_t batch_rows_;
  const TargetTable& table_;
  const LoadRecords& records_;
  RowTimes& times_;
  BatchLoader& loader_;
  CopyPool& pool_;
  CopyBatch batch_;
  std::int64_t last_line_ = 0;  // of the last record gathered
  std::size_t id_field_ = 0;
  bool drops_id_ = false;
  bool said_keeps_ids_ = false;
  const FileRecord* record_ = nullptr;  // of the file that is read
  bool checking_ = false;               // compare only, send nothing
  std::size_t checked_ = 0;             // ranges that were found in the file unchanged
};

void CheckInputs(const LoadOptions& options) {
  std::set<std::string> seen;
  for (const std::string& path : options.files) {
    CheckReadable(path);
    if (path == "-" && !seen.insert(path).second) {
      throw CliError("standard input (-) is named twice");
    }
  }
}

// Finds ids that are refused before anything is loaded, in the files that can be read twice.
void CheckIds(const LoadOptions& options, const TargetTable& table) {
  if (table.id_column.empty() || options.ids != IdMode::kRefuse) return;
  for (const std::string& path : options.files) {
    if (FileSize(path) < 0) continue;
    InputFile input(path);
    CsvReader reader([&](char* buffer, std::size_t size) { return input.Read(buffer, size); },
                     options.max_record_bytes);
    CsvRecord record;
    if (reader.Next(&record) != CsvReader::Outcome::kRecord) continue;
    bool ids = false;
    try {
      LoadOptions keeping = options;
      keeping.ids = IdMode::kKeep;
      const FileColumns found = ColumnsOf(keeping, table, path, record);
      ids = std::find(found.names.begin(), found.names.end(), table.id_column) != found.names.end();
    } catch (const CliError&) {
      // The error is reported when it is this file's turn.
    }
    if (ids) RefuseIds(table, fmt::format("{}:{}", InputName(path), record.first_line));
  }
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
  if (records.any()) text += "\nThe same command with --resume goes on from there.";
  return text;
}

[[noreturn]] void ThrowFailure(const LoadFailure& failure, const BatchLoader& loader,
                               const LoadRecords& records, bool rejecting) {
  std::string way_out = WhatIsLoaded(loader, records, failure.uncertain);
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
      if (record != nullptr && !record->complete()) records->Complete(file, loader.rows_of(file));
    }
  } catch (const CliError& e) {
    fmt::print(stderr, "All is loaded, but that it is could not be written down: {}\n", e.what());
  }
}

}  // namespace

LoadReport LoadFiles(const std::string& conninfo, const LoadOptions& options) {
  InstallStopSignals();
  CheckInputs(options);
  const TargetTable table = [&] {
    Connection connection = Connection::Open(conninfo);
    return FindTargetTable(connection, QualifiedName::Parse(options.table));
  }();
  if (!options.columns.empty()) table.MatchAll(options.columns, "--columns");
  CheckIds(options, table);
  std::unique_ptr<RejectsFile> rejects;
  if (options.reject) rejects = std::make_unique<RejectsFile>(options.rejects_file);

  std::vector<std::string> names;
  for (const std::string& path : options.files) names.push_back(InputName(path));
  const EntryPoints entry_points = FindEntryPoints(conninfo, table.name, options.quiet);
  LoadRecords records(entry_points.servers, table, options.files, options.resume);
  BatchLoader loader(table, names, records, rejects.get());
  std::int64_t already = 0;
  for (std::size_t file = 0; file < names.size(); ++file) already += loader.rows_of(file);
  Progress progress("load", "rows", EstimateRows(options.files), options.quiet);
  CopyPool pool(
      entry_points.servers, options.jobs,
      [&](CopySender& sender, CopyBatch& batch) { return loader.Load(sender, batch); },
      [&] {
        progress.Update(loader.loaded_rows());
        return !StopRequested();
      });

  RowTimes times(conninfo, table.name, options.quiet);
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
  return {loader.loaded_rows(), already, rejects == nullptr ? 0 : rejects->count()};
}

}  // namespace millrace::cli
