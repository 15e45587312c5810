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

#include "ingest/json_object.h"
#include "ingest/plain_json.h"
#include "ingest/row_writer.h"

namespace millrace::cli {

// Writes objects as CSV, or in the binary form where that is possible (binary_row.h). Fields that
// are in no column are left out, and kept in unknown(). A field that is missing is NULL, or the
// column's default if it has one.
class JsonWriter : public RowWriter {
 public:
  // `table` and `options` must outlive this object. `binary`: the format of a record may be
  // CopyFormat::binary.
  JsonWriter(const LoadOptions& options, const TargetTable& table, bool binary = false);

  std::string Take(std::string_view record) override;
  void Append(std::string* out) override;
  bool changes_lines() const override { return true; }

  // Whether the record that was taken has an id that options.ids says to refuse.
  bool has_refused_id() const { return has_refused_id_; }
  // Paths of fields that are in no column, of all records taken: at most kMostUnknownFields.
  const std::set<std::string>& unknown() const { return unknown_; }
  // Names of options.map and options.skip that were in no record.
  std::vector<std::string> NamesNotFound() const;

 protected:
  // The name by which options.map, options.skip and the columns know a field.
  virtual std::string NameOf(const std::string& path) const { return path; }
  // Called for each record when its fields are in `values`, by column of the table; may add others.
  // Returns why the record is bad, or an empty text.
  virtual std::string AddValues(std::vector<JsonValue>* /*values*/) { return ""; }
  // From now on a field that is called like one of these columns of the table is in no column.
  void KeepFor(const std::vector<std::size_t>& columns) { kept_ = columns; }
  // The values of this column are times of our own, not in the form of the file's.
  void LeaveTimes(std::size_t column) {
    std::erase_if(timed_, [column](const Timed& timed) { return timed.column == column; });
  }

 private:
  // A column whose times have a form of their own, and what is read of the record.
  struct Timed {
    std::size_t column;
    std::shared_ptr<const TimeFormat> format;
    bool there = false;
    Moment moment{};
  };
  // How records with these columns are sent.
  struct Formats {
    std::vector<std::size_t> columns;  // of the table
    std::shared_ptr<const CopyFormat> text;
    std::shared_ptr<const CopyFormat> binary;
  };

  JsonField FieldOf(const std::string& path);
  const Formats& ChooseColumns();
  std::string ReadTimes();
  bool WriteBinary();
  void WriteText(std::string* out) const;

  const LoadOptions& options_;
  const TargetTable& table_;
  const bool binary_;
  std::vector<Timed> timed_;
  std::unordered_map<std::string, JsonField> fields_;  // by path, as far as asked
  const std::function<JsonField(const std::string&)> field_of_;
  PlainJsonReader plain_;
  std::vector<JsonValue> values_;  // by column of the table
  // By which of the columns with a default are there; a record has few different sets.
  std::map<std::vector<bool>, Formats> formats_;
  std::vector<bool> present_;  // of the record
  std::vector<bool> before_;   // of the record before
  const Formats* chosen_ = nullptr;
  std::string row_;  // of the record, if it is binary
  std::vector<std::size_t> kept_;
  std::set<std::string> unknown_;
  bool has_refused_id_ = false;
};

}  // namespace millrace::cli
