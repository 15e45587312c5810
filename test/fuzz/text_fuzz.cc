// The beginning of a file given to the loader: it can be unpacked, made UTF-8 and split into
// records, or there is an error. What a record's fields are is the same by every way of asking, and
// a dialect that was found fits. A record that has a binary form has the same fields in it.

#include <algorithm>

#include "client/error.h"
#include "fuzz.h"
#include "ingest/binary_records.h"
#include "ingest/csv.h"
#include "ingest/sniff.h"
#include "ingest/text_encoding.h"

namespace {

using namespace millrace::cli;

std::string All(const ByteSource& source) {
  std::string all, buffer(997, '\0');
  while (const std::size_t got = source(buffer.data(), buffer.size())) {
    all.append(buffer, 0, got);
    if (all.size() > 1 << 20) break;  // packed bytes may be many more
  }
  return all;
}

ByteSource SourceOf(const std::string& text) {
  return [&text, at = std::size_t{0}](char* buffer, std::size_t size) mutable {
    const std::size_t got = text.copy(buffer, size, at);
    at += got;
    return got;
  };
}

// `force`: whether a NULL in quotes is one too.
void CheckBinary(const std::string& record, const std::vector<CsvField>& fields,
                 const Dialect& dialect, bool force) {
  TargetTable table;
  for (std::size_t i = 0; i < fields.size(); ++i) table.columns.push_back(std::to_string(i));
  table.info.resize(fields.size());
  for (ColumnInfo& info : table.info) info.binary = BinaryType::kText;
  CopyFormat format{table.columns, false, dialect};
  if (force) format.force_null = table.columns;
  std::string row;
  if (fields.size() > 1'000 || !AppendBinaryRecords(table, format, true, record, &row)) return;
  for (std::size_t i = 0; i < fields.size(); ++i) {
    const auto field = BinaryField(row, i);
    const bool null = (!fields[i].quoted || force) && fields[i].value == dialect.null_text;
    FUZZ_CHECK(field.has_value() == !null && (null || *field == fields[i].value));
  }
}

void CheckRecords(const std::string& text, const Dialect& dialect) {
  CsvReader reader(SourceOf(text), 1 << 16, dialect);
  CsvRecord record;
  std::int64_t last = 0;
  while (reader.Next(&record) == CsvReader::Outcome::kRecord) {
    FUZZ_CHECK(record.first_line == last + 1 && record.last_line >= record.first_line);
    last = record.last_line;
    const auto fields = SplitCsvRecord(record.text, dialect);
    FUZZ_CHECK(fields.size() == CountCsvFields(record.text, dialect));
    for (std::size_t i = 0; i < fields.size(); ++i) {
      const CsvFieldRange range = FindCsvField(record.text, i, dialect);
      FUZZ_CHECK(range.found && range.end >= range.begin && range.end <= record.text.size());
      const auto alone =
          SplitCsvRecord(record.text.substr(range.begin, range.end - range.begin), dialect);
      FUZZ_CHECK(alone.size() == 1 && alone[0].value == fields[i].value);
    }
    FUZZ_CHECK(!FindCsvField(record.text, fields.size(), dialect).found);
    if (dialect.quote != '\0') {
      const std::string line = std::string(record.text) + "\n";
      CheckBinary(line, fields, dialect, false);
      CheckBinary(line, fields, dialect, true);
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string packed(reinterpret_cast<const char*>(data), size);
  std::string bytes;
  try {
    bytes = All(Unpack(SourceOf(packed), "x"));
  } catch (const millrace::CliError&) {
    return 0;
  }
  const std::string marked = EncodingOfMark(bytes);
  const std::string encoding = marked.empty() ? SniffEncoding(bytes) : marked;
  FUZZ_CHECK(!encoding.empty() || IsUtf8(bytes));
  const std::string text = ToUtf8(bytes, encoding.empty() ? "utf8" : encoding);
  if (text.find('\xff') == std::string::npos) FUZZ_CHECK(IsUtf8(text));
  const SniffedText sniffed = SniffText(text);
  FUZZ_CHECK(sniffed.fields >= 1);
  CheckRecords(text, sniffed.dialect);
  CheckRecords(text, Dialect{';', '\0', "", ""});
  return 0;
}
