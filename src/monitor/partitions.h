// Whether events of the next minutes have partitions.
#pragma once

#include "monitor/memory.h"
#include "monitor/session.h"

namespace millrace::monitor {

// partition_maintenance_fails, partitions_end_soon, rows_in_default: a table whose maintenance
// fails or never ends, and since when; one without a partition for now or soon; rows in a default
// partition that could be moved. `tables`: the partitioned tables, as in monitor.h.
//
// pg_partman keeps no record of its runs, and its worker reports a failure only in the log. So this
// looks at what a run looks at: where the newest partition ends, where it should end by now, and
// which rows of the default partition are in the way. Reads default partitions of up to 128 MB
// only.
std::vector<Warning> JudgePartitions(Session& session, Memory& memory,
                                     const nlohmann::json& tables);

}  // namespace millrace::monitor
