// What earlier looks have seen. How long a rollup has been behind can only be known if somebody saw
// when it was not; and what takes long to find out is not asked every few seconds.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

namespace millrace::monitor {

// Thread-safe.
class Memory {
 public:
  using Clock = std::chrono::steady_clock;

  // Notes whether a rollup (a row of rollups.h) has all events.
  void NoteCaughtUp(const nlohmann::json& rollup);
  // For how many seconds the rollup has certainly been behind: as the server says, but at most
  // since it was last seen to have all events. Nothing if that is not known, 0 if it has all
  // events. REQUIRES: NoteCaughtUp was called for it.
  std::optional<double> SecondsBehind(const nlohmann::json& rollup);

  // The answer of `ask` (nullopt: there was none), or the last one: an answer is kept for twenty
  // times as long as it took, at most a minute, while `state` is the same. Calls `ask` without
  // holding the lock.
  std::optional<nlohmann::json> Keep(const std::string& key, const std::string& state,
                                     const std::function<std::optional<nlohmann::json>()>& ask);

 private:
  // When a rollup was last seen to have all events; if never, when it was first seen.
  struct Seen {
    Clock::time_point time;
    bool caught_up;
  };
  struct Kept {
    std::string state;
    nlohmann::json answer;
    Clock::time_point until;
  };
  std::mutex mutex_;
  std::map<std::string, Seen> seen_;
  std::map<std::string, Kept> kept_;
};

}  // namespace millrace::monitor
