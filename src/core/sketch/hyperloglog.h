// HyperLogLog values in memory, which grow with their content. Their stored form, and what can be
// read from it directly, is in hyperloglog_view.h.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/base/allocator.h"
#include "core/base/status.h"
#include "core/sketch/hyperloglog_view.h"

namespace millrace {

// A sketch that grows with its content: a list of values while they are kept exactly, a list of
// registers while few are set, then one byte per register. Trivially destructible; its memory
// belongs to the allocator that the calls which change it are given (the same one each time). These
// calls throw std::bad_alloc, which leaves the sketch as it was or with some of the added values in
// it.
class HyperLogLog {
 public:
  explicit HyperLogLog(const HllParameters& parameters) noexcept : parameters_(parameters) {}

  const HllParameters& parameters() const { return parameters_; }

  void Add(std::uint64_t hash, Allocator& allocator);
  // REQUIRES: the parameters are equal. A union with an undefined sketch is undefined.
  void Merge(const HllView& view, Allocator& allocator);
  void Merge(const HyperLogLog& other, Allocator& allocator);

  // What the stored form will be. Sparse is chosen when it is smaller than full (max_sparse -1), or
  // when at most `max_sparse` registers are set.
  struct Encoding {
    HllType type;
    std::uint32_t count;  // explicit values or set registers
    std::size_t size;     // bytes, header included
  };
  // Sorts the content into stored order, and neither adds nor removes values.
  Encoding PrepareEncoding(int max_sparse, Allocator& allocator);
  // Writes encoding.size bytes. REQUIRES: nothing was added since PrepareEncoding.
  void Encode(const Encoding& encoding, std::uint8_t* out) const noexcept;

  bool undefined() const { return mode_ == Mode::kUndefined; }
  // As the free function of this name. REQUIRES: not undefined().
  Status EstimateCardinality(Allocator& allocator, double* estimate);
  // Frees the memory; afterwards only assignment is allowed. For sketches that live shorter than
  // their allocator.
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
