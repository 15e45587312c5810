// Where the growing structures of src/core get their memory. In a backend it is a memory context;
// in tests and benchmarks it is the heap.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <new>

namespace millrace {

// Memory from here lives until Free, or until the owner of the allocator drops all of it at once.
// Structures built on it are trivially destructible and never need Free to be called.
class Allocator {
 public:
  // PostgreSQL's MAXALIGN: less than the heap's.
  static constexpr std::size_t kAlignment = 8;

  // Returns `bytes` bytes at a multiple of kAlignment. Throws std::bad_alloc, never returns
  // nullptr.
  virtual void* Allocate(std::size_t bytes) = 0;
  // Gives back what Allocate returned. nullptr is allowed.
  virtual void Free(void* memory) noexcept = 0;

  template <typename T>
  T* AllocateArray(std::size_t count) {
    static_assert(alignof(T) <= kAlignment);
    return static_cast<T*>(Allocate(count * sizeof(T)));
  }

 protected:
  ~Allocator() = default;
};

// malloc and free.
class HeapAllocator final : public Allocator {
 public:
  void* Allocate(std::size_t bytes) override {
    void* memory = std::malloc(bytes == 0 ? 1 : bytes);
    if (memory == nullptr) throw std::bad_alloc();
    return memory;
  }
  void Free(void* memory) noexcept override { std::free(memory); }
};

}  // namespace millrace
