// The sketch that counts: HyperLogLog values in memory, growing with their content. The stored
// form, and what can be asked of it as it is, are in hyperloglog_view.h.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/base/allocator.h"
#include "core/base/status.h"
#include "core/sketch/hyperloglog_view.h"

namespace millrace {

// A sketch that grows with its content: a list of values while they are kept exactly, a list of
// registers while few are set, then one byte a register. Trivially destructible; its memory belongs
// to the allocator that the mutating calls are given (the same one each time). Those throw
// std::bad_alloc, which leaves the sketch as it was or with some of the added values in it.
class HyperLogLog {
 public:
  explicit HyperLogLog(const HllParameters& parameters) noexcept : parameters_(parameters) {}

  const HllParameters& parameters() const { return parameters_; }

  void Add(std::uint64_t hash, Allocator& allocator);
  // REQUIRES: the parameters are equal. Undefined absorbs everything.
  void Merge(const HllView& view, Allocator& allocator);
  void Merge(const HyperLogLog& other, Allocator& allocator);

  // What the stored form will be. Sparse is chosen when it is smaller than full (max_sparse -1), or
  // when at most `max_sparse` registers are set.
  struct Encoding {
    HllType type;
    std::uint32_t count;  // explicit values or set registers
    std::size_t size;     // bytes, header included
  };
  // Brings the content into stored order; adds nothing and takes nothing away.
  Encoding PrepareEncoding(int max_sparse, Allocator& allocator);
  // Writes encoding.size bytes. REQUIRES: nothing was added since PrepareEncoding.
  void Encode(const Encoding& encoding, std::uint8_t* out) const noexcept;

  bool undefined() const { return mode_ == Mode::kUndefined; }
  // As the free function. REQUIRES: not undefined().
  Status EstimateCardinality(Allocator& allocator, double* estimate);
  // Gives the memory back; afterwards only assignment is allowed. For sketches that come and go
  // where the allocator stays.
  void Free(Allocator& allocator) noexcept {
    allocator.Free(list_);
    allocator.Free(registers_);
  }
  // Bytes held outside the object.
  std::size_t memory() const;

 private:
  enum class Mode : std::uint8_t {
    kUndefined,
    kEmpty,
    kExplicit,  // list_: hash values
    kSparse,    // list_: index << 8 | register, registers set more than once included
    kFull,      // registers_: one byte each
  };

  void Append(std::int64_t entry, Allocator& allocator);
  void MakeRoom(Allocator& allocator);
  void Reserve(std::uint32_t capacity, Allocator& allocator);
  void Compact() noexcept;
  void StartRegisters(Allocator& allocator);
  void ToFull(Allocator& allocator);
  void SetRegister(std::uint32_t index, std::uint8_t value, Allocator& allocator);
  void MergeExplicit(const HllView& view, Allocator& allocator);
  void MergeExplicitIntoFull(const HllView& view) noexcept;

  HllParameters parameters_;
  Mode mode_ = Mode::kEmpty;
  std::uint32_t count_ = 0;     // entries in list_
  std::uint32_t sorted_ = 0;    // this many of them, from the front, are ascending and distinct
  std::uint32_t capacity_ = 0;  // of list_
  std::int64_t* list_ = nullptr;
  std::uint8_t* registers_ = nullptr;
};

}  // namespace millrace
