// How the machinery does: what `millrace status` knows, and more of it.
#pragma once

#include <chrono>

#include "dashboard/database.h"

namespace millrace::dashboard {

// Makes the answer, and remembers what it saw to tell how many events came in since. Not
// thread-safe.
class OperationsMaker {
 public:
  // As `Operations` in openapi.json.
  nlohmann::json Make(Database::Snapshot& snapshot);

 private:
  double EventsPerSecond(long long events_so_far);

  long long events_ = -1;
  std::chrono::steady_clock::time_point seen_;
  double per_second_ = 0;
};

}  // namespace millrace::dashboard
