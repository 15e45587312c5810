// What a sample of rows says about one column: how many values it has, how many differ, and which
// type all of them have.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "ingest/csv.h"
#include "ingest/init/time_forms.h"

namespace millrace::cli {

// Rows of files or of a table. As in CSV, a field that is empty and not quoted is NULL.
struct Sample {
  std::vector<std::string> names;           // of the columns, as they are written there
  std::vector<std::vector<CsvField>> rows;  // each with as many fields as there are names
  std::int64_t total_rows = 0;              // of all, about
  bool whole = false;                       // the rows are all there are; total_rows is exact
  std::int64_t odd_rows = 0;                // left out: they have more or fewer fields
};

enum class ValueType {
  kBigint,
  kDecimal,  // digits with a point, or too many for kBigint
  kFloat,    // also with an exponent
  kBoolean,
  kUuid,
  kDate,
  kTime,
  kInet,
  kJson,
  kText,
};

// How numbers are written.
enum class NumberStyle {
  kPlain,      // 1234.5
  kComma,      // 1234,5 or 1.234,5
  kThousands,  // 1,234.5
};

struct ColumnProfile {
  std::string name;                   // as in the sample
  ValueType type = ValueType::kText;  // of all values; kText if there is none
  std::int64_t values = 0;            // that are not NULL
  std::int64_t nulls = 0;
  std::int64_t empty_texts = 0;  // of `values`, or of `nulls` if the column is no text: ""
  std::int64_t distinct = 0;     // of `values`; of the whole table where it is known
  std::size_t longest = 0;       // bytes
  std::vector<std::string>
      examples;  // the first values that differ, at most three, cut to 40 bytes
  // Where the type is a number.
  NumberStyle style = NumberStyle::kPlain;
  int decimals = 0;           // at most so many digits after the point
  bool same_decimals = true;  // each value has `decimals` of them
  std::size_t digits = 0;     // at most so many in all
  double low = 0, high = 0;
  // Where all values are times in some form; also numbers that may be times since 1970.
  std::uint32_t time_forms = 0;                // the forms that fit all values
  TimeReading time;                            // of the first value, in the first of these forms
  bool same_time_format = true;                // each value has the same parts
  std::int64_t without_zone = 0;               // how many values say no zone
  std::int64_t first_time = 0, last_time = 0;  // in microseconds, in the first of these forms
  // A hash of the value in each row of the sample; 0: NULL.
  std::vector<std::uint64_t> keys;

  bool all_null() const { return values == 0; }
  // How many rows have the same value, on average. 1 where all differ; 0 where there is none.
  double repeats() const {
    return distinct == 0 ? 0 : static_cast<double>(values) / static_cast<double>(distinct);
  }
};

// Describes the sample's columns. A field that is `null_text` and not quoted is NULL too, and so is
// an empty text in a column of another type.
// With `given`, a column whose values are all in this format is a time, in the form kTimeGiven
// alone.
std::vector<ColumnProfile> ProfileColumns(const Sample& sample, const std::string& null_text,
                                          const TimeFormat* given = nullptr);

// What stands for NULL in the sample besides the empty field, such as "NULL" or "\N": a word
// without which a column that looks like text has another type. Empty: nothing does.
std::string GuessNullText(const Sample& sample);

}  // namespace millrace::cli
