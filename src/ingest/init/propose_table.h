// From a table that is there to a proposal: rollups, and what they need.
#pragma once

#include <string>

#include "client/connection.h"
#include "ingest/init/proposal.h"

namespace millrace::cli {

// Reads a sample of the table's rows, and its statistics. `table` is as the user typed it. Throws
// CliError, with what to do, for a table that rollups cannot follow as it is, and for an empty one.
Proposal ProposeForTable(Connection& connection, const std::string& table,
                         const InitChoices& choices);

}  // namespace millrace::cli
