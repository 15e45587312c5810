// A growing array without a destructor: its memory belongs to the allocator.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <type_traits>

#include "core/base/allocator.h"

namespace millrace {

// Elements are moved by memcpy and never destroyed. Every call that grows the array must be given
// the same allocator. It throws std::bad_alloc, which leaves the array as it was.
template <typename T>
class Buffer {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  T* data() { return data_; }
  const T* data() const { return data_; }
  T& operator[](std::size_t i) { return data_[i]; }
  const T& operator[](std::size_t i) const { return data_[i]; }

  void Reserve(std::size_t capacity, Allocator& allocator) {
    if (capacity <= capacity_) return;
    const std::size_t grown = std::max({capacity, capacity_ * 2, kFirstCapacity});
    T* data = allocator.AllocateArray<T>(grown);
    if (size_ > 0) std::memcpy(static_cast<void*>(data), data_, size_ * sizeof(T));
    allocator.Free(data_);
    data_ = data;
    capacity_ = grown;
  }
  void Append(const T& value, Allocator& allocator) {
    if (size_ == capacity_) Reserve(size_ + 1, allocator);
    data_[size_++] = value;
  }
  // Adds `count` elements at the end; they are not initialised.
  T* Extend(std::size_t count, Allocator& allocator) {
    Reserve(size_ + count, allocator);
    size_ += count;
    return data_ + (size_ - count);
  }
  void Clear() { size_ = 0; }
  void Release(Allocator& allocator) {
    allocator.Free(data_);
    *this = Buffer();
  }

 private:
  static constexpr std::size_t kFirstCapacity = 16;
  T* data_ = nullptr;
  std::size_t size_ = 0;
  std::size_t capacity_ = 0;
};

}  // namespace millrace
