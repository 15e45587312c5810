// Through which servers a table can be written.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "ingest/qualified_name.h"

namespace millrace::cli {

struct EntryPoints {
  std::vector<std::string> servers;  // connection strings, the given one first
  std::int64_t batch_rows;           // rows per transaction, if the user has not said how many
};

// If Citus distributes the table and other nodes accept writes too, more than the given server:
// each of them parses and routes rows, so a load is not limited to what one node can parse. Only
// the given server if
//   - the nodes cannot be reached from here by the addresses that they have for each other,
//   - ids of the table come from the given server alone: hand-written rollups follow its sequence,
//     or the column is too narrow for other nodes' ids.
// Says on standard error why nodes are left out, unless `quiet`. Throws CliError when the given
// server cannot be asked.
EntryPoints FindEntryPoints(const std::string& conninfo, const QualifiedName& table, bool quiet);

}  // namespace millrace::cli
