#include "pg/base/monotonic_time.h"

#include <ctime>

namespace millrace::pg {

MonotonicTime MonotonicNow() {
  timespec now;
  (void)clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<int64>(now.tv_sec) * 1'000'000 + now.tv_nsec / 1000;
}

}  // namespace millrace::pg
