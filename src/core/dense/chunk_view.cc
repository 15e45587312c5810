#include <algorithm>
#include <cstring>

#include "core/dense/chunk.h"
#include "core/dense/chunk_layout.h"

namespace millrace::dense {

Status ChunkView::Open(const std::uint8_t* chunk, std::size_t size, ChunkView* view) {
  if (size < sizeof(ChunkHeader)) return Status::InvalidData("a chunk ends within its header");
  view->chunk_ = chunk;
  view->header_ = LoadUnaligned<ChunkHeader>(chunk);
  const ChunkHeader& header = view->header_;
  if (header.bytes > size || header.bytes % 8 != 0 || header.rows == 0 ||
      header.rows > kMaxChunkRows || header.columns > kMaxColumns || header.kind != 0 ||
      sizeof(ChunkHeader) + header.columns * sizeof(ColumnHeader) > header.bytes) {
    return Status::InvalidData("the header of a chunk is damaged");
  }
  return Status::Ok();
}

ColumnHeader ChunkView::HeaderOf(int column) const {
  return LoadUnaligned<ColumnHeader>(chunk_ + sizeof(ChunkHeader) +
                                     static_cast<std::size_t>(column) * sizeof(ColumnHeader));
}

Status ChunkView::ReadNulls(int column, std::uint8_t* nulls, bool* any) const {
  const ColumnHeader header = HeaderOf(column);
  const int count = rows();
  if (header.encoding == Encoding::kAllNull) {
    std::memset(nulls, 1, static_cast<std::size_t>(count));
    *any = true;
    return Status::Ok();
  }
  *any = header.nulls != 0;
  if (!*any) return Status::Ok();
  const std::uint8_t* bitmap = Span(header.nulls, BitmapBytes(count));
  if (bitmap == nullptr) return Status::InvalidData("a bitmap of NULLs lies outside its chunk");
  for (int i = 0; i < count; ++i) nulls[i] = (bitmap[i / 8] >> (i % 8)) & 1;
  return Status::Ok();
}

Status ChunkView::ReadIntegers(int column, std::int64_t* values) const {
  const ColumnHeader header = HeaderOf(column);
  const auto count = static_cast<std::size_t>(header_.rows);
  if (header.width > 56 && header.width != 64) {
    return Status::InvalidData("integers have a width that none can have");
  }
  if (header.encoding == Encoding::kAllNull) {
    std::memset(values, 0, count * sizeof(*values));
    return Status::Ok();
  }
  if (header.encoding == Encoding::kFrame) {
    const std::uint8_t* block = Span(header.block, 8 + PackedBytes(count, header.width));
    if (block == nullptr) return Status::InvalidData("integers lie outside their chunk");
    const auto least = LoadUnaligned<std::uint64_t>(block);
    UnpackBits(block + 8, count, header.width, [&](std::size_t i, std::uint64_t value) {
      values[i] = static_cast<std::int64_t>(least + value);
    });
    return Status::Ok();
  }
  if (header.encoding != Encoding::kDelta) {
    return Status::InvalidData("integers have an encoding that none can have");
  }
  const std::uint8_t* block =
      Span(header.block, kDeltaHeader + PackedBytes(count - 1, header.width));
  if (block == nullptr) return Status::InvalidData("integers lie outside their chunk");
  auto value = LoadUnaligned<std::uint64_t>(block);
  const auto least = LoadUnaligned<std::uint64_t>(block + 24);
  values[0] = static_cast<std::int64_t>(value);
  UnpackBits(block + kDeltaHeader, count - 1, header.width, [&](std::size_t i, std::uint64_t step) {
    value += least + step;
    values[i + 1] = static_cast<std::int64_t>(value);
  });
  return Status::Ok();
}

bool ChunkView::Bounds(int column, std::int64_t* least, std::int64_t* greatest) const {
  const ColumnHeader header = HeaderOf(column);
  if (header.encoding == Encoding::kDelta) {
    const std::uint8_t* block = Span(header.block, kDeltaHeader);
    if (block == nullptr) return false;
    *least = LoadUnaligned<std::int64_t>(block + 8);
    *greatest = LoadUnaligned<std::int64_t>(block + 16);
    return true;
  }
  if (header.encoding != Encoding::kFrame || header.width > 56) return false;
  const std::uint8_t* block = Span(header.block, sizeof(std::int64_t));
  if (block == nullptr) return false;
  *least = LoadUnaligned<std::int64_t>(block);
  return !__builtin_add_overflow(
      *least, static_cast<std::int64_t>((std::uint64_t{1} << header.width) - 1), greatest);
}

Status ChunkView::FindCodes(const ColumnHeader& header, const std::uint8_t** packed) const {
  const std::size_t table = (std::size_t{header.entries} + 1) * sizeof(std::uint16_t);
  const std::uint8_t* block = Span(header.block, table);
  if (header.entries == 0 || header.entries > kMaxChunkRows || header.width > 10 ||
      block == nullptr) {
    return Status::InvalidData("a dictionary is damaged");
  }
  const std::size_t end =
      Align(LoadUnaligned<std::uint16_t>(block + 2 * std::size_t{header.entries}), 8);
  *packed = Span(header.block + end, PackedBytes(header_.rows, header.width));
  if (end < table || *packed == nullptr) {
    return Status::InvalidData("the codes of a dictionary lie outside their chunk");
  }
  return Status::Ok();
}

Status ChunkView::ReadEntries(int column, const std::uint8_t** values, std::uint16_t* sizes,
                              int* entries) const {
  const ColumnHeader header = HeaderOf(column);
  const std::uint8_t* packed;
  const Status status = FindCodes(header, &packed);
  if (!status.ok()) return status;
  const std::uint8_t* block = chunk_ + header.block;
  std::uint16_t begin = LoadUnaligned<std::uint16_t>(block);
  for (std::size_t i = 0; i < header.entries; ++i) {
    const auto end = LoadUnaligned<std::uint16_t>(block + 2 * (i + 1));
    if (end < begin || block + end > packed) {
      return Status::InvalidData("an entry of a dictionary lies outside it");
    }
    values[i] = block + begin;
    sizes[i] = static_cast<std::uint16_t>(end - begin);
    begin = end;
  }
  *entries = header.entries;
  return Status::Ok();
}

Status ChunkView::ReadCodes(int column, std::uint16_t* codes) const {
  const ColumnHeader header = HeaderOf(column);
  const std::uint8_t* packed;
  const Status status = FindCodes(header, &packed);
  if (!status.ok()) return status;
  std::uint16_t greatest = 0;
  UnpackBits(packed, header_.rows, header.width, [&](std::size_t i, std::uint64_t code) {
    codes[i] = static_cast<std::uint16_t>(code);
    greatest = std::max(greatest, codes[i]);
  });
  if (greatest >= header.entries) return Status::InvalidData("a code has no entry");
  return Status::Ok();
}

Status ChunkView::ReadBytes(int column, const ColumnShape& shape, const std::uint8_t** values,
                            std::uint16_t* sizes) const {
  const ColumnHeader header = HeaderOf(column);
  const auto count = static_cast<std::size_t>(header_.rows);
  if (header.encoding == Encoding::kDictionary) {
    const std::uint8_t* entries[kMaxChunkRows];
    std::uint16_t entry_sizes[kMaxChunkRows], codes[kMaxChunkRows];
    int entry_count;
    Status status = ReadEntries(column, entries, entry_sizes, &entry_count);
    if (status.ok()) status = ReadCodes(column, codes);
    if (!status.ok()) return status;
    for (std::size_t i = 0; i < count; ++i) {
      values[i] = entries[codes[i]];
      sizes[i] = entry_sizes[codes[i]];
    }
    return Status::Ok();
  }
  const std::size_t alignment = header.entries;
  if (header.encoding != Encoding::kPlain || header.width > 16 || alignment == 0 || alignment > 8 ||
      (alignment & (alignment - 1)) != 0) {
    return Status::InvalidData("values have an encoding that none can have");
  }
  const std::size_t lengths = Align(PackedBytes(count, header.width), 8);
  const std::uint8_t* block = Span(header.block, lengths);
  if (block == nullptr) return Status::InvalidData("values lie outside their chunk");
  const std::size_t room = header_.bytes - header.block;
  std::size_t at = lengths;
  const bool variable = shape.length < 0;
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t size =
        variable ? UnpackOne(block, header.width, i) : static_cast<std::size_t>(shape.length);
    if (size > room - at) return Status::InvalidData("a value lies outside its chunk");
    values[i] = block + at;
    sizes[i] = static_cast<std::uint16_t>(size);
    at = std::min(at + Align(size, alignment), room);
  }
  return Status::Ok();
}

}  // namespace millrace::dense
