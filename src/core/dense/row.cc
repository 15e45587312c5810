#include "core/dense/row.h"

#include <cstring>

#include "core/dense/chunk_layout.h"

namespace millrace::dense {
namespace {

constexpr std::uint16_t kAlignedValue = 0x8000;

bool IsNull(const ColumnInput& input, int row) {
  return input.nulls != nullptr && input.nulls[row] != 0;
}

std::size_t NullBytes(int columns) { return (static_cast<std::size_t>(columns) + 7) / 8; }

}  // namespace

std::size_t MeasureRow(const ColumnShape* shapes, const ColumnInput* inputs, int columns, int row) {
  std::size_t at = sizeof(ChunkHeader) + NullBytes(columns);
  for (int i = 0; i < columns; ++i) {
    if (IsNull(inputs[i], row)) continue;
    if (shapes[i].length < 0) {
      at += sizeof(std::uint16_t);
      if (inputs[i].aligned) at = Align(at, 8);
      at += inputs[i].sizes[row];
    } else {
      if (!shapes[i].integer) at = Align(at, shapes[i].alignment);
      at += static_cast<std::size_t>(shapes[i].length);
    }
  }
  return Align(at, 8);
}

void WriteRow(const ColumnShape* shapes, const ColumnInput* inputs, int columns, int row,
              std::uint8_t* out) {
  const std::size_t bytes = MeasureRow(shapes, inputs, columns, row);
  std::memset(out, 0, bytes);
  constexpr std::uint16_t kYoungPart = 1;  // page.h
  StoreUnaligned(out, ChunkHeader{static_cast<std::uint16_t>(bytes), 1,
                                  static_cast<std::uint16_t>(columns), kYoungPart});
  std::size_t at = sizeof(ChunkHeader) + NullBytes(columns);
  for (int i = 0; i < columns; ++i) {
    if (IsNull(inputs[i], row)) {
      std::uint8_t* bits = out + sizeof(ChunkHeader) + i / 8;
      *bits = static_cast<std::uint8_t>(*bits | (1U << (i % 8)));
      continue;
    }
    const std::uint64_t value = inputs[i].values[row];
    if (shapes[i].integer) {
      std::memcpy(out + at, &value, static_cast<std::size_t>(shapes[i].length));
      at += static_cast<std::size_t>(shapes[i].length);
      continue;
    }
    auto size = static_cast<std::size_t>(shapes[i].length);
    if (shapes[i].length < 0) {
      size = inputs[i].sizes[row];
      const auto mark = static_cast<std::uint16_t>(inputs[i].aligned ? kAlignedValue : 0);
      StoreUnaligned(out + at, static_cast<std::uint16_t>(size | mark));
      at += sizeof(std::uint16_t);
      if (inputs[i].aligned) at = Align(at, 8);
    } else {
      at = Align(at, shapes[i].alignment);
    }
    std::memcpy(out + at, reinterpret_cast<const void*>(value), size);
    at += size;
  }
}

Status ReadRow(const std::uint8_t* part, const ChunkHeader& header, const ColumnShape* shapes,
               int columns, std::uint64_t* values, std::uint8_t* nulls, std::uint16_t* sizes) {
  const Status damaged = Status::InvalidData("a row is damaged");
  const std::size_t end = header.bytes;
  std::size_t at = sizeof(ChunkHeader) + NullBytes(header.columns);
  if (at > end || header.columns > columns) return damaged;
  const std::uint8_t* bits = part + sizeof(ChunkHeader);
  for (int i = 0; i < header.columns; ++i) {
    nulls[i] = (bits[i / 8] >> (i % 8)) & 1;
    if (nulls[i] != 0) continue;
    auto size = static_cast<std::size_t>(shapes[i].length);
    if (shapes[i].length < 0) {
      if (end - at < sizeof(std::uint16_t)) return damaged;
      const auto marked = LoadUnaligned<std::uint16_t>(part + at);
      size = marked & ~kAlignedValue;
      at += sizeof(std::uint16_t);
      if ((marked & kAlignedValue) != 0) at = Align(at, 8);
      sizes[i] = static_cast<std::uint16_t>(size);
    } else if (!shapes[i].integer) {
      at = Align(at, shapes[i].alignment);
    }
    if (at > end || size > end - at) return damaged;
    if (shapes[i].integer) {
      std::uint64_t value = 0;
      std::memcpy(&value, part + at, size);
      const auto unused = static_cast<int>(8 * (sizeof(value) - size));
      values[i] = static_cast<std::uint64_t>(static_cast<std::int64_t>(value << unused) >> unused);
    } else {
      values[i] = reinterpret_cast<std::uint64_t>(part + at);
    }
    at += size;
  }
  return Status::Ok();
}

}  // namespace millrace::dense
