// Messages given to the consumer: whatever the bytes are, what is accepted is one record of CSV for
// COPY, in UTF-8 and without zero bytes, or one binary row, with as many fields as it has columns.
// The first byte chooses the format; the rest is the payload, the key and the value of a header.

#include <algorithm>

#include "client/error.h"
#include "fuzz.h"
#include "ingest/binary_row.h"
#include "ingest/csv.h"
#include "ingest/text_encoding.h"
#include "kafka/message_rows.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace millrace::cli;
  if (size < 1) return 0;
  static const TargetTable table = [] {
    TargetTable made;
    made.name.name = "t";
    made.columns = {"a", "b", "at", "key", "header", "stamp"};
    made.info.resize(made.columns.size());
    made.info[1].has_default = true;
    made.info[1].constant_default = "x";
    made.info[2].time = ColumnInfo::Time::kWithZone;
    made.info[2].has_default = true;
    made.info[0].binary = BinaryType::kJsonb;
    made.info[1].binary = BinaryType::kNumeric;
    made.info[2].binary = made.info[5].binary = BinaryType::kTimestampTz;
    made.info[3].binary = made.info[4].binary = BinaryType::kText;
    return made;
  }();
  static const std::vector<MessageOptions> kinds = [] {
    std::vector<MessageOptions> made;
    for (const PayloadFormat format :
         {PayloadFormat::kJson, PayloadFormat::kCsv, PayloadFormat::kCloudEvents}) {
      MessageOptions options;
      options.format = format;
      options.load.map = {{"n.a", "a"}, {"ce_time", "at"}};
      options.load.columns = {"a", "b", "at"};
      options.load.time_formats = {{"at", "milliseconds"}};
      options.parts = {{MessagePart::kKey, "", "key"},
                       {MessagePart::kHeader, "h", "header"},
                       {MessagePart::kTimestamp, "", "stamp"}};
      made.push_back(options);
    }
    return made;
  }();
  const std::uint8_t choice = data[0];
  const MessageOptions& options = kinds[choice % kinds.size()];
  const std::string_view text(reinterpret_cast<const char*>(data + 1), size - 1);
  const std::size_t cut = text.size() * (choice >> 4) / 16;
  KafkaMessage message;
  message.topic = "t";
  message.payload = text.substr(cut);
  message.key = text.substr(0, cut);
  message.milliseconds = static_cast<std::int64_t>(choice) << (choice % 56);
  message.headers = {{"h", text.substr(0, cut / 2)}};
  if (choice & 8) message.headers.emplace_back("ce_specversion", "1.0");

  MessageRows rows(options, table);
  const std::string reason = rows.Take(message);
  const std::string plain = PlainText(reason, 1000);
  FUZZ_CHECK(plain.size() <= 1000 && IsUtf8(plain) && plain.find('\0') == std::string::npos);
  if (!reason.empty()) return 0;
  std::string row;
  rows.Append(&row);
  if (rows.format()->binary) {
    // As many fields as there are columns, and nothing after them.
    const std::size_t columns = rows.format()->columns.size();
    FUZZ_CHECK(row.size() >= 2 && static_cast<std::size_t>(row[1]) == columns && row[0] == 0);
    std::size_t bytes = 2;
    for (std::size_t i = 0; i < columns; ++i) {
      const auto field = BinaryField(row, i);
      bytes += 4 + (field ? field->size() : 0);
    }
    FUZZ_CHECK(bytes == row.size() && !BinaryField(row, columns));
    return 0;
  }
  FUZZ_CHECK(row.ends_with('\n') && IsUtf8(row) && row.find('\0') == std::string::npos);
  row.pop_back();
  // Not COPY's end of the data, and no line feed outside quotes: it cannot become two records.
  FUZZ_CHECK(row != "\\.");
  bool in_quotes = false;
  for (const char c : row) {
    if (c == '"') in_quotes = !in_quotes;
    FUZZ_CHECK(c != '\n' || in_quotes);
  }
  FUZZ_CHECK(!in_quotes);
  if (options.format != PayloadFormat::kCsv) {
    FUZZ_CHECK(SplitCsvRecord(row).size() == rows.format()->columns.size());
  }
  return 0;
}
