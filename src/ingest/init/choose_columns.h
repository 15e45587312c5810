// Decides what each column of a sample is for.
#pragma once

#include <string>
#include <vector>

#include "ingest/init/proposal.h"

namespace millrace::cli {

// The columns of a file, with plain names and SQL types. `choices.types` decides types; a column
// that it names and the file does not have is a CliError.
std::vector<Column> ColumnsOfSample(const std::vector<ColumnProfile>& profiles,
                                    const InitChoices& choices);

// Sets `time` and what follows from it, the tenant, dimensions, and what is counted and summed.
// `proposal->columns` have names, types and profiles. Throws CliError, with what to type, if no
// column is a time, or if a choice names a column that is not there or does not suit.
void ChooseUses(const InitChoices& choices, Proposal* proposal);

}  // namespace millrace::cli
