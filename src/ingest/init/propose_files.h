// From files to a proposal, and how the files are then loaded.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "ingest/init/proposal.h"
#include "ingest/init/sample_files.h"

namespace millrace::cli {

// The table for events of `files`. `now` is in microseconds since 1970. Throws CliError, with what
// to type, where something has to be decided that cannot be guessed.
Proposal ProposeForFiles(const std::vector<std::string>& files, const SampledFiles& sampled,
                         const InitChoices& choices, std::int64_t now);

// The table that a file's events go into unless the user names one: "clicks" for clicks.csv and for
// clicks-2026-01.csv.gz.
std::string TableNameOf(const std::string& path);

}  // namespace millrace::cli
