// Messages that were rejected, tried again after a repair.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "kafka/message_rows.h"

namespace millrace::cli {

struct ReplayOptions {
  MessageOptions messages;          // messages.load.table is the table
  std::vector<std::string> topics;  // empty: all
  std::string where;                // a condition in SQL over millrace.kafka_reject; empty: all
  bool quiet = false;
};

struct ReplayReport {
  std::int64_t loaded = 0;
  std::int64_t still_bad = 0;  // their error is brought up to date
  std::int64_t without = 0;    // whose payload was too long to be kept
  std::string example;         // of those that are still bad
};

// Loads the rejects and removes them from millrace.kafka_reject in the same transactions, so each
// is in once, also if two replays run at once or one is killed. Throws CliError; what was committed
// until then stays.
ReplayReport Replay(const std::string& conninfo, const ReplayOptions& options);

}  // namespace millrace::cli
