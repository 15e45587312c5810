#include "ingest/binary_records.h"

#include <algorithm>
#include <vector>

namespace millrace::cli {
namespace {

struct Column {
  BinaryType type;
  bool force_null;  // NULL also if the text of a NULL is in quotes
};

class RecordReader {
 public:
  RecordReader(const Dialect& dialect, std::vector<Column> columns, bool utc)
      : quote_(dialect.quote),
        delimiter_(dialect.delimiter),
        null_text_(dialect.null_text),
        columns_(std::move(columns)),
        utc_(utc) {}

  // Takes the record at the front of `records`. False if it has no binary form.
  bool Take(std::string_view* records, std::string* out) {
    const char* at = records->data();
    const char* const end = at + records->size();
    AppendBinaryRow(columns_.size(), out);
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      bool quoted = false;
      std::string_view text;
      at = TakeField(at, end, &text, &quoted);
      // Too few fields, too many, or something after the last quote.
      const char after = i + 1 == columns_.size() ? '\n' : delimiter_;
      if (at == end || *at != after) return false;
      ++at;
      if (!Append(columns_[i], text, quoted, out)) return false;
    }
    records->remove_prefix(static_cast<std::size_t>(at - records->data()));
    return true;
  }

 private:
  // Returns where the field ends; `end` if it cannot be read here.
  const char* TakeField(const char* at, const char* end, std::string_view* text, bool* quoted) {
    if (at == end || *at != quote_) {
      const char* const begin = at;
      for (; at < end && *at != delimiter_ && *at != '\n'; ++at) {
        // The server refuses a bare carriage return, and quotes in the middle are rare.
        if (*at == quote_ || *at == '\r') return end;
      }
      *text = {begin, at};
      return at;
    }
    // In quotes from its beginning to its end. A quote in it is doubled.
    *quoted = true;
    value_.clear();
    for (const char* from = at + 1;;) {
      const char* const stop = std::find(from, end, quote_);
      if (stop == end) return end;
      value_.append(from, stop);
      if (stop + 1 == end || stop[1] != quote_) {
        *text = value_;
        return stop + 1;
      }
      value_ += quote_;
      from = stop + 2;
    }
  }

  bool Append(const Column& column, std::string_view text, bool quoted, std::string* out) const {
    if ((!quoted || column.force_null) && text == null_text_) {
      AppendBinaryNull(out);
      return true;
    }
    if (utc_ && column.type == BinaryType::kTimestampTz) return AppendBinaryUtc(text, out);
    return AppendBinaryText(column.type, text, out);
  }

  const char quote_;
  const char delimiter_;
  const std::string null_text_;
  const std::vector<Column> columns_;
  const bool utc_;
  std::string value_;  // of a field in quotes
};

}  // namespace

bool AppendBinaryRecords(const TargetTable& table, const CopyFormat& format, bool utc,
                         std::string_view records, std::string* out) {
  std::vector<Column> columns;
  for (const std::string& name : format.columns) {
    const BinaryType type = table.info[table.IndexOf(name)].binary;
    if (type == BinaryType::kNone) return false;
    const auto& forced = format.force_null;
    columns.push_back({type, std::find(forced.begin(), forced.end(), name) != forced.end()});
  }
  // A row of no fields has no record of its own.
  if (columns.empty()) return false;
  RecordReader reader(format.dialect, std::move(columns), utc);
  while (!records.empty()) {
    if (!reader.Take(&records, out)) return false;
  }
  return true;
}

}  // namespace millrace::cli
