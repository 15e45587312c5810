#include "ingest/json_rows.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "ingest/file_columns.h"

namespace millrace::cli {
namespace {

using Json = nlohmann::json;

// Receives the events of nlohmann's parser, which is not recursive.
class ObjectHandler {
 public:
  ObjectHandler(const std::function<JsonField(const std::string&)>& field_of,
                std::set<std::string>* unknown, std::vector<JsonValue>* values)
      : field_of_(field_of), unknown_(unknown), values_(values) {}

  const std::string& reason() const { return reason_; }

  bool null() { return Scalar(JsonValue::Kind::kNull, "null"); }
  bool boolean(bool value) { return Scalar(JsonValue::Kind::kPlain, value ? "true" : "false"); }
  bool number_integer(std::int64_t value) { return Number(std::to_string(value)); }
  bool number_unsigned(std::uint64_t value) { return Number(std::to_string(value)); }
  // As it is in the file: a double may have fewer digits.
  bool number_float(double /*value*/, const std::string& text) { return Number(text); }
  bool string(std::string& value) {
    if (captured_ > 0) return Captured(Json(value).dump());
    return Scalar(JsonValue::Kind::kText, std::move(value));
  }
  bool binary(Json::binary_t& /*value*/) { return false; }

  bool start_object(std::size_t /*size*/) {
    if (depth_ == 0) {
      ++depth_;
      return true;
    }
    if (captured_ == 0 && ignored_ == 0 && field_.kind == JsonField::Kind::kUnknown) {
      paths_.push_back(path_.size());
      path_ = name_;
      ++depth_;
      return true;
    }
    return Open('{');
  }
  bool end_object() {
    if (ignored_ > 0 || captured_ > 0) return Close('}');
    --depth_;
    if (!paths_.empty()) {
      path_.resize(paths_.back());
      paths_.pop_back();
    }
    return true;
  }
  bool start_array(std::size_t /*size*/) {
    if (depth_ == 0) return Bad("not an object of JSON");
    if (captured_ == 0 && ignored_ == 0 && field_.kind == JsonField::Kind::kUnknown) {
      NoteUnknown();
    }
    return Open('[');
  }
  bool end_array() { return Close(']'); }

  bool key(std::string& name) {
    if (ignored_ > 0) return true;
    if (captured_ > 0) {
      Comma();
      capture_ += Json(name).dump();
      capture_ += ':';
      after_key_ = true;
      return true;
    }
    name_ = path_.empty() ? name : path_ + '.' + name;
    field_ = field_of_(name_);
    return true;
  }
  bool parse_error(std::size_t position, const std::string& /*token*/,
                   const Json::exception& error) {
    // "[json.exception.parse_error.101] parse error at line 1, column 8: syntax error while ..."
    const std::string text = error.what();
    const std::size_t at = text.find(": ");
    return Bad(fmt::format("no JSON at byte {}: {}", position,
                           at == std::string::npos ? text : text.substr(at + 2)));
  }

 private:
  bool Bad(std::string reason) {
    reason_ = std::move(reason);
    return false;
  }

  bool Number(std::string text) {
    return captured_ > 0 ? Captured(text) : Scalar(JsonValue::Kind::kPlain, std::move(text));
  }

  bool Scalar(JsonValue::Kind kind, std::string text) {
    if (ignored_ > 0) return true;
    if (captured_ > 0) return Captured(text);
    if (depth_ == 0) return Bad("not an object of JSON");
    if (field_.kind == JsonField::Kind::kColumn) return Set(kind, std::move(text));
    if (field_.kind == JsonField::Kind::kUnknown) NoteUnknown();
    return true;
  }

  bool Set(JsonValue::Kind kind, std::string text) {
    JsonValue& value = (*values_)[field_.column];
    if (value.kind != JsonValue::Kind::kMissing) {
      return Bad(fmt::format("field {} goes into a column that another field has filled", name_));
    }
    value = {kind, std::move(text)};
    return true;
  }

  // An object or array that is kept as JSON, or is in no column.
  bool Open(char bracket) {
    if (captured_ == 0 && (ignored_ > 0 || field_.kind != JsonField::Kind::kColumn)) {
      ++ignored_;
      return true;
    }
    if (captured_++ == 0) {
      capture_.clear();
      after_key_ = true;
    }
    Comma();
    capture_ += bracket;
    after_key_ = true;
    return true;
  }
  bool Close(char bracket) {
    if (ignored_ > 0) {
      --ignored_;
      return true;
    }
    capture_ += bracket;
    after_key_ = false;
    return --captured_ > 0 || Set(JsonValue::Kind::kText, capture_);
  }
  bool Captured(const std::string& json) {
    Comma();
    capture_ += json;
    return true;
  }
  // Before a key or value of what is captured.
  void Comma() {
    if (!after_key_) capture_ += ',';
    after_key_ = false;
  }

  void NoteUnknown() {
    if (unknown_->size() < JsonWriter::kMostUnknown) unknown_->insert(name_);
  }

  const std::function<JsonField(const std::string&)>& field_of_;
  std::set<std::string>* const unknown_;
  std::vector<JsonValue>* const values_;
  std::string reason_;
  int depth_ = 0;                   // of objects whose fields are looked at
  std::string path_;                // of the innermost one; empty for the first
  std::vector<std::size_t> paths_;  // lengths of the paths around it
  std::string name_;                // path of the field whose value comes next
  JsonField field_;                 // what it is
  int ignored_ = 0;                 // objects and arrays open in a value that is ignored
  int captured_ = 0;                // the same in a value that is kept as JSON
  std::string capture_;
  bool after_key_ = false;  // no comma before the next key or value
};

bool IsBlank(std::string_view line) {
  return line.find_first_not_of(" \t\r") == std::string_view::npos;
}

}  // namespace

std::string ReadJsonObject(std::string_view line,
                           const std::function<JsonField(const std::string&)>& field_of,
                           std::set<std::string>* unknown, std::vector<JsonValue>* values) {
  for (JsonValue& value : *values) {
    value.kind = JsonValue::Kind::kMissing;
    value.text.clear();
  }
  ObjectHandler handler(field_of, unknown, values);
  Json::sax_parse(line.begin(), line.end(), &handler);
  return handler.reason();
}

JsonWriter::JsonWriter(const LoadOptions& options, const TargetTable& table)
    : options_(options),
      table_(table),
      times_(TimeFormatsOf(options, table)),
      values_(table.columns.size()) {}

JsonField JsonWriter::FieldOf(const std::string& path) {
  const auto known = fields_.find(path);
  if (known != fields_.end()) return known->second;
  const NameMeaning meaning = MeaningOf(path, options_, table_);
  JsonField field;
  if (meaning.kind == NameMeaning::Kind::kSkipped) field.kind = JsonField::Kind::kSkipped;
  if (meaning.kind == NameMeaning::Kind::kColumn) {
    field = {JsonField::Kind::kColumn, table_.IndexOf(meaning.column)};
    if (meaning.column == table_.id_column && options_.ids == IdMode::kIgnore) {
      field.kind = JsonField::Kind::kSkipped;
    }
  }
  // Who writes keys without end shall not fill our memory.
  constexpr std::size_t kMostKnown = 10'000;
  if (fields_.size() < kMostKnown) fields_.emplace(path, field);
  return field;
}

std::string JsonWriter::Take(std::string_view record) {
  has_refused_id_ = false;
  const std::function<JsonField(const std::string&)> field_of = [this](const std::string& path) {
    return FieldOf(path);
  };
  std::string reason = IsBlank(record) ? "an empty line" : "";
  if (reason.empty()) reason = ReadJsonObject(record, field_of, &unknown_, &values_);
  if (reason.empty()) reason = ConvertTimes();
  if (!reason.empty()) return reason;
  if (!table_.id_column.empty() && options_.ids == IdMode::kRefuse) {
    has_refused_id_ = values_[table_.IndexOf(table_.id_column)].kind != JsonValue::Kind::kMissing;
  }
  ChooseFormat();
  if (!sent_.empty()) return "";
  return fmt::format("none of its fields ({}) is a column of the table ({}): --map FIELD=COLUMN",
                     fmt::join(unknown_, ", "), fmt::join(table_.columns, ", "));
}

std::string JsonWriter::ConvertTimes() {
  std::string converted;
  for (std::size_t i = 0; i < values_.size(); ++i) {
    JsonValue& value = values_[i];
    const bool text = value.kind == JsonValue::Kind::kText || value.kind == JsonValue::Kind::kPlain;
    if (times_[i] == nullptr || !text || value.text.empty()) continue;
    converted.clear();
    std::string reason = ConvertTime(*times_[i], table_.columns[i], value.text, &converted);
    if (!reason.empty()) return reason;
    value = {JsonValue::Kind::kText, converted};
  }
  return "";
}

// All columns without a default are sent, as NULL where they are missing; of the others only those
// that are there. So how a record is sent depends on nothing but the record.
void JsonWriter::ChooseFormat() {
  std::vector<bool> present(values_.size());
  bool any = false;
  for (std::size_t i = 0; i < values_.size(); ++i) {
    const bool there = values_[i].kind != JsonValue::Kind::kMissing;
    any |= there;
    present[i] = there || !table_.info[i].has_default;
  }
  if (!any) {
    sent_.clear();
    present_.clear();
    return;
  }
  if (present == present_) return;
  std::shared_ptr<const CopyFormat>& format = formats_[present];
  sent_.clear();
  std::vector<std::string> columns;
  for (std::size_t i = 0; i < present.size(); ++i) {
    if (!present[i]) continue;
    sent_.push_back(i);
    columns.push_back(table_.columns[i]);
  }
  if (format == nullptr) {
    format = std::make_shared<const CopyFormat>(
        FormatFor(options_, table_, std::move(columns), kStandardDialect));
  }
  format_ = format;
  present_ = std::move(present);
}

void JsonWriter::Append(std::string* out) {
  bool first = true;
  for (const std::size_t i : sent_) {
    if (!first) *out += ',';
    first = false;
    const JsonValue& value = values_[i];
    if (value.kind == JsonValue::Kind::kPlain) *out += value.text;
    if (value.kind == JsonValue::Kind::kText) *out += QuoteCsvField(value.text);
  }
}

std::vector<std::string> JsonWriter::NamesNotFound() const {
  std::vector<std::string> names;
  for (const auto& [name, column] : options_.map) {
    if (fields_.find(name) == fields_.end()) names.push_back(name);
  }
  for (const std::string& name : options_.skip) {
    if (fields_.find(name) == fields_.end()) names.push_back(name);
  }
  return names;
}

}  // namespace millrace::cli
