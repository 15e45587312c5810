#include "ingest/row_writer.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "client/error.h"
#include "client/text.h"

namespace millrace::cli {
namespace {

// Sends records as they are.
class PlainWriter : public RowWriter {
 public:
  explicit PlainWriter(CopyFormat format) {
    format_ = std::make_shared<const CopyFormat>(std::move(format));
  }
  std::string Take(std::string_view record) override {
    record_ = record;
    return "";
  }
  void Append(std::string* out) override { *out += record_; }
  bool changes_lines() const override { return false; }

 private:
  std::string_view record_;
};

// What is done with a field of each record.
struct FieldPlan {
  std::string name;  // of the table's column; empty: left out
  std::shared_ptr<const TimeFormat> time;
  bool empty_to_null = false;

  bool changes() const { return name.empty() || time != nullptr || empty_to_null; }
};

// Leaves out and rewrites fields; the others are sent as they are.
class ChangingWriter : public RowWriter {
 public:
  ChangingWriter(CopyFormat format, const Dialect& from, std::vector<FieldPlan> plan)
      : from_(from), plan_(std::move(plan)) {
    format_ = std::make_shared<const CopyFormat>(std::move(format));
  }

  std::string Take(std::string_view record) override {
    row_.clear();
    std::size_t index = 0, begin = 0;
    bool in_quotes = false, first = true;
    for (std::size_t i = 0; i <= record.size(); ++i) {
      if (i < record.size()) {
        if (record[i] == from_.quote && from_.quote != '\0') in_quotes = !in_quotes;
        if (record[i] != from_.delimiter || in_quotes) continue;
      }
      if (index == plan_.size()) return "extra data after last expected column";
      const FieldPlan& plan = plan_[index++];
      const std::string_view field = record.substr(begin, i - begin);
      begin = i + 1;
      if (plan.name.empty()) continue;
      if (!first) row_ += from_.delimiter;
      first = false;
      if (std::string reason = Write(plan, field); !reason.empty()) return reason;
    }
    if (index < plan_.size()) {
      const auto missing =
          std::find_if(plan_.begin() + static_cast<std::ptrdiff_t>(index), plan_.end(),
                       [](const FieldPlan& plan) { return !plan.name.empty(); });
      return missing == plan_.end() ? fmt::format("has {} of {} fields", index, plan_.size())
                                    : fmt::format("missing data for column \"{}\"", missing->name);
    }
    return "";
  }

  void Append(std::string* out) override { *out += row_; }
  bool changes_lines() const override { return true; }

 private:
  std::string Write(const FieldPlan& plan, std::string_view field) {
    if (plan.time != nullptr && field != from_.null_text) {
      const std::string text = std::move(SplitCsvRecord(field, from_)[0].value);
      if (!text.empty()) {
        converted_.clear();
        std::string reason = ConvertTime(*plan.time, plan.name, text, &converted_);
        // In quotes, because it may have the delimiter in it.
        row_ += QuoteCsvField(converted_, format_->dialect.quote);
        return reason;
      }
    }
    const bool empty = field.empty() || (field.size() == 2 && field[0] == from_.quote &&
                                         field[1] == from_.quote && from_.quote != '\0');
    if (plan.empty_to_null && empty) {
      row_ += from_.null_text;
    } else if (from_.quote == '\0' && field.find_first_of("\"\r") != std::string_view::npos) {
      row_ += QuoteCsvField(field);
    } else {
      row_ += field;
    }
    return "";
  }

  const Dialect from_;
  const std::vector<FieldPlan> plan_;
  std::string row_;
  std::string converted_;
};

}  // namespace

std::vector<std::shared_ptr<const TimeFormat>> TimeFormatsOf(const LoadOptions& options,
                                                             const TargetTable& table) {
  std::vector<std::shared_ptr<const TimeFormat>> formats(table.columns.size());
  std::vector<bool> named(table.columns.size());
  for (const auto& [column, text] : options.time_formats) {
    const auto format = std::make_shared<const TimeFormat>(text);
    if (!column.empty()) {
      const std::size_t index = table.IndexOf(table.Match(column));
      formats[index] = format;
      named[index] = true;
      continue;
    }
    for (std::size_t i = 0; i < formats.size(); ++i) {
      const ColumnInfo::Time time = table.info[i].time;
      if (!named[i] &&
          (time == ColumnInfo::Time::kWithZone || time == ColumnInfo::Time::kWithoutZone)) {
        formats[i] = format;
      }
    }
  }
  return formats;
}

CopyFormat FormatFor(const LoadOptions& options, const TargetTable& table,
                     std::vector<std::string> columns, const Dialect& dialect) {
  CopyFormat format{std::move(columns), false, dialect, {}, options.time_zone};
  format.dialect.encoding.clear();
  if (format.dialect.quote == '\0') format.dialect.quote = '"';
  for (const std::string& column : format.columns) {
    if (options.empty_as_null && table.info[table.IndexOf(column)].never_empty) {
      format.force_null.push_back(column);
    }
  }
  return format;
}

std::unique_ptr<RowWriter> MakeCsvWriter(const LoadOptions& options, const TargetTable& table,
                                         const std::vector<std::string>& names) {
  const auto times = TimeFormatsOf(options, table);
  std::vector<FieldPlan> plan;
  std::vector<std::string> columns;
  for (const std::string& name : names) {
    FieldPlan field{name, nullptr, false};
    if (!name.empty()) {
      const std::size_t index = table.IndexOf(name);
      field.time = times[index];
      field.empty_to_null = options.empty_as_null && !options.dialect.null_text.empty() &&
                            table.info[index].never_empty;
      columns.push_back(name);
    }
    plan.push_back(std::move(field));
  }
  CopyFormat format = FormatFor(options, table, std::move(columns), options.dialect);
  if (options.dialect.quote != '\0' &&
      std::none_of(plan.begin(), plan.end(), [](const FieldPlan& f) { return f.changes(); })) {
    return std::make_unique<PlainWriter>(std::move(format));
  }
  return std::make_unique<ChangingWriter>(std::move(format), options.dialect, std::move(plan));
}

std::string ConvertTime(const TimeFormat& format, const std::string& column, std::string_view text,
                        std::string* out) {
  return format.Convert(text, out) ? "" : NoTime(format, column, text);
}

std::string NoTime(const TimeFormat& format, const std::string& column, std::string_view text) {
  constexpr std::size_t kShown = 100;
  return fmt::format("column {}: \"{}\" is no time as --time-format {} describes it", column,
                     text.substr(0, kShown), ShellWord(format.text()));
}

}  // namespace millrace::cli
