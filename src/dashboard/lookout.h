// The dashboard's look at the whole database, with a connection of its own. Each query has a time
// limit, so that a locked table does not keep the rest from being found out.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "monitor/monitor.h"

namespace millrace::dashboard {

// Thread-safe: one thread looks at a time, the others wait.
class Lookout {
 public:
  explicit Lookout(std::string conninfo) : conninfo_(std::move(conninfo)) {}

  // Called with what was found and the session that found it, which can run more queries.
  using Use = std::function<void(monitor::Session&, const monitor::Report&)>;
  // Throws ApiError 503 if the database does not answer.
  void Look(const Use& use);

  // Whether somebody has looked within this time.
  bool LookedWithin(std::chrono::seconds time) const {
    return std::chrono::steady_clock::now() - looked_.load() < time;
  }

  monitor::Monitor& monitor() { return monitor_; }
  // How many statements were sent so far.
  long long statements() const { return statements_; }

 private:
  monitor::Report Examine(std::unique_ptr<monitor::Session>* session);

  const std::string conninfo_;
  monitor::Monitor monitor_;
  std::mutex mutex_;
  std::unique_ptr<Connection> connection_;
  std::atomic<long long> statements_ = 0;
  std::atomic<std::chrono::steady_clock::time_point> looked_{};
};

}  // namespace millrace::dashboard
