// How the machinery does: what `millrace status` knows, and more of it.
#pragma once

#include <chrono>
#include <deque>

#include "dashboard/condition.h"
#include "dashboard/lookout.h"

namespace millrace::dashboard {

// Makes the answer, and remembers what it saw to tell how many events came in since. Not
// thread-safe.
class OperationsMaker {
 public:
  // As `Operations` in openapi.json. Throws ApiError 503 where the database does not answer.
  nlohmann::json Make(Lookout& lookout, ConditionFinder& conditions);

 private:
  double EventsPerSecond(long long events_so_far);

  struct Sample {
    std::chrono::steady_clock::time_point time;
    long long events;
  };
  std::deque<Sample> samples_;  // oldest first
};

}  // namespace millrace::dashboard
