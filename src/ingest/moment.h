// A time that was read from text.
#pragma once

#include <cstdint>
#include <optional>

namespace millrace::cli {

struct Moment {
  std::int64_t wall = 0;      // microseconds since 1970-01-01 00:00 of the clock that shows it
  std::optional<int> offset;  // of that clock, minutes east of UTC
  bool has_hours = true;      // false: a date
  bool counted = false;       // it was a number since 1970
};

}  // namespace millrace::cli
