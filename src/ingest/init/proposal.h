// What `millrace init` proposes for events: a table, its partitions, and rollups over it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "ingest/init/column_profile.h"
#include "ingest/qualified_name.h"

namespace millrace::cli {

// What the user has decided; everything else is guessed. Names of columns are as in the file or as
// in the table. In the lists nothing is nullopt, and {"none"} no column at all.
struct InitChoices {
  std::string table;      // empty: by the name of the first file
  std::string id_column;  // of a table that is there
  std::string time_column;
  std::string time_zone = "UTC";  // of times that say none
  std::string time_format;        // of the time column; as for `millrace load`
  std::string tenant;             // "none": there is none
  std::optional<std::vector<std::string>> dimensions, distinct, top, sum;
  bool partitions = true;
  std::string partition;                     // width of a partition, such as 1day, 1hour, 5min
  std::map<std::string, std::string> types;  // SQL types of columns
};

enum class ColumnUse {
  kTime,
  kTenant,
  kDimension,
  kMeasure,  // is counted or summed up; see the flags
  kPlain,    // is in the table, and in no rollup
};

struct Column {
  std::string name;        // in the table
  std::string raw_name;    // of the column that the file's text goes to, if it is another one, from
                           // which this one is generated; else empty
  std::string expression;  // that generates it
  std::string type;        // as in SQL
  bool enumeration = false;  // a type of PostgreSQL's that lists its values
  ColumnProfile profile;
  ColumnUse use = ColumnUse::kPlain;
  bool distinct = false;  // distinct values are counted
  bool top = false;       // most frequent values are kept
  bool sum = false;
  bool average = false;  // with minimum and maximum
  std::string why;       // "98,000 of 100,000 values differ: an id; counted with hll"
};

struct Partitions {
  std::string width;  // as PostgreSQL writes an interval; empty: the table has no partitions
  std::string start;  // the first partition's beginning, as an SQL expression of type text
  std::string why;
  int premake = 4;  // how many pg_partman makes ahead
};

struct Proposal {
  QualifiedName table;  // with its schema
  bool table_is_there = false;
  std::string id_column;
  std::string mending;   // for a table that is there: statements that it needs first
  bool name_id = false;  // other columns are filled by sequences too: rollups must name this one
  std::vector<Column> columns;  // without the id
  std::size_t time = 0;         // of `columns`
  std::string time_sql;         // the expression that the buckets are made of
  std::string time_type;        // timestamptz, timestamp or date: of time_sql
  std::optional<std::size_t> tenant;
  Partitions partitions;
  std::string partman_schema = "partman";  // quoted where needed
  std::vector<std::string> sources;        // of the sample: names of files, or of the table
  std::int64_t sample_rows = 0;
  std::int64_t total_rows = 0;  // about; exact if `whole`
  bool whole = false;
  std::vector<std::string> notes;  // what a reader should know first, one sentence or more each
};

}  // namespace millrace::cli
