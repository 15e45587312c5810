// The main thread reads: it cuts files into records, gathers records into batches and pushes those
// to the pool, whose threads send them. A batch holds rows of one file, consecutive in it, so that
// a line number of the server's can be mapped back; it ends at batch_rows or at kBatchBytes.
//
// Memory: (2 x jobs + 1) batches, and the reader's buffer of at most two records.
#include "cli/loader/load_files.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <set>

#include "cli/error.h"
#include "cli/loader/batch_loader.h"
#include "cli/loader/entry_points.h"
#include "cli/loader/input_file.h"
#include "cli/loader/stop_signal.h"
#include "cli/output.h"
#include "core/workload/clickstream.h"

namespace millrace::cli {
namespace {

constexpr std::size_t kBatchBytes = 32 << 20;

// Rows in all files, guessed from how long the first ones are. 0 when a size is unknown.
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

// Turns the inputs into batches.
class FileReader {
 public:
  FileReader(const LoadOptions& options, std::int64_t batch_rows, const TargetTable& table,
             BatchLoader& loader, CopyPool& pool)
      : options_(options), batch_rows_(batch_rows), table_(table), loader_(loader), pool_(pool) {}

  // Reads one file to its end and pushes its batches. False when the load has stopped.
  bool Read(std::size_t file) {
    InputFile input(options_.files[file]);
    CsvReader reader([&](char* buffer, std::size_t size) { return input.Read(buffer, size); },
                     options_.max_record_bytes);
    batch_ = CopyBatch{file, nullptr, pool_.SpareBuffer(), 1, 0, 1};
    CsvRecord record;
    bool first = true;
    while (true) {
      const CsvReader::Outcome outcome = reader.Next(&record);
      if (StopRequested()) return false;  // the record may be cut short
      if (outcome == CsvReader::Outcome::kEnd) return Flush();
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

 private:
  // Settles the file's columns by its first record. True when that is a header.
  bool TakeHeader(const CsvRecord& record) {
    const std::string where =
        fmt::format("{}:{}", InputName(options_.files[batch_.file]), record.first_line);
    const std::vector<CsvField> fields = SplitCsvRecord(record.text);
    std::vector<std::string> names;
    std::size_t matches = 0;
    for (const CsvField& field : fields) {
      names.push_back(field.value);
      matches += table_.Match(field.value).empty() ? 0 : 1;
    }
    bool header = options_.header == HeaderMode::kYes;
    if (options_.header == HeaderMode::kAuto && matches > 0) {
      header = matches == fields.size();
      if (!header && 2 * matches >= fields.size() && options_.columns.empty()) {
        // Half a header is more likely a misspelt one than data.
        table_.MatchAll(names, where);
      }
    }
    std::vector<std::string> columns;
    if (!options_.columns.empty()) {
      columns = table_.MatchAll(options_.columns, "--columns");
    } else if (header) {
      columns = table_.MatchAll(names, where);
    } else {
      columns = ClickEventColumns();
      if (fields.size() == columns.size() + 1) columns.insert(columns.begin(), "event_id");
      columns = table_.MatchAll(columns, where + " (no header)");
    }
    batch_.columns = std::make_shared<const std::vector<std::string>>(std::move(columns));
    if (header) batch_.first_line = record.last_line + 1;
    return header;
  }

  bool Append(const CsvRecord& record) {
    // PostgreSQL 15 takes a line of \. for the end of all data, and drops the rest without a word.
    // In quotes it is the same value, and no end.
    if (record.text == "\\.") {
      batch_.data += "\"\\.\"";
    } else {
      batch_.data += record.text;
    }
    batch_.data += '\n';
    ++batch_.rows;
    last_line_ = record.last_line;
    if (batch_.rows < batch_rows_ && batch_.data.size() < kBatchBytes) return true;
    return Flush();
  }

  // A record that is never sent. In a load that stops at it, so are those gathered with it.
  bool Skip(CsvReader& reader, CsvReader::Outcome outcome, const CsvRecord& record) {
    std::string reason = "a quote is opened and never closed";
    std::int64_t last_line = record.last_line;
    if (outcome == CsvReader::Outcome::kTooLong) {
      reason = fmt::format("longer than {} bytes (--max-record-bytes); a quote left open?",
                           options_.max_record_bytes);
    }
    const std::string text(record.text);  // skipping reuses the reader's memory
    if (options_.reject && outcome == CsvReader::Outcome::kTooLong) {
      last_line = reader.SkipRecord();
      if (StopRequested()) return false;
    }
    const std::int64_t row = batch_.first_row + batch_.rows;
    if (!loader_.Refuse(batch_.file, row, record.first_line, reason, text)) return false;
    if (!Flush()) return false;
    batch_.first_row = row + 1;
    batch_.first_line = last_line + 1;
    return true;
  }

  // Pushes what was gathered and begins the next batch behind it.
  bool Flush() {
    if (batch_.rows == 0) return true;
    CopyBatch next = {
        batch_.file, batch_.columns, pool_.SpareBuffer(), batch_.first_row + batch_.rows,
        0,           last_line_ + 1};
    std::swap(batch_, next);
    return pool_.Push(std::move(next));
  }

  const LoadOptions& options_;
  const std::int64_t batch_rows_;
  const TargetTable& table_;
  BatchLoader& loader_;
  CopyPool& pool_;
  CopyBatch batch_;
  std::int64_t last_line_ = 0;  // of the last record gathered
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

[[noreturn]] void ThrowFailure(const LoadFailure& failure, const BatchLoader& loader,
                               bool rejecting) {
  std::string way_out = loader.DescribeLoaded();
  if (failure.uncertain.empty()) {
    way_out += "\nNothing else is loaded.";
  } else {
    way_out += fmt::format(
        "\nThe connection was lost while these were committed, look whether they are there: {}"
        "\nNothing else is loaded.",
        failure.uncertain);
  }
  if (!rejecting && failure.blames_data) {
    way_out += "\n--on-error reject sets bad rows aside and loads the rest.";
  }
  throw CliError(failure.message, way_out);
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
  std::unique_ptr<RejectsFile> rejects;
  if (options.reject) rejects = std::make_unique<RejectsFile>(options.rejects_file);

  std::vector<std::string> names;
  for (const std::string& path : options.files) names.push_back(InputName(path));
  BatchLoader loader(table, names, rejects.get());
  Progress progress("load", "rows", EstimateRows(options.files), options.quiet);
  const EntryPoints entry_points = FindEntryPoints(conninfo, table.name, options.quiet);
  CopyPool pool(
      entry_points.servers, options.jobs,
      [&](CopySender& sender, CopyBatch& batch) { return loader.Load(sender, batch); },
      [&] {
        progress.Update(loader.loaded_rows());
        return !StopRequested();
      });

  FileReader reader(options, options.batch_rows.value_or(entry_points.batch_rows), table, loader,
                    pool);
  try {
    for (std::size_t file = 0; file < options.files.size(); ++file) {
      if (!reader.Read(file)) break;
    }
    pool.Finish();
  } catch (const CliError& e) {
    pool.Stop();
    pool.Finish();
    throw CliError(e.what(), fmt::format("{}{}{}", e.way_out(), e.way_out().empty() ? "" : "\n",
                                         loader.DescribeLoaded() + "\nNothing else is loaded."));
  }
  progress.Finish(loader.loaded_rows());
  if (rejects != nullptr) rejects->Sync();
  if (const auto failure = loader.failure()) ThrowFailure(*failure, loader, options.reject);
  if (StopRequested()) {
    throw CliError("stopped by a signal", loader.DescribeLoaded() + "\nNothing else is loaded.",
                   StopExitCode());
  }
  return {loader.loaded_rows(), rejects == nullptr ? 0 : rejects->count()};
}

}  // namespace millrace::cli
