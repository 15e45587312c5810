// How files of a proposal are loaded into its table.
#pragma once

#include <string>
#include <vector>

#include "ingest/init/proposal.h"
#include "ingest/init/sample_files.h"
#include "ingest/load_files.h"

namespace millrace::cli {

// `options` has what the user said of the load itself (jobs, rejects); the rest is set: files,
// table, columns, and how the files are written.
LoadOptions LoadPlan(const std::vector<std::string>& files, const SampledFiles& sampled,
                     const InitChoices& choices, const Proposal& proposal, LoadOptions options);

// The command that does the same.
std::string LoadCommand(const LoadOptions& options);

}  // namespace millrace::cli
