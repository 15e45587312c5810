// A family of rollups, as the page shows it: dimensions to group and filter by, measures to show,
// and the tables that have them.
//
// A family is a rollup over events and the rollups over that one: they move in one transaction, so
// each of them gives the same answer to a question that it can answer. What its columns are comes
// from millrace.rollup_columns, where rollups are declared. Tables that nobody declared, such as
// the workshop's own, are told by their shape (families.h).
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace millrace::dashboard {

struct Dimension {
  std::string name;  // the column of the family's first table
  std::string label, plural, description;
  std::string type;
  bool tenant = false;
  bool hidden = false;
};

enum class MeasureKind {
  kCount,
  kSum,
  kMin,
  kMax,
  kAllTrue,   // bool_and
  kAnyTrue,   // bool_or
  kDistinct,  // hll
  kTop,       // topn
  kAverage,   // the sum and the count of an avg: `numerator` / `denominator`
  kRatio,     // two other measures: `numerator` / `denominator`
};

// Whether a measure is a column of the tables; others follow from two of these.
inline bool IsStored(MeasureKind kind) {
  return kind != MeasureKind::kAverage && kind != MeasureKind::kRatio;
}

struct Measure {
  std::string name;
  std::string label, unit, description;
  MeasureKind kind;
  std::string numerator, denominator;
  // A count of events that meet a condition is a goal, and the ratio of it to all events is its
  // rate. Both have the goal's name here.
  std::string goal;
  bool text = false;  // a minimum or maximum of times or texts
  bool hidden = false;
};

// A table of a family.
struct RollupTable {
  std::string name;  // as it can be used in a statement
  std::string live;  // its live view, which has the newest events too; empty if it has none
  std::string bucket;
  // The width of its buckets in seconds, which begin `origin` seconds after a multiple of it since
  // 1970; 0: they are of no fixed width.
  std::int64_t width = 0, origin = 0;
  double rows = 0;      // by statistics; 0: not known
  std::string leading;  // the column that its index begins with
  // The columns of the family that it has, by the family's names: its own names, quoted.
  std::map<std::string, std::string> columns;

  bool bucket_is_timestamptz = true;

  bool Has(const std::set<std::string>& names) const;
  // The bucket as a timestamptz; other times are taken as UTC.
  std::string bucket_time() const {
    return bucket_is_timestamptz ? bucket : bucket + "::timestamptz";
  }
};

struct Family {
  std::string id;  // the name of its first table
  std::string title, source;
  bool declared = false;
  std::vector<Dimension> dimensions;
  std::vector<Measure> measures;
  // The first has all columns, and the narrowest buckets.
  std::vector<RollupTable> tables;
  // Names of values: by dimension (or measure of kind kTop), by value.
  std::map<std::string, std::map<std::string, std::string>> value_labels;

  const Dimension* dimension(const std::string& name) const;
  const Measure* measure(const std::string& name) const;
  // The dimension that is the tenant; nullptr if there is none.
  const Dimension* tenant() const;
  // The count of all events, or the first count, or nullptr.
  const Measure* events() const;
  // The label of a value; null if it has none.
  nlohmann::json LabelOf(const std::string& name, const nlohmann::json& value) const;

  // As `Family` in openapi.json.
  nlohmann::json ToJson() const;
};

// Good names for what nobody has named: from the names of columns, and what is known of them.
// "device_distinct_count" is "Distinct devices", "event_type" is "Event type", in the plural "Event
// types".
std::string LabelOfDimension(const std::string& name);
std::string LabelOfMeasure(const std::string& name, MeasureKind kind);
std::string Plural(const std::string& label);

// `text` as an SQL literal. Throws ApiError 400 if it has a zero byte.
std::string Literal(const std::string& text);

}  // namespace millrace::dashboard
