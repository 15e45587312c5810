// Whether pg_partman can go on making the partitions it keeps.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "cli/connection.h"

namespace millrace::cli {

// What is wrong with them, or will be, as sentences with what to do: a table whose maintenance
// fails or never ends, and since when; one without a partition for now; rows in a default partition
// that could be moved. `tables` is that section of status.h.
//
// pg_partman keeps no record of its runs, and its worker tells only the log of a failure. So this
// looks at what a run goes by: where the newest partition ends, where it should end by now, and
// which rows in the default partition are in the way. Reads default partitions of up to 128 MB, no
// larger ones.
std::vector<std::string> PartitionWarnings(Connection& connection, const nlohmann::json& tables);

}  // namespace millrace::cli
