// What core's tests share. Not part of the library.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <set>

#include "core/base/allocator.h"

namespace millrace::testing {

// The seed of the randomised tests, printed once: MILLRACE_TEST_SEED, or a new one each run.
inline std::uint64_t Seed() {
  static const std::uint64_t seed = [] {
    const char* given = std::getenv("MILLRACE_TEST_SEED");
    const std::uint64_t value = given ? std::strtoull(given, nullptr, 10) : std::random_device{}();
    std::printf("seed: MILLRACE_TEST_SEED=%llu\n", static_cast<unsigned long long>(value));
    return value;
  }();
  return seed;
}

// Heap memory that is freed when the test ends, as in a memory context. The test fails if something
// is freed that was not allocated here.
class PoolAllocator final : public Allocator {
 public:
  ~PoolAllocator() {
    for (void* p : live_) std::free(p);
  }
  void* Allocate(std::size_t bytes) override {
    void* p = std::malloc(bytes == 0 ? 1 : bytes);
    live_.insert(p);
    return p;
  }
  void Free(void* p) noexcept override {
    if (p == nullptr) return;
    EXPECT_EQ(live_.erase(p), 1u);
    std::free(p);
  }

 private:
  std::set<void*> live_;
};

}  // namespace millrace::testing
