// What the fuzz targets share.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <set>

#include "core/base/allocator.h"

// A broken property ends the run with the input that broke it.
#define FUZZ_CHECK(condition)  \
  do {                         \
    if (!(condition)) abort(); \
  } while (false)

namespace millrace {

// Heap memory that is freed after each input.
class FuzzAllocator final : public Allocator {
 public:
  ~FuzzAllocator() {
    for (void* p : live_) std::free(p);
  }
  void* Allocate(std::size_t bytes) override {
    return *live_.insert(std::malloc(bytes == 0 ? 1 : bytes)).first;
  }
  void Free(void* p) noexcept override {
    if (p != nullptr) FUZZ_CHECK(live_.erase(p) == 1);
    std::free(p);
  }

 private:
  std::set<void*> live_;
};

}  // namespace millrace
