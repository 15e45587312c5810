// Reads topics into a table until it is stopped: waits for brokers and for the database, and goes
// on where the table says.
#pragma once

#include <string>

#include "kafka/consumer.h"

namespace millrace::cli {

// The exit status when somebody has to decide something before the consumer can go on: a gap, a
// message that is no row, too many rejects. A service should not be restarted after it.
inline constexpr int kNeedsDecision = 5;

// Throws CliError if it cannot begin, or ends other than by a signal or as the options say; with
// exit code kNeedsDecision if somebody has to decide.
ConsumeProgress Consume(const std::string& conninfo, const ConsumeOptions& options);

// Accepts the gaps that were found in the topics, so that consumers go on after them. Returns a
// line for each. `go_on_at`: "oldest" or "newest".
std::vector<std::string> AcceptGaps(const std::string& conninfo, const ConsumeOptions& options,
                                    const std::string& go_on_at);

}  // namespace millrace::cli
