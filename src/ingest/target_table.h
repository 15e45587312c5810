// A table to load into, as the server knows it.
#pragma once

#include <string>
#include <vector>

#include "client/connection.h"
#include "ingest/qualified_name.h"

namespace millrace::cli {

struct TargetTable {
  QualifiedName name;                // as asked for
  std::string relation;              // its name without schema, as it appears in error contexts
  std::vector<std::string> columns;  // in the table's order, those that can be written
  // A column whose values the server draws, from a sequence, and which a rollup follows or which is
  // GENERATED ALWAYS: ids that are brought along would break the order in which they are drawn.
  // Empty: none.
  std::string id_column;
  std::string
      id_followers;  // names of the rollups that follow it, with commas between; may be none

  // The column that `name` means: the same, or else the same in lower case. Empty: none.
  std::string Match(const std::string& name) const;
  // All of `names`. Throws CliError, its message beginning with `where`, for one that is unknown or
  // named twice.
  std::vector<std::string> MatchAll(const std::vector<std::string>& names,
                                    const std::string& where) const;
};

// Looks the table up. Throws CliError when there is none, with a way out.
TargetTable FindTargetTable(Connection& connection, const QualifiedName& name);

}  // namespace millrace::cli
