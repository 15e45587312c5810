#include "ingest/json_rows.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "ingest/file_columns.h"
#include "ingest/sniff.h"
#include "ingest/text_encoding.h"

namespace millrace::cli {
namespace {

bool IsBlank(std::string_view line) {
  return line.find_first_not_of(" \t\r") == std::string_view::npos;
}

}  // namespace

JsonWriter::JsonWriter(const LoadOptions& options, const TargetTable& table)
    : options_(options),
      table_(table),
      times_(TimeFormatsOf(options, table)),
      values_(table.columns.size()) {}

JsonField JsonWriter::FieldOf(const std::string& path) {
  const auto known = fields_.find(path);
  if (known != fields_.end()) return known->second;
  const NameMeaning meaning = MeaningOf(NameOf(path), options_, table_);
  JsonField field;
  if (meaning.kind == NameMeaning::Kind::kSkipped) field.kind = JsonField::Kind::kSkipped;
  if (meaning.kind == NameMeaning::Kind::kColumn) {
    field = {JsonField::Kind::kColumn, table_.IndexOf(meaning.column)};
    if (meaning.column == table_.id_column && options_.ids == IdMode::kIgnore) {
      field.kind = JsonField::Kind::kSkipped;
    }
  }
  if (field.kind == JsonField::Kind::kColumn &&
      std::find(kept_.begin(), kept_.end(), field.column) != kept_.end()) {
    field.kind = JsonField::Kind::kSkipped;
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
  if (!reason.empty() && !IsUtf8(record)) {
    const std::string encoding = SniffEncoding(record);
    return fmt::format("not UTF-8: give --encoding {}, or the one that the file is in",
                       encoding.empty() ? "latin1" : encoding);
  }
  const bool any = std::any_of(values_.begin(), values_.end(), [](const JsonValue& value) {
    return value.kind != JsonValue::Kind::kMissing;
  });
  if (reason.empty()) reason = AddValues(&values_);
  if (reason.empty()) reason = ConvertTimes();
  if (!reason.empty()) return reason;
  if (!table_.id_column.empty() && options_.ids == IdMode::kRefuse) {
    has_refused_id_ = values_[table_.IndexOf(table_.id_column)].kind != JsonValue::Kind::kMissing;
  }
  if (any) {
    ChooseFormat();
    return "";
  }
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

// All columns without a default are sent, as NULL where they are missing, and those whose default
// is known, with it; of the others only those that are there. So how a record is sent depends on
// nothing but the record.
void JsonWriter::ChooseFormat() {
  std::vector<bool> present(values_.size());
  for (std::size_t i = 0; i < values_.size(); ++i) {
    const bool there = values_[i].kind != JsonValue::Kind::kMissing;
    present[i] = true;
    if (there || !table_.info[i].has_default) continue;
    present[i] = table_.info[i].constant_default.has_value();
    if (present[i]) values_[i] = {JsonValue::Kind::kText, *table_.info[i].constant_default};
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
