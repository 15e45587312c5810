// SIGINT and SIGTERM as a wish to stop, asked for where stopping is clean.
#pragma once

#include <chrono>
#include <string>

namespace millrace::cli {

// From now on the first SIGINT or SIGTERM only sets StopRequested(); the second one ends the
// process as ever. System calls are interrupted, not restarted. Idempotent.
void InstallStopSignals();

// Whether a signal has asked to stop. Safe in every thread.
bool StopRequested();

// The exit status shells expect of a process that ended by the signal received: 130 or 143.
int StopExitCode();

// Keeps SIGINT and SIGTERM away from the calling thread while it lives, so that threads started
// meanwhile inherit that and the main thread's system calls are the ones interrupted.
class BlockStopSignals {
 public:
  BlockStopSignals();
  ~BlockStopSignals();
  BlockStopSignals(const BlockStopSignals&) = delete;
  BlockStopSignals& operator=(const BlockStopSignals&) = delete;
};

// Sleeps until `when` or until a stop is requested; false then.
bool SleepUntil(std::chrono::steady_clock::time_point when);

}  // namespace millrace::cli
