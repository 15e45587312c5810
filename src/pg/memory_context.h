// Memory contexts as core's allocators.
#pragma once

#include <new>

#include "core/base/allocator.h"
#include "pg/pg_api.h"

namespace millrace::pg {

// Memory of one context. Trivially destructible: what is not freed goes with the context. Allocate
// throws std::bad_alloc and never raises a PostgreSQL error, so it may be used inside RunCpp.
class MemoryContextAllocator final : public Allocator {
 public:
  explicit MemoryContextAllocator(MemoryContext context) : context_(context) {}

  void* Allocate(std::size_t bytes) override {
    if (!AllocHugeSizeIsValid(bytes)) throw std::bad_alloc();
    void* memory = MemoryContextAllocExtended(context_, bytes, MCXT_ALLOC_HUGE | MCXT_ALLOC_NO_OOM);
    if (memory == nullptr) throw std::bad_alloc();
    return memory;
  }
  void Free(void* memory) noexcept override {
    if (memory != nullptr) pfree(memory);
  }

 private:
  MemoryContext context_;
};

}  // namespace millrace::pg
