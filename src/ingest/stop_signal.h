// SIGINT and SIGTERM as a request to stop, which the program asks for where it can stop cleanly.
#pragma once

#include <chrono>
#include <string>

namespace millrace::cli {

// From now on the first SIGINT or SIGTERM only sets StopRequested(); the second one ends the
// process as usual. System calls are interrupted, not restarted. May be called more than once.
void InstallStopSignals();

// Whether a signal has asked to stop. May be called in any thread.
bool StopRequested();

// The exit status that shells expect of a process that ended because of the signal: 130 or 143.
int StopExitCode();

// While it lives, blocks SIGINT and SIGTERM in the calling thread. Threads started in that time
// inherit this, so the signals interrupt the main thread's system calls.
class BlockStopSignals {
 public:
  BlockStopSignals();
  ~BlockStopSignals();
  BlockStopSignals(const BlockStopSignals&) = delete;
  BlockStopSignals& operator=(const BlockStopSignals&) = delete;
};

// Sleeps until `when`, or until a stop is requested: then returns false.
bool SleepUntil(std::chrono::steady_clock::time_point when);

}  // namespace millrace::cli
