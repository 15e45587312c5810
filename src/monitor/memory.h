// What was seen at earlier looks: how long a rollup has been behind is known only to who saw when
// it was not, and what takes long to find out is not asked for every few seconds.
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
  // Seconds for which it has certainly been behind: what the server says, but no longer than since
  // it was seen to have all events. Nothing where that is not known, 0 where it has all. REQUIRES:
  // NoteCaughtUp was told of it.
  std::optional<double> SecondsBehind(const nlohmann::json& rollup);

  // The answer of `ask` (nullopt: none was had), or the one before it: an answer is kept for twenty
  // times as long as it took, a minute at most, while `state` is the same. Asked for outside the
  // lock.
  std::optional<nlohmann::json> Keep(const std::string& key, const std::string& state,
                                     const std::function<std::optional<nlohmann::json>()>& ask);

 private:
  // When a rollup was last seen to have all events, or first of all.
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
