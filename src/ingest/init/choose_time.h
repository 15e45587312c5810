// Finds the column that says when each event happened.
#pragma once

#include "ingest/init/proposal.h"

namespace millrace::cli {

// Sets `time`, `time_sql` and `time_type` of the proposal, and the use and the type of that column.
// Other columns whose times cannot be read for sure become texts. Throws CliError if there is none,
// or if day and month cannot be told apart; it says what to type.
void ChooseTime(const InitChoices& choices, Proposal* proposal);

// Whether all of its times can be read with the day first and with the month first.
bool IsAmbiguousTime(const ColumnProfile& profile);

// What `millrace load --time-format` needs for the column; empty if SQL reads its values by itself.
std::string TimeFormatOf(const InitChoices& choices, const Column& column);

}  // namespace millrace::cli
