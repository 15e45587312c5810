// Through which servers a table can be written.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "ingest/qualified_name.h"

namespace millrace::cli {

struct EntryPoints {
  std::vector<std::string> servers;  // connection strings, the given one first
  std::int64_t batch_rows;           // a transaction, where nobody has said how many
};

// More than the given server where Citus distributes the table and
// other nodes take writes as well: each of them parses and routes rows of its own, so that a load
// does not end at what one node can parse. Only the given one where
//   - the nodes cannot be reached from here by the addresses they know each other by,
//   - ids of the table come from the given server alone: hand-written rollups follow its sequence,
//     or the column is too narrow for other nodes' ids.
// Says on standard error why nodes are left out, unless `quiet`. Throws CliError when the given
// server cannot be asked.
EntryPoints FindEntryPoints(const std::string& conninfo, const QualifiedName& table, bool quiet);

}  // namespace millrace::cli
