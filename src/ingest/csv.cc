#include "ingest/csv.h"

#include <algorithm>
#include <cstring>

namespace millrace::cli {
namespace {

constexpr std::size_t kFirstCapacity = 1 << 20;
constexpr std::size_t kSampleBytes = 1'000;

// Most lines have no quotes, so searching for them is faster than looking at every byte.
bool OddQuotes(const char* from, const char* to, char quote) {
  bool odd = false;
  if (quote == '\0') return odd;
  while (from < to) {
    from = static_cast<const char*>(std::memchr(from, quote, static_cast<std::size_t>(to - from)));
    if (from == nullptr) break;
    odd = !odd;
    ++from;
  }
  return odd;
}

CsvPosition FindRecord(std::string_view records, std::int64_t line, std::int64_t index,
                       char quote) {
  CsvPosition at;
  while (at.offset < records.size()) {
    std::size_t end = at.offset;
    std::int64_t lines = 0;
    for (bool in_quotes = false; end < records.size();) {
      std::size_t stop = records.find('\n', end);
      if (stop == std::string_view::npos) stop = records.size() - 1;
      in_quotes ^= OddQuotes(records.data() + end, records.data() + stop, quote);
      end = stop + 1;
      ++lines;
      if (!in_quotes) break;
    }
    at.length = end - at.offset;
    if (at.line + lines > line || at.index >= index) {
      at.found = true;
      return at;
    }
    at.offset = end;
    at.line += lines;
    ++at.index;
  }
  at.length = 0;
  return at;
}

}  // namespace

CsvReader::CsvReader(ByteSource source, std::size_t max_record_bytes, const Dialect& dialect)
    : source_(std::move(source)),
      max_record_bytes_(max_record_bytes),
      quote_(dialect.quote),
      buffer_(new char[kFirstCapacity]),
      capacity_(kFirstCapacity) {
  while (end_ < 3 && Fill()) {
  }
  if (end_ >= 3 && std::memcmp(buffer_.get(), "\xef\xbb\xbf", 3) == 0) Consume(3);
}

void CsvReader::Consume(std::size_t to) {
  consumed_ += static_cast<std::int64_t>(to - begin_);
  begin_ = to;
  scan_ = to;
}

// Reads more bytes after end_. If there is no room, first moves the current record to the front or
// enlarges the buffer. False at the end of the input.
bool CsvReader::Fill() {
  if (at_end_) return false;
  if (end_ == capacity_ || begin_ == end_) {
    std::memmove(buffer_.get(), buffer_.get() + begin_, end_ - begin_);
    end_ -= begin_;
    scan_ -= begin_;
    begin_ = 0;
    if (end_ > capacity_ / 2) {
      std::unique_ptr<char[]> larger(new char[capacity_ * 2]);
      std::memcpy(larger.get(), buffer_.get(), end_);
      buffer_ = std::move(larger);
      capacity_ *= 2;
    }
  }
  const std::size_t got = source_(buffer_.get() + end_, capacity_ - end_);
  at_end_ = got == 0;
  end_ += got;
  return got != 0;
}

// Moves scan_ to the line feed that ends the current record; false if the bytes so far do not
// contain it.
bool CsvReader::FindRecordEnd() {
  while (scan_ < end_) {
    const char* from = buffer_.get() + scan_;
    const char* feed = static_cast<const char*>(std::memchr(from, '\n', end_ - scan_));
    const char* stop = feed == nullptr ? buffer_.get() + end_ : feed;
    in_quotes_ ^= OddQuotes(from, stop, quote_);
    scan_ = static_cast<std::size_t>(stop - buffer_.get());
    if (feed == nullptr) return false;
    if (!in_quotes_) return true;
    ++scan_;
    ++line_;
  }
  return false;
}

void CsvReader::SkipLines(std::int64_t lines) {
  while (lines > 0) {
    const char* from = buffer_.get() + begin_;
    const char* feed = static_cast<const char*>(std::memchr(from, '\n', end_ - begin_));
    Consume(feed == nullptr ? end_ : static_cast<std::size_t>(feed + 1 - buffer_.get()));
    if (feed == nullptr) {
      if (!Fill()) return;
      continue;
    }
    ++line_;
    --lines;
  }
}

CsvReader::Outcome CsvReader::Next(CsvRecord* record) {
  record->first_line = line_;
  in_quotes_ = false;
  bool found = FindRecordEnd();
  while (!found && scan_ - begin_ <= max_record_bytes_ && Fill()) found = FindRecordEnd();

  const std::size_t length = scan_ - begin_;
  record->text = {buffer_.get() + begin_, length};
  record->last_line = line_;
  if (length > max_record_bytes_) {
    record->text = record->text.substr(0, kSampleBytes);
    return Outcome::kTooLong;
  }
  if (!found) {
    if (length == 0) return Outcome::kEnd;
    Consume(end_);
    // The last line feed may be missing at the end of the input, unless quotes are open.
    if (in_quotes_) return Outcome::kUnterminated;
  } else {
    Consume(scan_ + 1);
    ++line_;
  }
  if (record->text.ends_with('\r')) record->text.remove_suffix(1);
  return Outcome::kRecord;
}

std::int64_t CsvReader::SkipRecord() {
  while (!FindRecordEnd()) {
    Consume(scan_);
    if (!Fill()) return line_;
  }
  Consume(scan_ + 1);
  return line_++;
}

std::vector<CsvField> SplitCsvRecord(std::string_view record, const Dialect& dialect) {
  std::vector<CsvField> fields(1);
  bool in_quotes = false;
  for (std::size_t i = 0; i < record.size(); ++i) {
    const char c = record[i];
    if (c == dialect.quote && c != '\0') {
      if (in_quotes && i + 1 < record.size() && record[i + 1] == c) {
        fields.back().value += c;
        ++i;
      } else {
        in_quotes = !in_quotes;
        fields.back().quoted = true;
      }
    } else if (c == dialect.delimiter && !in_quotes) {
      fields.emplace_back();
    } else {
      fields.back().value += c;
    }
  }
  return fields;
}

std::size_t CountCsvFields(std::string_view record, const Dialect& dialect) {
  std::size_t fields = 1;
  bool in_quotes = false;
  for (const char c : record) {
    if (c == dialect.quote && c != '\0') in_quotes = !in_quotes;
    if (c == dialect.delimiter && !in_quotes) ++fields;
  }
  return fields;
}

CsvFieldRange FindCsvField(std::string_view record, std::size_t index, const Dialect& dialect) {
  CsvFieldRange range;
  const char quote = dialect.quote, delimiter = dialect.delimiter;
  bool in_quotes = false;
  std::size_t fields = 0;
  for (std::size_t i = 0; i < record.size(); ++i) {
    if (record[i] == quote && quote != '\0') in_quotes = !in_quotes;
    if (record[i] != delimiter || in_quotes) continue;
    if (fields == index) {
      range.end = i;
      range.found = true;
      return range;
    }
    ++fields;
    range.begin = i + 1;
  }
  range.end = record.size();
  range.found = fields == index;
  return range;
}

std::string QuoteCsvField(std::string_view text, char quote) {
  std::string quoted(1, quote);
  for (const char c : text) {
    if (c == quote) quoted += quote;
    quoted += c;
  }
  return quoted + quote;
}

CsvPosition FindRecordAtLine(std::string_view records, std::int64_t line, const Dialect& dialect) {
  return FindRecord(records, line, INT64_MAX, dialect.quote);
}

CsvPosition FindRecordAtIndex(std::string_view records, std::int64_t index,
                              const Dialect& dialect) {
  return FindRecord(records, INT64_MAX - 1, index, dialect.quote);
}

}  // namespace millrace::cli
