#include "ingest/file_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "client/error.h"
#include "ingest/file_columns.h"
#include "ingest/input_file.h"
#include "ingest/sniff.h"
#include "ingest/stop_signal.h"

namespace millrace::cli {
namespace {

constexpr std::size_t kBatchBytes = 32 << 20;
// As much as a JSON line has before its brace: a byte order mark and a few blanks.
constexpr std::size_t kPeekBytes = 16;

bool IsBlank(std::string_view text) {
  return text.find_first_not_of(" \t\r") == std::string_view::npos;
}

}  // namespace

OpenedInput OpenInput(const std::string& path, const LoadOptions& options) {
  ByteSource source = OpenText(path, options.dialect.encoding);
  OpenedInput input;
  Dialect dialect = options.dialect;
  input.json = options.format == FileFormat::kJson;
  if (options.format == FileFormat::kAuto) input.json = LooksLikeJson(Peek(&source, kPeekBytes));
  // A line is a record, whatever is in it.
  if (input.json) dialect.quote = '\0';
  input.records = std::make_unique<CsvReader>(std::move(source), options.max_record_bytes, dialect);
  input.records->SkipLines(options.skip_lines);
  return input;
}

void CheckBeginning(const std::string& path, const LoadOptions& options, const TargetTable& table) {
  const OpenedInput input = OpenInput(path, options);
  CsvRecord record;
  if (input.records->Next(&record) != CsvReader::Outcome::kRecord) return;
  const std::string where = fmt::format("{}:{}", InputName(path), record.first_line);
  if (!input.json) {
    FindFileColumns(options, table, where, record.text);
    return;
  }
  JsonWriter writer(options, table);
  if (writer.Take(record.text).empty() && writer.has_refused_id()) RefuseIds(table, where);
}

bool FileReader::Check(std::size_t file) {
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

bool FileReader::Read(std::size_t file) {
  record_ = records_.file(file);
  return (record_ != nullptr && record_->complete()) || ReadRows(file);
}

bool FileReader::ReadRows(std::size_t file) {
  const OpenedInput input = OpenInput(options_.files[file], options_);
  CsvReader& reader = *input.records;
  batch_ = CopyBatch{file, nullptr, pool_.SpareBuffer(), 1, 0, options_.skip_lines + 1};
  batch_.data.clear();
  writer_.reset();
  json_ = nullptr;
  if (input.json) {
    auto writer = std::make_unique<JsonWriter>(options_, table_);
    json_ = writer.get();
    writer_ = std::move(writer);
  }
  CsvRecord record;
  while (true) {
    const CsvReader::Outcome outcome = reader.Next(&record);
    if (StopRequested()) return false;  // the record may be cut short
    if (checking_ && checked_ == record_->ranges().size()) return true;
    if (outcome == CsvReader::Outcome::kEnd) {
      if (json_ != nullptr) KeepNames(*json_);
      return checking_ || Flush();
    }
    if (outcome != CsvReader::Outcome::kRecord) {
      if (!Skip(reader, outcome, record)) return false;
      continue;
    }
    if (json_ != nullptr && IsBlank(record.text)) continue;
    if (writer_ == nullptr && TakeHeader(record)) continue;
    if (!Append(record)) return false;
  }
}

// Finds out the columns of a CSV file from its first record. True if that is a header.
bool FileReader::TakeHeader(const CsvRecord& record) {
  const std::string where =
      fmt::format("{}:{}", InputName(options_.files[batch_.file]), record.first_line);
  const FileColumns found = FindFileColumns(options_, table_, where, record.text);
  writer_ = MakeCsvWriter(options_, table_, found.names);
  if (found.header) batch_.first_line = record.last_line + 1;
  return found.header;
}

void FileReader::SayKeepsIds() {
  if (said_keeps_ids_) return;
  said_keeps_ids_ = true;
  const std::string table = table_.name.Quoted();
  fmt::print(stderr,
             "Ids are loaded as they are. Afterwards, let the server draw others than these:\n"
             "  SELECT setval(pg_get_serial_sequence({}, {}), max({})) FROM {};\n",
             SqlText(table), SqlText(table_.id_column), QuoteIdentifier(table_.id_column), table);
  if (table_.id_followers.empty()) return;
  fmt::print(stderr,
             "and then make the rollups over it anew ({}), by millrace.rebuild_rollup or the "
             "workshop's restart_rollup.\n",
             table_.id_followers);
}

// Before the first record of a batch, or of another format than those before it.
bool FileReader::StartFormat() {
  if (batch_.rows > 0) {
    if (checking_) RefuseChanged(record_->ranges()[checked_]);
    if (!Flush()) return false;
  }
  batch_.format = writer_->format();
  times_.SetFormat(*batch_.format);
  const std::vector<std::string>& columns = batch_.format->columns;
  if (options_.ids == IdMode::kKeep && !table_.id_column.empty() &&
      std::find(columns.begin(), columns.end(), table_.id_column) != columns.end()) {
    SayKeepsIds();
  }
  return true;
}

bool FileReader::Append(const CsvRecord& record) {
  const RecordedRange* const range =
      record_ == nullptr ? nullptr : record_->Find(batch_.first_row + batch_.rows);
  if ((range != nullptr) != checking_) return PassOver(record.last_line);
  const std::string reason = writer_->Take(record.text);
  if (!reason.empty()) return SkipRow(record, reason);
  if (json_ != nullptr && json_->has_refused_id()) {
    RefuseIds(table_,
              fmt::format("{}:{}", InputName(options_.files[batch_.file]), record.first_line));
  }
  if (writer_->format() != batch_.format && !StartFormat()) return false;
  if (batch_.rows == 0) batch_.first_line = record.first_line;
  const std::size_t begin = batch_.data.size();
  writer_->Append(&batch_.data);
  const std::string_view sent = std::string_view(batch_.data).substr(begin);
  if (!checking_) times_.Add(sent);
  if (sent == "\\.") {
    // PostgreSQL before 18 takes a line of \. for the end of the data, and drops the rest without
    // an error. In quotes it is the same value, and does not end anything.
    batch_.data.replace(begin, 2, QuoteCsvField("\\.", batch_.format->dialect.quote));
  }
  batch_.data += '\n';
  if (writer_->changes_lines()) {
    batch_.row_lines.push_back(record.first_line);
    if (options_.reject) {
      batch_.originals += record.text;
      batch_.original_ends.push_back(batch_.originals.size());
    }
  }
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
bool FileReader::SkipRow(const CsvRecord& record, const std::string& reason) {
  return SkipText(std::string(record.text), record.first_line, record.last_line, reason);
}

// Rejects a record that cannot be sent. If the load stops at bad records, those gathered with it
// are not sent either.
bool FileReader::Skip(CsvReader& reader, CsvReader::Outcome outcome, const CsvRecord& record) {
  std::string reason = "a quote is opened and never closed; --quote none if quotes are text";
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

bool FileReader::SkipText(const std::string& text, std::int64_t first_line, std::int64_t last_line,
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
bool FileReader::PassOver(std::int64_t last_line) {
  const std::int64_t row = batch_.first_row + batch_.rows;
  if (!checking_ && !Flush()) return false;
  BeginBatch(row + 1, last_line + 1);
  return true;
}

void FileReader::BeginBatch(std::int64_t first_row, std::int64_t first_line) {
  batch_.data.clear();
  batch_.row_lines.clear();
  batch_.originals.clear();
  batch_.original_ends.clear();
  batch_.rows = 0;
  batch_.first_row = first_row;
  batch_.first_line = first_line;
}

// Compares the gathered rows with a recorded range, and drops them.
void FileReader::CompareWith(const RecordedRange& range) {
  if (batch_.first_row != range.first_row ||
      HashOfRows(*batch_.format, batch_.data) != range.hash) {
    RefuseChanged(range);
  }
  ++checked_;
  BeginBatch(batch_.first_row + batch_.rows, last_line_ + 1);
}

void FileReader::RefuseChanged(const RecordedRange& range) const {
  throw CliError(
      fmt::format("{}: rows {}-{} (lines {}-{}) are not what was loaded from there",
                  InputName(options_.files[batch_.file]), range.first_row,
                  range.first_row + range.rows - 1, range.first_line, range.last_line),
      "The file has changed, or options that say how it is read and into which columns are not "
      "those of the load before. --again loads all of it, rows that are in once more.");
}

// Pushes the gathered rows and begins the next batch after them.
bool FileReader::Flush() {
  if (batch_.rows == 0) return true;
  if (!batch_.row_lines.empty()) batch_.row_lines.push_back(last_line_ + 1);
  if (record_ != nullptr && !record_->resumable()) {
    batch_.fingerprint =
        record_->BatchFingerprint(batch_.first_row, HashOfRows(*batch_.format, batch_.data));
    records_.CheckBatch(
        batch_.fingerprint, batch_.first_row == 1,
        fmt::format("{} rows {}-{} (lines {}-{})", InputName(options_.files[batch_.file]),
                    batch_.first_row, batch_.first_row + batch_.rows - 1, batch_.first_line,
                    last_line_));
  }
  times_.MakePartitions();
  CopyBatch next = {batch_.file, batch_.format, pool_.SpareBuffer(), batch_.first_row + batch_.rows,
                    0,           last_line_ + 1};
  std::swap(batch_, next);
  return pool_.Push(std::move(next));
}

void FileReader::KeepNames(const JsonWriter& writer) {
  unknown_.insert(writer.unknown().begin(), writer.unknown().end());
  const std::vector<std::string> missing = writer.NamesNotFound();
  const std::set<std::string> now(missing.begin(), missing.end());
  if (!std::exchange(any_json_, true)) {
    not_found_ = now;
    return;
  }
  std::set<std::string> both;
  std::set_intersection(not_found_.begin(), not_found_.end(), now.begin(), now.end(),
                        std::inserter(both, both.end()));
  not_found_ = std::move(both);
}

std::vector<std::string> FileReader::names_not_found() const {
  return {not_found_.begin(), not_found_.end()};
}

}  // namespace millrace::cli
