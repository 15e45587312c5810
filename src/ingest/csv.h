// CSV as PostgreSQL's COPY reads it: where records end, and what their fields are.
//
// A record ends at a line feed outside quotes; a carriage return before it belongs to the line end.
// A byte is inside quotes if its record has an odd number of quotes before it (a doubled quote
// counts twice). COPY has the same rule, so both agree on every record, whether it is correct or
// not. In a dialect without quotes, every line is a record.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "ingest/byte_source.h"
#include "ingest/dialect.h"

namespace millrace::cli {

// Commas and double quotes: what COPY reads if it is told nothing else.
inline const Dialect kStandardDialect{};

struct CsvRecord {
  std::string_view text;        // without its line end; valid until the reader's next call
  std::int64_t first_line = 0;  // physical lines, counted from 1
  std::int64_t last_line = 0;
};

// Splits a stream of bytes into records. Memory: at most twice the longest record, and at least 1
// MB. Thread-compatible.
class CsvReader {
 public:
  enum class Outcome {
    kRecord,
    kEnd,           // no further record
    kUnterminated,  // the input ended inside quotes; `text` is everything since the record began
    kTooLong,  // longer than max_record_bytes; `text` is its beginning. Call SkipRecord to go on
  };

  // REQUIRES: max_record_bytes >= 1. The source gives UTF-8; a byte order mark at the start is
  // dropped. Reads from it at once.
  CsvReader(ByteSource source, std::size_t max_record_bytes,
            const Dialect& dialect = kStandardDialect);

  // Leaves out so many lines, whatever is in them. Call it before Next.
  void SkipLines(std::int64_t lines);

  Outcome Next(CsvRecord* record);
  // After kTooLong: skips the rest of that record. Returns its last line.
  std::int64_t SkipRecord();

  // Bytes taken from the source and cut into records so far.
  std::int64_t bytes_consumed() const { return consumed_; }

 private:
  bool FindRecordEnd();
  bool Fill();
  void Consume(std::size_t to);

  ByteSource source_;
  std::size_t max_record_bytes_;
  char quote_;
  std::unique_ptr<char[]> buffer_;
  std::size_t capacity_;
  std::size_t begin_ = 0;   // of the current record
  std::size_t scan_ = 0;    // begin_ <= scan_ <= end_: up to here its end was searched for
  std::size_t end_ = 0;     // of the bytes read
  bool in_quotes_ = false;  // at scan_
  bool at_end_ = false;     // the source has no more
  std::int64_t line_ = 1;   // the line at scan_
  std::int64_t consumed_ = 0;
};

struct CsvField {
  std::string value;
  bool quoted = false;  // an unquoted field that is the dialect's null_text is an SQL NULL
};

// The fields of one record.
std::vector<CsvField> SplitCsvRecord(std::string_view record,
                                     const Dialect& dialect = kStandardDialect);
// How many there are.
std::size_t CountCsvFields(std::string_view record, const Dialect& dialect);

// Where a field is in a record, quotes included: the one with `index` fields before it.
struct CsvFieldRange {
  std::size_t begin = 0;
  std::size_t end = 0;
  bool found = false;  // false: there are fewer fields
};
CsvFieldRange FindCsvField(std::string_view record, std::size_t index,
                           const Dialect& dialect = kStandardDialect);

// `text` as one CSV field, in quotes.
std::string QuoteCsvField(std::string_view text, char quote = '"');

// Finds the record that holds physical line `line` (0 is the first) of `records`, which are whole
// records that each end with a line feed.
struct CsvPosition {
  std::size_t offset = 0;  // of the record's first byte
  std::size_t length = 0;  // with its line feed
  std::int64_t index = 0;  // records before it
  std::int64_t line = 0;   // lines before it
  bool found = false;      // false: there are fewer; then the fields above count all of `records`
};
CsvPosition FindRecordAtLine(std::string_view records, std::int64_t line,
                             const Dialect& dialect = kStandardDialect);
// The same for the record with `index` records before it.
CsvPosition FindRecordAtIndex(std::string_view records, std::int64_t index,
                              const Dialect& dialect = kStandardDialect);

}  // namespace millrace::cli
