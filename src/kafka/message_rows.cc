#include "kafka/message_rows.h"

#include <fmt/format.h>

#include <algorithm>
#include <ctime>

#include "client/error.h"
#include "client/text.h"
#include "ingest/csv.h"
#include "ingest/file_columns.h"
#include "ingest/json_rows.h"
#include "ingest/text_encoding.h"
#include "ingest/workload/clickstream.h"

namespace millrace::cli {
namespace {

constexpr std::string_view kData = "data";
constexpr std::string_view kAttribute = "ce_";
constexpr std::string_view kVersionHeader = "ce_specversion";

// Why a CloudEvent of this version is no row; empty if it may be one.
std::string CheckVersion(std::string_view version) {
  if (version == "1.0") return "";
  return fmt::format("a CloudEvent of version {}, and only 1.0 is known", PlainText(version, 20));
}

std::string FormatTime(std::int64_t milliseconds) {
  std::int64_t seconds = milliseconds / 1000, rest = milliseconds % 1000;
  if (rest < 0) {
    rest += 1000;
    --seconds;
  }
  // Whoever writes the message chooses its time.
  constexpr std::int64_t kFirst = kMinEventTime / kMicrosPerSecond;
  constexpr std::int64_t kLast = kMaxEventTime / kMicrosPerSecond;
  const std::time_t whole = std::clamp(seconds, kFirst, kLast - 1);
  std::tm parts = {};
  gmtime_r(&whole, &parts);
  return fmt::format("{:04}-{:02}-{:02} {:02}:{:02}:{:02}.{:03}+00", parts.tm_year + 1900,
                     parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec,
                     rest);
}

// The length of the character of UTF-8 that begins here; 0 if none does.
std::size_t CharacterAt(std::string_view text) {
  const auto byte = static_cast<unsigned char>(text[0]);
  if (byte == 0) return 0;
  if (byte < 0x80) return 1;
  const std::size_t length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2;
  if (text.size() < length || !IsUtf8(text.substr(0, length))) return 0;
  return length;
}

// IsUtf8, also at the end.
bool IsWholeUtf8(std::string_view text) {
  if (!IsUtf8(text)) return false;
  std::size_t last = text.size();
  while (last > 0 && (static_cast<unsigned char>(text[last - 1]) & 0xc0) == 0x80) --last;
  return last == 0 || CharacterAt(text.substr(last - 1)) > 0 || text[last - 1] == '\0';
}

// What a column is filled with; the text is empty and the kind kMissing if the message has no such
// part. Returns why it cannot be.
std::string ValueOf(const MessageColumn& from, const KafkaMessage& message, JsonValue* value) {
  std::optional<std::string_view> bytes;
  const char* what = "its key";
  switch (from.part) {
    case MessagePart::kKey:
      bytes = message.key;
      break;
    case MessagePart::kHeader:
      bytes = message.Header(from.header);
      what = "a header";
      break;
    case MessagePart::kTopic:
      bytes = message.topic;
      break;
    case MessagePart::kPartition:
      *value = {JsonValue::Kind::kPlain, std::to_string(message.partition)};
      return "";
    case MessagePart::kOffset:
      *value = {JsonValue::Kind::kPlain, std::to_string(message.offset)};
      return "";
    case MessagePart::kTimestamp:
      if (message.milliseconds) {
        *value = {JsonValue::Kind::kText, FormatTime(*message.milliseconds)};
      }
      return "";
  }
  if (!bytes) return "";
  if (!IsWholeUtf8(*bytes)) return fmt::format("{} is not UTF-8", what);
  if (bytes->find('\0') != std::string_view::npos) {
    return fmt::format("{} has a zero byte", what);
  }
  *value = {JsonValue::Kind::kText, std::string(*bytes)};
  return "";
}

}  // namespace

std::string PlainText(std::string_view text, std::size_t most) {
  std::string plain;
  while (!text.empty()) {
    const std::size_t length = CharacterAt(text);
    if (plain.size() + std::max<std::size_t>(length, 1) > most) break;
    if (length == 0) {
      plain += '?';
    } else {
      plain += text.substr(0, length);
    }
    text.remove_prefix(std::max<std::size_t>(length, 1));
  }
  return plain;
}

// Objects of JSON, also in the envelope of CloudEvents. An attribute of the envelope is called
// ce_time, as the header of the binary form is; a field of the data has its own name.
class MessageRows::Json : public JsonWriter {
 public:
  // `binary`: the attributes of the envelope are headers, and the payload is the data.
  Json(const MessageOptions& options, const TargetTable& table, bool binary)
      : JsonWriter(options.load, table, true),
        options_(options),
        envelope_(options.format == PayloadFormat::kCloudEvents && !binary),
        is_binary_(binary) {
    std::vector<std::size_t> kept;
    for (const MessageColumn& part : options.parts) {
      kept.push_back(table.IndexOf(part.column));
      columns_.push_back(kept.back());
      if (part.part == MessagePart::kTimestamp) LeaveTimes(kept.back());
    }
    KeepFor(kept);
    if (!binary) return;
    std::set<std::string> names;
    for (const auto& [name, column] : options.load.map) names.insert(name);
    names.insert(table.columns.begin(), table.columns.end());
    for (const std::string& name : names) {
      if (!name.starts_with(kAttribute)) continue;
      const NameMeaning meaning = MeaningOf(name, options.load, table);
      const std::size_t column = table.IndexOf(meaning.column);
      if (meaning.kind != NameMeaning::Kind::kColumn ||
          std::find(kept.begin(), kept.end(), column) != kept.end()) {
        continue;
      }
      attributes_.push_back({{MessagePart::kHeader, name, meaning.column}, column});
    }
  }

  std::string TakeMessage(const KafkaMessage& message) {
    message_ = &message;
    const std::string_view record = *message.payload;
    std::string why;
    // Only what an envelope has makes its data be looked at.
    if (envelope_) why = CheckEnvelope(record);
    if (is_binary_) why = CheckVersion(message.Header(kVersionHeader).value_or(""));
    if (!why.empty()) return why;
    std::string reason = Take(record);
    if (reason.empty() && has_refused_id()) {
      return "it has a value for the column that the server fills with ids: --ignore-ids leaves it "
             "out, --keep-ids loads it";
    }
    return reason;
  }

 protected:
  std::string NameOf(const std::string& path) const override {
    if (!envelope_) return path;
    const std::string prefix = std::string(kData) + ".";
    if (path.starts_with(prefix)) return path.substr(prefix.size());
    return path == kData ? path : std::string(kAttribute) + path;
  }

  std::string AddValues(std::vector<JsonValue>* values) override {
    for (std::size_t i = 0; i < options_.parts.size(); ++i) {
      std::string reason = ValueOf(options_.parts[i], *message_, &(*values)[columns_[i]]);
      if (!reason.empty()) return reason;
    }
    for (const auto& [part, column] : attributes_) {
      std::string reason = ValueOf(part, *message_, &(*values)[column]);
      if (!reason.empty()) return reason;
    }
    return "";
  }

 private:
  friend class MessageRows;

  // That it is the envelope of version 1 and has its data in JSON.
  static std::string CheckEnvelope(std::string_view record) {
    std::vector<JsonValue> values(2);
    std::set<std::string> unknown;
    const auto field_of = [](const std::string& path) -> JsonField {
      if (path == "specversion") return {JsonField::Kind::kColumn, 0};
      if (path == "data_base64") return {JsonField::Kind::kColumn, 1};
      return {JsonField::Kind::kSkipped, 0};
    };
    std::string reason = ReadJsonObject(record, field_of, &unknown, &values);
    if (!reason.empty()) return reason;
    if (values[0].kind == JsonValue::Kind::kMissing) {
      return "no CloudEvent: it has neither a field specversion nor a header ce_specversion";
    }
    if (values[1].kind != JsonValue::Kind::kMissing) return "its data is not JSON (data_base64)";
    return CheckVersion(values[0].text);
  }

  const MessageOptions& options_;
  const bool envelope_;
  const bool is_binary_;
  std::vector<std::size_t> columns_;  // of options_.parts, in the table
  std::vector<std::pair<MessageColumn, std::size_t>> attributes_;  // of the binary form
  const KafkaMessage* message_ = nullptr;
};

// Records of CSV, with the parts of the message after their fields.
class MessageRows::Csv {
 public:
  Csv(const MessageOptions& options, const TargetTable& table) : options_(options) {
    std::vector<std::string> names;
    const std::vector<std::string>& given =
        options.load.columns.empty() ? ClickEventColumns() : options.load.columns;
    for (const std::string& name : given) {
      const NameMeaning meaning = MeaningOf(name, options.load, table);
      if (meaning.kind == NameMeaning::Kind::kUnknown) {
        throw CliError(
            fmt::format("the table {} has no column {}", table.name.Quoted(), name),
            "--columns names the fields of a record, --map FIELD=COLUMN gives one another "
            "name, --skip FIELD leaves it out.");
      }
      names.push_back(meaning.column);
    }
    for (const MessageColumn& part : options.parts) {
      for (std::string& name : names) {
        if (name == part.column) name.clear();
      }
    }
    for (const std::string& name : names) {
      if (name.empty() || std::count(names.begin(), names.end(), name) == 1) continue;
      throw CliError(fmt::format("column {} is named twice", name));
    }
    fields_ = names.size();
    writer_ = MakeCsvWriter(options.load, table, names);
    CopyFormat format = *writer_->format();
    for (const MessageColumn& part : options.parts) format.columns.push_back(part.column);
    format_ = std::make_shared<const CopyFormat>(std::move(format));
  }

  std::string TakeMessage(const KafkaMessage& message) {
    std::string_view record = *message.payload;
    if (record.ends_with('\n')) record.remove_suffix(1);
    if (record.ends_with('\r')) record.remove_suffix(1);
    if (std::string reason = CheckRecord(record); !reason.empty()) return reason;
    if (std::string reason = writer_->Take(record); !reason.empty()) return reason;
    const Dialect& dialect = format_->dialect;
    parts_.clear();
    // Otherwise COPY counts them.
    if (!options_.parts.empty()) {
      const std::size_t fields = CountCsvFields(record, options_.load.dialect);
      if (fields != fields_) return fmt::format("it has {} of {} fields", fields, fields_);
    }
    for (const MessageColumn& part : options_.parts) {
      JsonValue value;
      if (std::string reason = ValueOf(part, message, &value); !reason.empty()) return reason;
      parts_ += dialect.delimiter;
      parts_ += value.kind == JsonValue::Kind::kMissing ? dialect.null_text
                                                        : QuoteCsvField(value.text, dialect.quote);
    }
    return "";
  }

  void Append(std::string* out) {
    writer_->Append(out);
    *out += parts_;
  }
  const std::shared_ptr<const CopyFormat>& format() const { return format_; }

 private:
  // That it is one record, so that it cannot swallow those that are sent after it.
  std::string CheckRecord(std::string_view record) const {
    if (record.empty()) return "it is empty";
    if (!IsWholeUtf8(record)) return "it is not UTF-8";
    // COPY would take this for the end of the data.
    if (record == "\\.") return "no record of CSV";
    const char quote = options_.load.dialect.quote;
    bool in_quotes = false;
    for (const char c : record) {
      if (c == '\0') return "it has a zero byte";
      if (c == quote && quote != '\0') in_quotes = !in_quotes;
      if ((c == '\n' || c == '\r') && !in_quotes) return "it is more than one record of CSV";
    }
    return in_quotes ? "a quote is not closed" : "";
  }

  const MessageOptions& options_;
  std::size_t fields_ = 0;  // of a record
  std::unique_ptr<RowWriter> writer_;
  std::shared_ptr<const CopyFormat> format_;
  std::string parts_;
};

MessageRows::MessageRows(const MessageOptions& options, const TargetTable& table)
    : options_(options) {
  CheckDialect(options.load.dialect);
  CheckColumnOptions(options.load, table);
  for (const MessageColumn& part : options.parts) {
    if (table.IndexOf(part.column) < table.columns.size()) continue;
    throw CliError(fmt::format("the table {} has no column {}", table.name.Quoted(), part.column));
  }
  if (options.format == PayloadFormat::kCsv) {
    csv_ = std::make_unique<Csv>(options, table);
  } else {
    json_ = std::make_unique<Json>(options, table, false);
  }
  if (options.format == PayloadFormat::kCloudEvents) {
    binary_ = std::make_unique<Json>(options, table, true);
  }
}

MessageRows::~MessageRows() = default;

std::string MessageRows::Take(const KafkaMessage& message) {
  if (message.payload->size() > options_.max_bytes) {
    return fmt::format("it has {} bytes, more than --max-record-bytes", message.payload->size());
  }
  row_.clear();
  try {
    if (csv_ != nullptr) return csv_->TakeMessage(message);
    last_ = binary_ != nullptr && message.Header(kVersionHeader) ? binary_.get() : json_.get();
    std::string reason = last_->TakeMessage(message);
    if (!reason.empty()) return reason;
  } catch (const CliError& e) {
    // The name of a field may be that of several columns.
    return e.what();
  }
  last_->Append(&row_);
  // As \u0000 in a text. No type of PostgreSQL has it.
  if (!format()->binary && row_.find('\0') != std::string::npos) {
    return "a text in it has a zero byte";
  }
  return "";
}

void MessageRows::Append(std::string* out) {
  if (csv_ != nullptr) {
    csv_->Append(out);
  } else {
    *out += row_;
  }
  if (!format()->binary) *out += '\n';
}

const std::shared_ptr<const CopyFormat>& MessageRows::format() const {
  return csv_ != nullptr ? csv_->format() : last_->format();
}

}  // namespace millrace::cli
