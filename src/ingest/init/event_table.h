// A table of events that is there, as the server describes it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "client/connection.h"
#include "ingest/qualified_name.h"

namespace millrace::cli {

struct EventColumn {
  std::string name;
  std::string type;  // as SQL writes it, but timestamptz and timestamp for the long names
  bool enumeration = false;
  bool not_null = false;
  double distinct = 0;  // pg_stats: how many values differ, or, below 0, of how many rows (-0.5:
                        // every second); 0: unknown
};

struct EventTable {
  QualifiedName name;  // with its schema
  bool partitioned = false;
  std::int64_t rows = 0;                // about; 0: unknown
  bool changed = false;                 // rows were updated or deleted
  std::vector<EventColumn> columns;     // without those that a sequence fills
  std::vector<std::string> id_columns;  // that a sequence fills
  std::vector<std::string> mending;     // statements without which no rollup can follow it
  std::vector<std::string> reasons;     // for each of them: what is wrong
  std::vector<std::string> rollups;     // over it, as in SQL
};

// Looks the table up. Throws CliError, with what to do, if it is not there, or is no table that
// rollups can follow: a view, a partition, a rollup.
EventTable FindEventTable(Connection& connection, const QualifiedName& name);

}  // namespace millrace::cli
