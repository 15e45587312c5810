#include "monitor/memory.h"

#include <algorithm>

namespace millrace::monitor {

using nlohmann::json;

void Memory::NoteCaughtUp(const json& rollup) {
  const bool caught_up = rollup["events_behind"] == 0;
  const Seen now = {Clock::now(), caught_up};
  const std::lock_guard lock(mutex_);
  const auto [found, added] = seen_.emplace(rollup["name"], now);
  if (!added && caught_up) found->second = now;
}

std::optional<double> Memory::SecondsBehind(const json& rollup) {
  if (rollup["events_behind"].is_null()) return std::nullopt;
  if (rollup["events_behind"] == 0) return 0;
  Seen seen;
  {
    const std::lock_guard lock(mutex_);
    seen = seen_.at(rollup["name"]);
  }
  const double watched = std::chrono::duration<double>(Clock::now() - seen.time).count();
  const json& told = rollup["seconds_behind"];
  if (told.is_null()) return watched;
  return seen.caught_up ? std::min(told.get<double>(), watched) : told.get<double>();
}

std::optional<json> Memory::Keep(const std::string& key, const std::string& state,
                                 const std::function<std::optional<json>()>& ask) {
  const auto start = Clock::now();
  {
    const std::lock_guard lock(mutex_);
    const auto found = kept_.find(key);
    if (found != kept_.end() && found->second.state == state && start < found->second.until) {
      return found->second.answer;
    }
  }
  std::optional<json> answer = ask();
  if (!answer) return std::nullopt;
  const auto end = Clock::now();
  const auto longest = std::chrono::duration_cast<Clock::duration>(std::chrono::minutes(1));
  const std::lock_guard lock(mutex_);
  kept_[key] = {state, *answer, end + std::min<Clock::duration>(20 * (end - start), longest)};
  return answer;
}

}  // namespace millrace::monitor
