// Dense events, for commands that make tables with partitions (--dense).
#pragma once

#include <string>

#include "client/connection.h"

namespace millrace::cli {

// SQL after which new partitions of the database are dense: those of this session, and of all that
// connect later. With comments.
std::string DensePartitionsSql();

// Throws CliError if this role cannot run DensePartitionsSql here, or it would have no effect.
void CheckDense(Connection& connection);

}  // namespace millrace::cli
