#include "ingest/batch_loader.h"

#include <fmt/format.h>

#include <algorithm>

#include "ingest/csv.h"
#include "ingest/load_hints.h"

namespace millrace::cli {
namespace {

// After a bad record, at least so many are tried together again.
constexpr std::int64_t kSmallestWindow = 64;

}  // namespace

BatchLoader::BatchLoader(TargetTable table, std::vector<std::string> names,
                         const LoadRecords& records, RejectsFile* rejects)
    : table_(std::move(table)),
      names_(std::move(names)),
      records_(records),
      rejects_(rejects),
      loaded_(names_.size()) {
  for (std::size_t i = 0; i < names_.size(); ++i) {
    if (records.file(i) == nullptr) continue;
    for (const RecordedRange& range : records.file(i)->ranges()) {
      loaded_[i].Add(range.first_row, range.rows, range.first_line, range.last_line);
    }
  }
}

std::int64_t BatchLoader::rows_of(std::size_t file) const {
  const std::lock_guard lock(mutex_);
  return loaded_[file].rows();
}

bool BatchLoader::any_loaded() const {
  const std::lock_guard lock(mutex_);
  return std::any_of(loaded_.begin(), loaded_.end(),
                     [](const LoadedRanges& ranges) { return ranges.rows() > 0; });
}

CopyResult BatchLoader::Send(CopySender& sender, const CopyBatch& batch, const Slice& slice) {
  const FileRecord* const file = records_.file(batch.file);
  if (file == nullptr) {
    return sender.Send(table_, *batch.format, slice.records, slice.rows, nullptr);
  }
  const RecordStatement record =
      file->Statement({slice.first_row, slice.rows, slice.first_line, LastLine(batch, slice),
                       HashOfRows(*batch.format, slice.records)},
                      batch.fingerprint);
  return sender.Send(table_, *batch.format, slice.records, slice.rows, &record);
}

bool BatchLoader::Load(CopySender& sender, const CopyBatch& batch) {
  std::vector<Slice> todo = {{batch.data, batch.first_row, batch.rows, batch.first_line}};
  // Splits `slice` after its first `head` bytes, which hold `rows` records on `lines` lines; the
  // rest is put back on the stack.
  const auto split = [&](Slice& slice, std::size_t head, std::int64_t rows, std::int64_t lines) {
    const Slice rest = {slice.records.substr(head), slice.first_row + rows, slice.rows - rows,
                        LineOf(batch, slice, rows, lines)};
    if (rest.rows > 0) todo.push_back(rest);
    slice.records = slice.records.substr(0, head);
    slice.rows = rows;
  };

  const Dialect& dialect = batch.format->dialect;
  std::int64_t window = batch.rows;
  while (!todo.empty()) {
    Slice slice = todo.back();
    todo.pop_back();
    if (slice.rows > window) {
      const CsvPosition at = FindRecordAtIndex(slice.records, window, dialect);
      split(slice, at.offset, at.index, at.line);
    }

    const CopyResult result = Send(sender, batch, slice);
    if (result.outcome == CopyResult::Outcome::kCommitted) {
      Committed(batch, slice);
      if (window < batch.rows) window *= 2;
      continue;
    }
    if (rejects_ == nullptr || !result.BlamesData()) {
      Fail(batch, slice, result);
      return false;
    }
    CsvPosition bad;
    if (result.line >= 0) bad = FindRecordAtLine(slice.records, result.line, dialect);
    if (!bad.found && slice.rows > 1) {
      window = slice.rows / 2;
      todo.push_back(slice);
      continue;
    }
    if (!bad.found) bad = FindRecordAtIndex(slice.records, 0, dialect);
    std::string_view record = slice.records.substr(bad.offset, bad.length);
    record.remove_suffix(1);
    if (!batch.original_ends.empty()) {
      const auto row = static_cast<std::size_t>(slice.first_row - batch.first_row + bad.index);
      const std::size_t begin = row == 0 ? 0 : batch.original_ends[row - 1];
      record = std::string_view(batch.originals).substr(begin, batch.original_ends[row] - begin);
    }
    rejects_->Add(names_[batch.file], LineOf(batch, slice, bad.index, bad.line), result.message,
                  record);

    // A stack: the records before the bad one are next, those after it come later.
    const CsvPosition after = FindRecordAtIndex(slice.records, bad.index + 1, dialect);
    Slice head = slice;
    split(head, after.offset, after.index, after.line);
    if (bad.index > 0) {
      todo.push_back(
          {slice.records.substr(0, bad.offset), slice.first_row, bad.index, slice.first_line});
    }
    window = std::max(kSmallestWindow, 2 * bad.index);
  }
  return true;
}

bool BatchLoader::Refuse(std::size_t file, std::int64_t row, std::int64_t line,
                         const std::string& reason, std::string_view record) {
  if (rejects_ != nullptr) {
    rejects_->Add(names_[file], line, reason, record);
    return true;
  }
  Fail({file, row, true, fmt::format("{}:{}: {}", names_[file], line, reason), "", ""});
  return false;
}

std::int64_t BatchLoader::LineOf(const CopyBatch& batch, const Slice& slice, std::int64_t rows,
                                 std::int64_t lines) {
  if (batch.row_lines.empty()) return slice.first_line + lines;
  return batch.row_lines[static_cast<std::size_t>(slice.first_row - batch.first_row + rows)];
}

std::int64_t BatchLoader::LastLine(const CopyBatch& batch, const Slice& slice) {
  if (!batch.row_lines.empty()) return LineOf(batch, slice, slice.rows, 0) - 1;
  return slice.first_line + std::count(slice.records.begin(), slice.records.end(), '\n') - 1;
}

void BatchLoader::Committed(const CopyBatch& batch, const Slice& slice) {
  const std::int64_t last_line = LastLine(batch, slice);
  const std::lock_guard lock(mutex_);
  loaded_[batch.file].Add(slice.first_row, slice.rows, slice.first_line, last_line);
  loaded_rows_ += slice.rows;
}

std::string BatchLoader::Where(const CopyBatch& batch, const Slice& slice) const {
  return fmt::format("{} rows {}-{} (lines {}-{})", names_[batch.file], slice.first_row,
                     slice.first_row + slice.rows - 1, slice.first_line, LastLine(batch, slice));
}

void BatchLoader::Fail(const CopyBatch& batch, const Slice& slice, const CopyResult& result) {
  LoadFailure failure = {batch.file, slice.first_row, result.BlamesData(), "", "", ""};
  if (result.outcome == CopyResult::Outcome::kUnknown) failure.uncertain = Where(batch, slice);
  // Any error names the line that the server was at, but only some errors are the fault of that
  // line.
  if (result.line >= 0 && failure.blames_data) {
    // The line on which the record begins. If fields contain line feeds, the server may name a
    // later one.
    const CsvPosition bad = FindRecordAtLine(slice.records, result.line, batch.format->dialect);
    const std::int64_t line =
        bad.found ? LineOf(batch, slice, bad.index, bad.line) : slice.first_line + result.line;
    failure.message = fmt::format("{}:{}: {}", names_[batch.file], line, result.message);
    failure.hint = HintFor(result.sqlstate, result.message,
                           bad.found ? slice.records.substr(bad.offset, bad.length) : "");
  } else {
    failure.message = fmt::format("{}: {}", Where(batch, slice), result.message);
  }
  Fail(std::move(failure));
}

void BatchLoader::Fail(LoadFailure failure) {
  const std::lock_guard lock(mutex_);
  if (failure_.has_value()) {
    // The earlier failure is reported, but what is uncertain in either stays in the message.
    std::string uncertain = failure_->uncertain;
    if (!failure.uncertain.empty()) {
      uncertain += (uncertain.empty() ? "" : ", ") + failure.uncertain;
    }
    if (std::pair(failure.file, failure.row) < std::pair(failure_->file, failure_->row)) {
      failure_ = std::move(failure);
    }
    failure_->uncertain = uncertain;
    return;
  }
  failure_ = std::move(failure);
}

std::optional<LoadFailure> BatchLoader::failure() const {
  const std::lock_guard lock(mutex_);
  return failure_;
}

std::string BatchLoader::DescribeLoaded() const {
  const std::lock_guard lock(mutex_);
  std::string text;
  for (std::size_t i = 0; i < names_.size(); ++i) {
    const FileRecord* const file = records_.file(i);
    const bool all = file != nullptr && file->complete();
    text += fmt::format("{}{}: {} loaded", i == 0 ? "" : "\n", names_[i],
                        all ? "all of it" : loaded_[i].ToString());
  }
  return text;
}

}  // namespace millrace::cli
