// How the machinery does: what `millrace status` knows, and more of it.
#pragma once

#include <chrono>
#include <deque>

#include "dashboard/condition.h"
#include "dashboard/database.h"

namespace millrace::dashboard {

// Makes the answer, and remembers what it saw to tell how many events came in since. Not
// thread-safe.
class OperationsMaker {
 public:
  // As `Operations` in openapi.json.
  nlohmann::json Make(Database::Snapshot& snapshot, ConditionFinder& conditions);

 private:
  double EventsPerSecond(long long events_so_far);

  struct Sample {
    std::chrono::steady_clock::time_point time;
    long long events;
  };
  std::deque<Sample> samples_;  // oldest first
};

}  // namespace millrace::dashboard
