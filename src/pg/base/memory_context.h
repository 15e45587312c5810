// Memory contexts as allocators for src/core.
#pragma once

#include <sys/mman.h>

#include <cstdint>
#include <new>

#include "core/base/allocator.h"
#include "pg/base/api.h"

namespace millrace::pg {

// Asks for huge pages for a large allocation, if the system gives them on request. Otherwise one
// page fault per 4 kB costs more than the work on the memory.
inline void AdviseHugePages(void* memory, std::size_t bytes) noexcept {
#ifdef MADV_HUGEPAGE
  constexpr std::uintptr_t kHugePage = std::uintptr_t{2} << 20;
  const auto begin = (reinterpret_cast<std::uintptr_t>(memory) + kHugePage - 1) & ~(kHugePage - 1);
  const auto end = (reinterpret_cast<std::uintptr_t>(memory) + bytes) & ~(kHugePage - 1);
  if (begin < end) (void)madvise(reinterpret_cast<void*>(begin), end - begin, MADV_HUGEPAGE);
#endif
}

// Memory of one context. Trivially destructible: what is not freed lives as long as the context.
// Allocate throws std::bad_alloc and never raises a PostgreSQL error, so it may be used inside
// RunCpp.
class MemoryContextAllocator final : public Allocator {
 public:
  explicit MemoryContextAllocator(MemoryContext context) : context_(context) {}

  void* Allocate(std::size_t bytes) override {
    if (!AllocHugeSizeIsValid(bytes)) throw std::bad_alloc();
    void* memory = MemoryContextAllocExtended(context_, bytes, MCXT_ALLOC_HUGE | MCXT_ALLOC_NO_OOM);
    if (memory == nullptr) throw std::bad_alloc();
    constexpr std::size_t kLarge = std::size_t{4} << 20;
    if (bytes >= kLarge) AdviseHugePages(memory, bytes);
    return memory;
  }
  void Free(void* memory) noexcept override {
    if (memory != nullptr) pfree(memory);
  }

 private:
  MemoryContext context_;
};

}  // namespace millrace::pg
