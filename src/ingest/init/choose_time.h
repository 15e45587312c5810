// Finds the column that says when each event happened.
#pragma once

#include "ingest/init/proposal.h"

namespace millrace::cli {

// Sets `time`, `time_sql` and `time_type` of the proposal, and the use and the type of that column.
// Throws CliError if there is none, or if day and month cannot be told apart; it says what to type.
void ChooseTime(const InitChoices& choices, Proposal* proposal);

// What `millrace load --time-format` needs for the column; empty if SQL reads its values by itself.
std::string TimeFormatOf(const InitChoices& choices, const Column& column);

}  // namespace millrace::cli
