// Spreads events over time.
#pragma once

#include <chrono>
#include <cstdint>

namespace millrace::cli {

// Says how many events are due at a steady rate since it was made. A caller that falls behind
// catches up.
class Pacer {
 public:
  using Clock = std::chrono::steady_clock;

  // `per_second` > 0.
  explicit Pacer(double per_second) : per_second_(per_second), start_(Clock::now()) {}

  // Events due by now; the first one at once.
  std::int64_t Due() const {
    const std::chrono::duration<double> passed = Clock::now() - start_;
    return static_cast<std::int64_t>(passed.count() * per_second_) + 1;
  }
  // When event `index` (0 is the first) is due.
  Clock::time_point When(std::int64_t index) const {
    const std::chrono::duration<double> wait(static_cast<double>(index) / per_second_);
    return start_ + std::chrono::duration_cast<Clock::duration>(wait);
  }

 private:
  double per_second_;
  Clock::time_point start_;
};

}  // namespace millrace::cli
