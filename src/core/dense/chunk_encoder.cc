#include <algorithm>
#include <cstring>

#include "core/base/hash.h"
#include "core/dense/chunk.h"
#include "core/dense/chunk_layout.h"

namespace millrace::dense {
namespace {

constexpr std::uint16_t kNone = UINT16_MAX;
constexpr int kSlots = 2 * kMaxChunkRows;  // at most half full
std::uint64_t HashBytes(const std::uint8_t* bytes, std::size_t size) {
  constexpr std::uint64_t kMixer = 0x9e3779b97f4a7c15ULL;
  std::uint64_t hash = size;
  for (; size >= 8; bytes += 8, size -= 8) {
    hash = FoldedMultiply(hash ^ LoadUnaligned<std::uint64_t>(bytes), kMixer);
  }
  std::uint64_t rest = 0;
  for (std::size_t i = 0; i < size; ++i) rest |= std::uint64_t{bytes[i]} << (8 * i);
  return FoldedMultiply(hash ^ rest, kMixer);
}

std::uint64_t Difference(std::uint64_t a, std::uint64_t b) { return a - b; }

}  // namespace

struct ChunkEncoder::Plan {
  bool any_null;
  Encoding encoding;
  std::uint8_t width;
  std::uint16_t entries;
  std::int64_t first, least, greatest, least_step;
  std::size_t entry_bytes;  // of all entries, with their padding
  std::size_t bytes;        // of bitmap and block
};

std::size_t ChunkEncoder::WorkspaceBytes(const ColumnShape* shapes, int columns) {
  std::size_t bytes = Align((kSlots + kMaxChunkRows) * sizeof(std::uint16_t), 8);
  for (int i = 0; i < columns; ++i) {
    bytes += Align(sizeof(Plan), 8) + 2 * sizeof(std::uint16_t*);
    if (!shapes[i].integer) bytes += 2 * kMaxChunkRows * sizeof(std::uint16_t);
  }
  return bytes;
}

void ChunkEncoder::Begin(const ColumnShape* shapes, const ColumnInput* inputs, int columns,
                         int rows, void* workspace) {
  shapes_ = shapes;
  inputs_ = inputs;
  columns_ = columns;
  rows_ = rows;
  auto* next = static_cast<std::uint8_t*>(workspace);
  auto take = [&next](std::size_t bytes) {
    std::uint8_t* taken = next;
    next += Align(bytes, 8);
    return taken;
  };
  const auto count = static_cast<std::size_t>(columns);
  plans_ = reinterpret_cast<Plan*>(take(count * Align(sizeof(Plan), 8)));
  codes_ = reinterpret_cast<std::uint16_t**>(take(count * sizeof(std::uint16_t*)));
  entries_ = reinterpret_cast<std::uint16_t**>(take(count * sizeof(std::uint16_t*)));
  renamed_ = reinterpret_cast<std::uint16_t*>(take(kMaxChunkRows * sizeof(std::uint16_t)));
  auto* slots = reinterpret_cast<std::uint16_t*>(take(kSlots * sizeof(std::uint16_t)));
  for (int i = 0; i < columns; ++i) {
    codes_[i] = nullptr;
    if (shapes[i].integer) continue;
    codes_[i] = reinterpret_cast<std::uint16_t*>(take(kMaxChunkRows * sizeof(std::uint16_t)));
    entries_[i] = reinterpret_cast<std::uint16_t*>(take(kMaxChunkRows * sizeof(std::uint16_t)));
    FindEntries(i, slots);
  }
}

// Numbers the different values of a column in the order of their first appearance. Gives up when
// most are different: then a dictionary would not pay.
void ChunkEncoder::FindEntries(int column, std::uint16_t* slots) {
  const ColumnInput& input = inputs_[column];
  std::uint16_t* codes = codes_[column];
  std::uint16_t* entries = entries_[column];
  std::fill(slots, slots + kSlots, kNone);
  int count = 0;
  for (int row = 0; row < rows_; ++row) {
    codes[row] = 0;
    if (IsNull(column, row)) continue;
    const auto* bytes = reinterpret_cast<const std::uint8_t*>(input.values[row]);
    const std::size_t size = SizeOf(column, row);
    std::size_t slot = HashBytes(bytes, size) % kSlots;
    for (;; slot = (slot + 1) % kSlots) {
      const std::uint16_t entry = slots[slot];
      if (entry == kNone) {
        entries[count] = static_cast<std::uint16_t>(row);
        codes[row] = slots[slot] = static_cast<std::uint16_t>(count++);
        break;
      }
      const int other = entries[entry];
      if (SizeOf(column, other) == size &&
          EqualBytes(reinterpret_cast<const char*>(input.values[other]),
                     reinterpret_cast<const char*>(bytes), size)) {
        codes[row] = entry;
        break;
      }
    }
    constexpr int kFew = 64;
    if (count > kFew && count > row - row / 4) {
      codes_[column] = nullptr;
      return;
    }
  }
}

std::size_t ChunkEncoder::Measure(int first, int count) {
  first_ = first;
  count_ = count;
  bytes_ = sizeof(ChunkHeader) + static_cast<std::size_t>(columns_) * sizeof(ColumnHeader);
  for (int i = 0; i < columns_; ++i) {
    Plan* plan = &plans_[i];
    PlanNulls(i, plan);
    if (plan->encoding == Encoding::kAllNull) continue;
    if (shapes_[i].integer) {
      PlanIntegers(i, plan);
    } else {
      PlanBytes(i, plan);
    }
    bytes_ += Align(plan->bytes, 8);
  }
  return bytes_;
}

void ChunkEncoder::PlanNulls(int column, Plan* plan) const {
  int nulls = 0;
  if (inputs_[column].nulls != nullptr) {
    for (int row = first_; row < first_ + count_; ++row) nulls += inputs_[column].nulls[row];
  }
  plan->any_null = nulls > 0;
  plan->encoding = nulls == count_ ? Encoding::kAllNull : Encoding::kPlain;
  plan->width = 0;
  plan->entries = 0;
  plan->bytes = plan->any_null ? BitmapBytes(count_) : 0;
}

void ChunkEncoder::PlanIntegers(int column, Plan* plan) const {
  const auto* values = reinterpret_cast<const std::int64_t*>(inputs_[column].values) + first_;
  std::int64_t least = INT64_MAX, greatest = INT64_MIN;
  std::int64_t least_step = INT64_MAX, greatest_step = INT64_MIN;
  bool steps = !plan->any_null && count_ > 1;
  if (plan->any_null) {
    for (int i = 0; i < count_; ++i) {
      if (IsNull(column, first_ + i)) continue;
      least = std::min(least, values[i]);
      greatest = std::max(greatest, values[i]);
    }
  } else {
    for (int i = 0; i < count_; ++i) {
      least = std::min(least, values[i]);
      greatest = std::max(greatest, values[i]);
    }
    // A step may wrap around; so does the sum that undoes it.
    for (int i = 1; i < count_; ++i) {
      const auto step = static_cast<std::int64_t>(Difference(
          static_cast<std::uint64_t>(values[i]), static_cast<std::uint64_t>(values[i - 1])));
      least_step = std::min(least_step, step);
      greatest_step = std::max(greatest_step, step);
    }
  }
  plan->least = least;
  plan->greatest = greatest;
  plan->encoding = Encoding::kFrame;
  plan->width = static_cast<std::uint8_t>(WidthFor(
      Difference(static_cast<std::uint64_t>(greatest), static_cast<std::uint64_t>(least))));
  const auto count = static_cast<std::size_t>(count_);
  std::size_t bytes = sizeof(std::int64_t) + PackedBytes(count, plan->width);
  if (steps) {
    const int width = WidthFor(Difference(static_cast<std::uint64_t>(greatest_step),
                                          static_cast<std::uint64_t>(least_step)));
    const std::size_t stepped = kDeltaHeader + PackedBytes(count - 1, width);
    if (stepped < bytes) {
      plan->encoding = Encoding::kDelta;
      plan->width = static_cast<std::uint8_t>(width);
      plan->first = values[0];
      plan->least_step = least_step;
      bytes = stepped;
    }
  }
  plan->bytes += bytes;
}

void ChunkEncoder::PlanBytes(int column, Plan* plan) const {
  const std::size_t alignment = AlignmentOf(column);
  const auto count = static_cast<std::size_t>(count_);
  const bool variable = shapes_[column].length < 0;
  std::size_t bytes = 0, longest = 0;
  for (int row = first_; row < first_ + count_; ++row) {
    const std::size_t size = variable && IsNull(column, row) ? 0 : SizeOf(column, row);
    longest = std::max(longest, size);
    bytes += Align(size, alignment);
  }
  plan->encoding = Encoding::kPlain;
  plan->entries = static_cast<std::uint16_t>(alignment);
  plan->width = static_cast<std::uint8_t>(variable ? WidthFor(longest) : 0);
  bytes += Align(PackedBytes(count, plan->width), 8);
  if (codes_[column] != nullptr) {
    std::fill(renamed_, renamed_ + kMaxChunkRows, kNone);
    std::uint16_t entries = 0;
    std::size_t entry_bytes = 0;
    for (int row = first_; row < first_ + count_; ++row) {
      if (IsNull(column, row) || renamed_[codes_[column][row]] != kNone) continue;
      renamed_[codes_[column][row]] = entries++;
      entry_bytes = Align(entry_bytes, alignment) + SizeOf(column, row);
    }
    const int width = WidthFor(static_cast<std::uint64_t>(entries) - 1);
    const std::size_t with_entries =
        Align(Align((std::size_t{entries} + 1) * sizeof(std::uint16_t), 8) + entry_bytes, 8) +
        PackedBytes(count, width);
    if (with_entries < bytes) {
      plan->encoding = Encoding::kDictionary;
      plan->width = static_cast<std::uint8_t>(width);
      plan->entries = entries;
      bytes = with_entries;
    }
  }
  plan->bytes += bytes;
}

void ChunkEncoder::Write(std::uint8_t* out) {
  const ChunkHeader header = {static_cast<std::uint16_t>(bytes_),
                              static_cast<std::uint16_t>(count_),
                              static_cast<std::uint16_t>(columns_), 0};
  StoreUnaligned(out, header);
  std::uint8_t* next =
      out + sizeof(header) + static_cast<std::size_t>(columns_) * sizeof(ColumnHeader);
  for (int i = 0; i < columns_; ++i) {
    const Plan& plan = plans_[i];
    ColumnHeader column = {0, 0, plan.encoding, plan.width, plan.entries};
    if (plan.encoding != Encoding::kAllNull) {
      std::uint8_t* begin = next;
      std::memset(begin, 0, Align(plan.bytes, 8));
      if (plan.any_null) {
        column.nulls = static_cast<std::uint16_t>(next - out);
        for (int row = 0; row < count_; ++row) {
          if (IsNull(i, first_ + row)) {
            next[row / 8] = static_cast<std::uint8_t>(next[row / 8] | (1U << (row % 8)));
          }
        }
        next += BitmapBytes(count_);
      }
      column.block = static_cast<std::uint16_t>(next - out);
      if (shapes_[i].integer) {
        WriteIntegers(i, plan, next);
      } else if (plan.encoding == Encoding::kDictionary) {
        WriteDictionary(i, plan, next);
      } else {
        WritePlain(i, plan, next);
      }
      next = begin + Align(plan.bytes, 8);
    }
    StoreUnaligned(out + sizeof(header) + static_cast<std::size_t>(i) * sizeof(column), column);
  }
}

std::uint8_t* ChunkEncoder::WriteIntegers(int column, const Plan& plan, std::uint8_t* out) const {
  const std::uint64_t* values = inputs_[column].values + first_;
  const auto count = static_cast<std::size_t>(count_);
  if (plan.encoding == Encoding::kDelta) {
    StoreUnaligned(out, plan.first);
    StoreUnaligned(out + 8, plan.least);
    StoreUnaligned(out + 16, plan.greatest);
    StoreUnaligned(out + 24, plan.least_step);
    const auto least = static_cast<std::uint64_t>(plan.least_step);
    return PackBits(count - 1, plan.width, out + kDeltaHeader,
                    [&](std::size_t i) { return values[i + 1] - values[i] - least; });
  }
  StoreUnaligned(out, plan.least);
  const auto least = static_cast<std::uint64_t>(plan.least);
  if (!plan.any_null) {
    return PackBits(count, plan.width, out + 8, [&](std::size_t i) { return values[i] - least; });
  }
  return PackBits(count, plan.width, out + 8, [&](std::size_t i) {
    return IsNull(column, first_ + static_cast<int>(i)) ? 0 : values[i] - least;
  });
}

std::uint8_t* ChunkEncoder::WriteDictionary(int column, const Plan& plan, std::uint8_t* out) const {
  const std::size_t alignment = AlignmentOf(column);
  std::fill(renamed_, renamed_ + kMaxChunkRows, kNone);
  std::size_t at = Align((std::size_t{plan.entries} + 1) * sizeof(std::uint16_t), 8);
  std::uint16_t entries = 0;
  const std::uint16_t* codes = codes_[column] + first_;
  for (int row = 0; row < count_; ++row) {
    if (IsNull(column, first_ + row) || renamed_[codes[row]] != kNone) continue;
    renamed_[codes[row]] = entries;
    at = Align(at, alignment);
    StoreUnaligned(out + 2 * std::size_t{entries++}, static_cast<std::uint16_t>(at));
    const std::size_t size = SizeOf(column, first_ + row);
    std::memcpy(out + at, reinterpret_cast<const void*>(inputs_[column].values[first_ + row]),
                size);
    at += size;
  }
  StoreUnaligned(out + 2 * std::size_t{entries}, static_cast<std::uint16_t>(at));
  return PackBits(static_cast<std::size_t>(count_), plan.width, out + Align(at, 8),
                  [&](std::size_t i) -> std::uint64_t {
                    return IsNull(column, first_ + static_cast<int>(i)) ? 0 : renamed_[codes[i]];
                  });
}

std::uint8_t* ChunkEncoder::WritePlain(int column, const Plan& plan, std::uint8_t* out) const {
  const bool variable = shapes_[column].length < 0;
  auto size_of = [&](std::size_t i) -> std::uint64_t {
    const int row = first_ + static_cast<int>(i);
    return variable && IsNull(column, row) ? 0 : SizeOf(column, row);
  };
  const auto count = static_cast<std::size_t>(count_);
  if (variable) PackBits(count, plan.width, out, size_of);
  std::uint8_t* next = out + Align(PackedBytes(count, plan.width), 8);
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t size = size_of(i);
    if (!IsNull(column, first_ + static_cast<int>(i))) {
      std::memcpy(
          next, reinterpret_cast<const void*>(inputs_[column].values[first_ + static_cast<int>(i)]),
          size);
    }
    next += Align(size, plan.entries);
  }
  return next;
}

}  // namespace millrace::dense
