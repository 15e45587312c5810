// Lines of JSON as records of a table: one object per line.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "ingest/row_writer.h"

namespace millrace::cli {

// A value of an object, as it is sent for one column.
struct JsonValue {
  enum class Kind { kMissing, kNull, kText, kPlain };  // kPlain: a number, true or false
  Kind kind = Kind::kMissing;
  // The text; for a number its digits as they are in the file. An object or array is kText: its
  // JSON, without blanks.
  std::string text;
};

// What is done with a field of an object.
struct JsonField {
  enum class Kind { kColumn, kSkipped, kUnknown };
  Kind kind = Kind::kUnknown;
  std::size_t column = 0;
};

// Reads one object. `field_of` says what a field is by its path: "a", or "a.b" for a field b of the
// object in a field a; it is asked for the fields of an object whose own path is unknown. The
// values go to `values` by column, which is cleared first. A field that is unknown and has no
// fields of its own is added to `unknown` (at most JsonWriter::kMostUnknown). Returns why the line
// is bad, or an empty text. Deep nesting uses no stack.
std::string ReadJsonObject(std::string_view line,
                           const std::function<JsonField(const std::string&)>& field_of,
                           std::set<std::string>* unknown, std::vector<JsonValue>* values);

// Writes objects as CSV. Fields that are in no column are left out, and kept in unknown(). A field
// that is missing is NULL, or the column's default if it has one.
class JsonWriter : public RowWriter {
 public:
  // `table` and `options` must outlive this object.
  JsonWriter(const LoadOptions& options, const TargetTable& table);

  std::string Take(std::string_view record) override;
  void Append(std::string* out) override;
  bool changes_lines() const override { return true; }

  // Whether the record that was taken has an id that options.ids says to refuse.
  bool has_refused_id() const { return has_refused_id_; }
  // Paths of fields that are in no column, of all records taken: at most kMostUnknown.
  static constexpr std::size_t kMostUnknown = 50;
  const std::set<std::string>& unknown() const { return unknown_; }
  // Names of options.map and options.skip that were in no record.
  std::vector<std::string> NamesNotFound() const;

 private:
  JsonField FieldOf(const std::string& path);
  void ChooseFormat();
  std::string ConvertTimes();

  const LoadOptions& options_;
  const TargetTable& table_;
  const std::vector<std::shared_ptr<const TimeFormat>> times_;
  std::unordered_map<std::string, JsonField> fields_;  // by path, as far as asked
  std::vector<JsonValue> values_;                      // by column of the table
  // By which of the columns with a default are there; a record has few different sets.
  std::map<std::vector<bool>, std::shared_ptr<const CopyFormat>> formats_;
  std::vector<bool> present_;      // of format_
  std::vector<std::size_t> sent_;  // columns of format_
  std::set<std::string> unknown_;
  bool has_refused_id_ = false;
};

}  // namespace millrace::cli
