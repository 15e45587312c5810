// How wide the partitions of a table of events are.
#pragma once

#include <cstdint>
#include <string>

#include "ingest/init/proposal.h"

namespace millrace::cli {

// "1day", "5min", "2 hours" as PostgreSQL writes them: "1 day". Throws CliError for anything else,
// and for months and years, which have no fixed width.
std::string ParsePartitionWidth(const std::string& text);

// By the rate of the events in the sample, unless the user has chosen. `now` is in microseconds
// since 1970.
Partitions ChoosePartitions(const InitChoices& choices, const Proposal& proposal, std::int64_t now);

}  // namespace millrace::cli
