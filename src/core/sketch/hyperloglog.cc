#include "core/sketch/hyperloglog.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <type_traits>

#include "core/base/coding.h"
#include "core/sketch/bit_io.h"
#include "core/sketch/hyperloglog_registers.h"

namespace millrace {
namespace {

constexpr std::uint32_t kFirstListCapacity = 8;

static_assert(std::is_trivially_destructible_v<HyperLogLog>);

// The register and rank of a hash value: the low log2m bits choose the register; the rank is the
// position of the lowest set bit of the remaining bits, counted from 1. If the remaining bits are
// zero, nothing is set (rank 0).
struct Placement {
  std::uint32_t index;
  std::uint8_t rank;
};

inline Placement Place(std::uint64_t hash, const HllParameters& parameters) {
  const std::uint64_t rest = hash >> parameters.log2m;
  const auto index = static_cast<std::uint32_t>(hash & (parameters.registers() - 1));
  if (rest == 0) return {index, 0};
  const int rank = std::countr_zero(rest) + 1;
  return {index, static_cast<std::uint8_t>(std::min<int>(rank, parameters.max_register()))};
}

}  // namespace

void HyperLogLog::Add(std::uint64_t hash, Allocator& allocator) {
  switch (mode_) {
    case Mode::kUndefined:
      return;
    case Mode::kEmpty:
      if (parameters_.explicit_limit() == 0) {
        StartRegisters(allocator);
        return Add(hash, allocator);
      }
      mode_ = Mode::kExplicit;
      [[fallthrough]];
    case Mode::kExplicit:
      if (count_ == capacity_) {
        MakeRoom(allocator);
        if (mode_ != Mode::kExplicit) return Add(hash, allocator);
      }
      list_[count_++] = static_cast<std::int64_t>(hash);
      return;
    case Mode::kSparse:
    case Mode::kFull: {
      const Placement place = Place(hash, parameters_);
      SetRegister(place.index, place.rank, allocator);
      return;
    }
  }
}

void HyperLogLog::SetRegister(std::uint32_t index, std::uint8_t value, Allocator& allocator) {
  if (mode_ == Mode::kFull) {
    if (value > registers_[index]) registers_[index] = value;
  } else if (value > 0) {
    if (count_ == capacity_) {
      MakeRoom(allocator);
      if (mode_ == Mode::kFull) return SetRegister(index, value, allocator);
    }
    list_[count_++] = static_cast<std::int64_t>(index) << 8 | value;
  }
}

// Sorts the list and removes duplicates; of several values of one register the highest stays.
void HyperLogLog::Compact() noexcept {
  if (sorted_ == count_) return;
  std::sort(list_, list_ + count_);
  std::uint32_t kept = 0;
  if (mode_ == Mode::kExplicit) {
    kept = static_cast<std::uint32_t>(std::unique(list_, list_ + count_) - list_);
  } else {
    for (std::uint32_t i = 0; i < count_; ++i) {
      const bool last_of_index = i + 1 == count_ || list_[i] >> 8 != list_[i + 1] >> 8;
      if (last_of_index) list_[kept++] = list_[i];
    }
  }
  count_ = sorted_ = kept;
}

void HyperLogLog::Reserve(std::uint32_t capacity, Allocator& allocator) {
  if (capacity <= capacity_) return;
  auto* list = allocator.AllocateArray<std::int64_t>(capacity);
  if (count_ > 0) std::memcpy(list, list_, count_ * sizeof(*list));
  allocator.Free(list_);
  list_ = list;
  capacity_ = capacity;
}

// Called when the list is full: afterwards it has room, or the sketch is in a later mode. A list is
// sorted only when at least half of it is new since it was last sorted, so adding a value costs
// O(log n) amortised.
void HyperLogLog::MakeRoom(Allocator& allocator) {
  Compact();
  if (mode_ == Mode::kExplicit && count_ > parameters_.explicit_limit()) {
    StartRegisters(allocator);
    return;
  }
  if (mode_ == Mode::kSparse && count_ * 2 * sizeof(*list_) > parameters_.registers()) {
    ToFull(allocator);
    return;
  }
  if (count_ * 2 >= capacity_) Reserve(std::max(kFirstListCapacity, capacity_ * 2), allocator);
}

// From exact values (or none) to registers.
void HyperLogLog::StartRegisters(Allocator& allocator) {
  std::int64_t* values = list_;
  const std::uint32_t count = count_;
  HyperLogLog registers(parameters_);
  registers.mode_ = Mode::kSparse;
  if (count * 2 * sizeof(*list_) > parameters_.registers()) registers.ToFull(allocator);
  for (std::uint32_t i = 0; i < count; ++i) {
    registers.Add(static_cast<std::uint64_t>(values[i]), allocator);
  }
  *this = registers;
  allocator.Free(values);
}

void HyperLogLog::ToFull(Allocator& allocator) {
  if (mode_ == Mode::kFull) return;
  registers_ = allocator.AllocateArray<std::uint8_t>(parameters_.registers());
  std::memset(registers_, 0, parameters_.registers());
  for (std::uint32_t i = 0; i < count_; ++i) {
    std::uint8_t& target = registers_[list_[i] >> 8];
    target = std::max(target, static_cast<std::uint8_t>(list_[i] & 0xff));
  }
  allocator.Free(list_);
  list_ = nullptr;
  count_ = sorted_ = capacity_ = 0;
  mode_ = Mode::kFull;
}

void HyperLogLog::MergeExplicit(const HllView& view, Allocator& allocator) {
  if (mode_ == Mode::kExplicit && count_ == 0 && view.count() <= parameters_.explicit_limit()) {
    Reserve(std::max(kFirstListCapacity, view.count()), allocator);
    for (std::uint32_t i = 0; i < view.count(); ++i) list_[i] = view.ExplicitValue(i);
    count_ = sorted_ = view.count();
    return;
  }
  for (std::uint32_t i = 0; i < view.count(); ++i) {
    Add(static_cast<std::uint64_t>(view.ExplicitValue(i)), allocator);
  }
}

// The same when the sketch has all its registers, which is the usual case in a union of many small
// values.
void HyperLogLog::MergeExplicitIntoFull(const HllView& view) noexcept {
  const HllParameters parameters = parameters_;
  std::uint8_t* registers = registers_;
  for (std::uint32_t i = 0; i < view.count(); ++i) {
    const Placement place = Place(static_cast<std::uint64_t>(view.ExplicitValue(i)), parameters);
    if (place.rank > registers[place.index]) registers[place.index] = place.rank;
  }
}

void HyperLogLog::Merge(const HllView& view, Allocator& allocator) {
  if (undefined() || view.type() == HllType::kEmpty) return;
  switch (view.type()) {
    case HllType::kUndefined:
      mode_ = Mode::kUndefined;
      return;
    case HllType::kExplicit:
      if (mode_ == Mode::kEmpty) mode_ = Mode::kExplicit;
      if (mode_ == Mode::kFull) {
        MergeExplicitIntoFull(view);
      } else {
        MergeExplicit(view, allocator);
      }
      return;
    case HllType::kSparse:
      if (mode_ == Mode::kEmpty || mode_ == Mode::kExplicit) StartRegisters(allocator);
      view.VisitSparse(
          [&](std::uint32_t index, std::uint8_t value) { SetRegister(index, value, allocator); });
      return;
    case HllType::kFull:
      if (mode_ == Mode::kEmpty || mode_ == Mode::kExplicit) StartRegisters(allocator);
      ToFull(allocator);
      view.MaxInto(registers_);
      return;
    case HllType::kEmpty:
      return;
  }
}

void HyperLogLog::Merge(const HyperLogLog& other, Allocator& allocator) {
  if (undefined() || other.mode_ == Mode::kEmpty) return;
  switch (other.mode_) {
    case Mode::kUndefined:
      mode_ = Mode::kUndefined;
      return;
    case Mode::kExplicit:
      for (std::uint32_t i = 0; i < other.count_; ++i) {
        Add(static_cast<std::uint64_t>(other.list_[i]), allocator);
      }
      return;
    case Mode::kSparse:
      if (mode_ == Mode::kEmpty || mode_ == Mode::kExplicit) StartRegisters(allocator);
      for (std::uint32_t i = 0; i < other.count_; ++i) {
        SetRegister(static_cast<std::uint32_t>(other.list_[i] >> 8),
                    static_cast<std::uint8_t>(other.list_[i] & 0xff), allocator);
      }
      return;
    case Mode::kFull:
      if (mode_ == Mode::kEmpty || mode_ == Mode::kExplicit) StartRegisters(allocator);
      ToFull(allocator);
      MaxRegisters(other.registers_, parameters_.registers(), registers_);
      return;
    case Mode::kEmpty:
      return;
  }
}

HyperLogLog::Encoding HyperLogLog::PrepareEncoding(int max_sparse, Allocator& allocator) {
  Compact();
  if (mode_ == Mode::kExplicit && count_ > parameters_.explicit_limit()) StartRegisters(allocator);
  switch (mode_) {
    case Mode::kUndefined:
      return {HllType::kUndefined, 0, kHllHeaderBytes};
    case Mode::kEmpty:
      return {HllType::kEmpty, 0, kHllHeaderBytes};
    case Mode::kExplicit:
      return {HllType::kExplicit, count_, kHllHeaderBytes + count_ * sizeof(*list_)};
    case Mode::kSparse:
    case Mode::kFull:
      break;
  }
  Compact();
  const std::uint32_t m = parameters_.registers();
  const std::uint32_t set =
      mode_ == Mode::kSparse
          ? count_
          : static_cast<std::uint32_t>(m - std::count(registers_, registers_ + m, 0));
  const std::size_t sparse_bits = std::size_t{set} * (parameters_.log2m + parameters_.regwidth);
  const std::size_t full_bits = std::size_t{m} * parameters_.regwidth;
  const bool sparse =
      parameters_.sparseon != 0 &&
      (max_sparse == -1 ? sparse_bits < full_bits : set <= static_cast<std::uint32_t>(max_sparse));
  if (sparse) return {HllType::kSparse, set, kHllHeaderBytes + (sparse_bits + 7) / 8};
  ToFull(allocator);
  return {HllType::kFull, set, kHllHeaderBytes + (full_bits + 7) / 8};
}

void HyperLogLog::Encode(const Encoding& encoding, std::uint8_t* out) const noexcept {
  WriteHllHeader(encoding.type, parameters_, out);
  std::uint8_t* body = out + kHllHeaderBytes;
  if (encoding.type == HllType::kExplicit) {
    for (std::uint32_t i = 0; i < count_; ++i) {
      StoreBigEndian64(body + std::size_t{i} * sizeof(*list_),
                       static_cast<std::uint64_t>(list_[i]));
    }
  } else if (encoding.type == HllType::kFull) {
    PackRegisters(registers_, parameters_.registers(), parameters_.regwidth, body);
  } else if (encoding.type == HllType::kSparse) {
    BitWriter writer(body, parameters_.log2m + parameters_.regwidth);
    auto write = [&](std::uint64_t index, std::uint64_t value) {
      writer.Write(index << parameters_.regwidth | value);
    };
    if (mode_ == Mode::kSparse) {
      for (std::uint32_t i = 0; i < count_; ++i) {
        write(static_cast<std::uint64_t>(list_[i]) >> 8, list_[i] & 0xff);
      }
    } else {
      for (std::uint32_t i = 0; i < parameters_.registers(); ++i) {
        if (registers_[i] != 0) write(i, registers_[i]);
      }
    }
    writer.Finish();
  }
}

Status HyperLogLog::EstimateCardinality(Allocator& allocator, double* estimate) {
  const Encoding encoding = PrepareEncoding(-1, allocator);
  if (mode_ == Mode::kEmpty || mode_ == Mode::kExplicit) {
    *estimate = encoding.count;
    return Status::Ok();
  }
  RegisterHistogram histogram;
  if (mode_ == Mode::kSparse) {
    for (std::uint32_t i = 0; i < count_; ++i) {
      histogram.Count(static_cast<std::uint8_t>(list_[i] & 0xff));
    }
    histogram.FillUp(parameters_.registers(), count_);
  } else {
    histogram.Count(registers_, parameters_.registers());
  }
  return histogram.Estimate(parameters_, estimate);
}

std::size_t HyperLogLog::memory() const {
  return mode_ == Mode::kFull ? parameters_.registers() : capacity_ * sizeof(*list_);
}

}  // namespace millrace
