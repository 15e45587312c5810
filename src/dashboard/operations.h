// The state of the machinery: what `millrace status` knows, and more.
#pragma once

#include <chrono>
#include <deque>

#include "dashboard/condition.h"
#include "dashboard/lookout.h"

namespace millrace::dashboard {

// Makes the answer. Remembers what it saw, to find out how many events have come in since. Not
// thread-safe.
class OperationsMaker {
 public:
  // As `Operations` in openapi.json. Throws ApiError 503 if the database does not answer.
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
