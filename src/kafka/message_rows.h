// Messages as rows of a table: what `millrace consume` and `millrace replay` make of a payload, a
// key and headers.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ingest/load_options.h"
#include "ingest/row_writer.h"
#include "ingest/target_table.h"
#include "kafka/message.h"

namespace millrace::cli {

enum class PayloadFormat {
  kJson,         // one object of JSON
  kCsv,          // one record
  kCloudEvents,  // an event of CloudEvents 1.0 with data in JSON, structured or binary
};

// What a column of the table is filled from, besides the payload.
enum class MessagePart { kKey, kHeader, kTopic, kPartition, kOffset, kTimestamp };

struct MessageColumn {
  MessagePart part = MessagePart::kKey;
  std::string header;  // of kHeader: its name
  std::string column;
};

struct MessageOptions {
  PayloadFormat format = PayloadFormat::kJson;
  // Of these the options about fields, times, ids and NULL are used, as for a file. For kCsv
  // `columns` are those of a record, or the seven of the events.
  LoadOptions load;
  std::vector<MessageColumn> parts;
  std::uint64_t max_bytes = 16 << 20;  // of a payload
};

// Thread-compatible.
class MessageRows {
 public:
  // Throws CliError if the options name columns that are not there. `options` and `table` must
  // outlive this object.
  MessageRows(const MessageOptions& options, const TargetTable& table);
  ~MessageRows();

  // Reads a message, which must stay until Append. Returns why it is no row, or an empty text. What
  // is wrong for the types of the table only, the server finds. Any bytes may be in the message;
  // memory is a few times its size. REQUIRES: it has a payload.
  std::string Take(const KafkaMessage& message);
  // Appends the row that was taken, as `format` describes it; a record of CSV with a line feed.
  void Append(std::string* out);
  // As RowWriter::format.
  const std::shared_ptr<const CopyFormat>& format() const;

 private:
  class Json;
  class Csv;
  const MessageOptions& options_;
  std::unique_ptr<Json> json_;
  std::unique_ptr<Json> binary_;  // of CloudEvents in the binary form
  Json* last_ = nullptr;          // of these two, that of the message that was taken
  std::unique_ptr<Csv> csv_;
  std::string row_;
};

// `text` as UTF-8 without zero bytes, for messages and errors: what is not becomes '?'. At most
// `most` bytes, cut between characters.
std::string PlainText(std::string_view text, std::size_t most);

}  // namespace millrace::cli
