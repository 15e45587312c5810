// A clock that nobody sets: the time of day may jump forward and back.
#pragma once

#include "pg/base/api.h"

namespace millrace::pg {

// Microseconds since some moment before the server started; the same for all its processes.
using MonotonicTime = int64;
inline constexpr MonotonicTime kNever = PG_INT64_MAX;
MonotonicTime MonotonicNow();

}  // namespace millrace::pg
