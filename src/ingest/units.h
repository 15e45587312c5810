// Times and durations as users type them.
#pragma once

#include <cstdint>
#include <string>

namespace millrace::cli {

// "90", "90s", "500ms", "1.5min", "2h", "7d" in microseconds; a number alone means seconds. Throws
// CliError for anything else and for negative values.
std::int64_t ParseDuration(const std::string& text);

// "2026-01-31", "2026-01-31 08:15", "2026-01-31T08:15:00.5Z", "... +01:00" or "now", in
// microseconds since 1970 UTC. Without an offset the time is UTC. Years 1 to 9999. Throws CliError.
std::int64_t ParseTimestamp(const std::string& text);

// The system clock, in the same units.
std::int64_t NowMicros();

}  // namespace millrace::cli
