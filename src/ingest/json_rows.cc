#include "ingest/json_rows.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "ingest/binary_row.h"
#include "ingest/file_columns.h"
#include "ingest/sniff.h"
#include "ingest/text_encoding.h"

namespace millrace::cli {
namespace {

bool IsBlank(std::string_view line) {
  return line.find_first_not_of(" \t\r") == std::string_view::npos;
}

}  // namespace

JsonWriter::JsonWriter(const LoadOptions& options, const TargetTable& table, bool binary)
    : options_(options),
      table_(table),
      binary_(binary),
      field_of_([this](const std::string& path) { return FieldOf(path); }),
      plain_(field_of_),
      values_(table.columns.size()),
      present_(values_.size()) {
  const auto times = TimeFormatsOf(options, table);
  for (std::size_t i = 0; i < times.size(); ++i) {
    if (times[i] != nullptr) timed_.push_back({i, times[i]});
  }
}

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
  std::string reason;
  if (!plain_.Read(record, &unknown_, &values_)) {
    reason = IsBlank(record) ? "an empty line" : "";
    if (reason.empty()) reason = ReadJsonObject(record, field_of_, &unknown_, &values_);
    if (!reason.empty() && !IsUtf8(record)) {
      const std::string encoding = SniffEncoding(record);
      return fmt::format("not UTF-8: give --encoding {}, or the one that the file is in",
                         encoding.empty() ? "latin1" : encoding);
    }
  }
  const bool any = std::any_of(values_.begin(), values_.end(), [](const JsonValue& value) {
    return value.kind != JsonValue::Kind::kMissing;
  });
  if (reason.empty()) reason = AddValues(&values_);
  if (reason.empty()) reason = ReadTimes();
  if (!reason.empty()) return reason;
  if (!table_.id_column.empty() && options_.ids == IdMode::kRefuse) {
    has_refused_id_ = values_[table_.IndexOf(table_.id_column)].kind != JsonValue::Kind::kMissing;
  }
  if (!any) {
    return fmt::format("none of its fields ({}) is a column of the table ({}): --map FIELD=COLUMN",
                       fmt::join(unknown_, ", "), fmt::join(table_.columns, ", "));
  }
  chosen_ = &ChooseColumns();
  if (binary_ && WriteBinary()) {
    format_ = chosen_->binary;
    return "";
  }
  format_ = chosen_->text;
  for (const Timed& timed : timed_) {
    if (!timed.there) continue;
    JsonValue& value = values_[timed.column];
    value.kind = JsonValue::Kind::kText;
    value.text.clear();
    AppendMoment(timed.moment, &value.text);
  }
  return "";
}

std::string JsonWriter::ReadTimes() {
  for (Timed& timed : timed_) {
    const JsonValue& value = values_[timed.column];
    timed.there = !value.text.empty() &&
                  (value.kind == JsonValue::Kind::kText || value.kind == JsonValue::Kind::kPlain);
    if (!timed.there || timed.format->Read(value.text, &timed.moment)) continue;
    return NoTime(*timed.format, table_.columns[timed.column], value.text);
  }
  return "";
}

// All columns without a default are sent, as NULL where they are missing, and those whose default
// is known, with it; of the others only those that are there. So how a record is sent depends on
// nothing but the record.
const JsonWriter::Formats& JsonWriter::ChooseColumns() {
  for (std::size_t i = 0; i < values_.size(); ++i) {
    const bool there = values_[i].kind != JsonValue::Kind::kMissing;
    present_[i] = true;
    if (there || !table_.info[i].has_default) continue;
    present_[i] = table_.info[i].constant_default.has_value();
    if (present_[i]) values_[i] = {JsonValue::Kind::kText, *table_.info[i].constant_default};
  }
  if (chosen_ != nullptr && present_ == before_) return *chosen_;
  before_ = present_;
  Formats& formats = formats_[present_];
  if (formats.text != nullptr) return formats;
  std::vector<std::string> columns;
  for (std::size_t i = 0; i < present_.size(); ++i) {
    if (!present_[i]) continue;
    formats.columns.push_back(i);
    columns.push_back(table_.columns[i]);
  }
  CopyFormat format = FormatFor(options_, table_, std::move(columns), kStandardDialect);
  formats.text = std::make_shared<const CopyFormat>(format);
  format.binary = true;
  formats.binary = std::make_shared<const CopyFormat>(std::move(format));
  return formats;
}

bool JsonWriter::WriteBinary() {
  row_.clear();
  AppendBinaryRow(chosen_->columns.size(), &row_);
  auto timed = timed_.begin();
  for (const std::size_t i : chosen_->columns) {
    while (timed != timed_.end() && timed->column < i) ++timed;
    const JsonValue& value = values_[i];
    const BinaryType type = table_.info[i].binary;
    if (value.kind == JsonValue::Kind::kMissing || value.kind == JsonValue::Kind::kNull) {
      AppendBinaryNull(&row_);
    } else if (timed != timed_.end() && timed->column == i && timed->there) {
      if (!AppendBinaryMoment(type, timed->moment, &row_)) return false;
    } else if (!AppendBinaryText(type, value.text, &row_)) {
      return false;
    }
  }
  return true;
}

void JsonWriter::WriteText(std::string* out) const {
  bool first = true;
  for (const std::size_t i : chosen_->columns) {
    if (!first) *out += ',';
    first = false;
    const JsonValue& value = values_[i];
    if (value.kind == JsonValue::Kind::kPlain) *out += value.text;
    if (value.kind == JsonValue::Kind::kText) *out += QuoteCsvField(value.text);
  }
}

void JsonWriter::Append(std::string* out) {
  if (format_->binary) {
    *out += row_;
  } else {
    WriteText(out);
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
