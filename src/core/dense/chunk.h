// A chunk: some rows of a table, column by column, in as few bytes as light encodings allow.
//
// Layout, in the byte order of the machine, at a multiple of 8 in its page:
//
//   ChunkHeader
//   ColumnHeader for each column
//   a block for each column that has one, at a multiple of 8
//
// The encodings of integers are those of the column stores (frame of reference and delta with bit
// packing; see Lemire and Boytsov, "Decoding billions of integers per second through
// vectorization", 2015). They are cheap: a value is written in a few nanoseconds and read in one.
//
//   encoding     block
//   kAllNull     none
//   kFrame       8 bytes: the least value; then packed: each value less that
//   kDelta       8 bytes each: first value, least and greatest value, least step; then packed: each
//                step less the least
//   kDictionary  u16[entries + 1]: where each entry begins, from the start of the block; the
//                entries; packed: the code of each row
//   kPlain       fixed length: the values, one after the other; variable length: packed: the length
//                of each value; then, at a multiple of 8, the values
//
// Before the block of a column with NULLs comes a bitmap of the rows that are NULL; the block then
// has a value of no meaning for them. Values that are not integers are opaque bytes here.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/base/status.h"
#include "core/dense/bit_packing.h"

namespace millrace::dense {

inline constexpr int kMaxChunkRows = 1024;
inline constexpr int kMaxColumns = 1600;

// How the values of a column look in memory.
struct ColumnShape {
  std::int16_t length;     // bytes; -1: each value has its own
  std::uint8_t alignment;  // 1, 2, 4 or 8: where a value of fixed length must lie
  bool integer;            // up to 8 bytes, taken by value
};

// The values of a column, in the order of the rows.
struct ColumnInput {
  // An integer, sign-extended; else a pointer to the bytes. Unused where NULL.
  const std::uint64_t* values;
  const std::uint8_t* nulls;   // 1 where NULL; nullptr: nowhere
  const std::uint16_t* sizes;  // of values of variable length; unused where NULL
  // Values of variable length: whether one of them must lie at a multiple of 8.
  bool aligned;
};

enum class Encoding : std::uint8_t { kAllNull, kFrame, kDelta, kDictionary, kPlain };

struct ChunkHeader {
  std::uint16_t bytes;  // of the whole chunk; a multiple of 8
  std::uint16_t rows;
  std::uint16_t columns;
  std::uint16_t kind;  // kEncodedChunk; see page.h for others
};

struct ColumnHeader {
  std::uint16_t nulls;  // where the bitmap begins in the chunk; 0: no NULL
  std::uint16_t block;  // where the block begins
  Encoding encoding;
  std::uint8_t width;     // of what is packed
  std::uint16_t entries;  // kDictionary: how many; kPlain: the alignment of the values
};

// Encodes rows of one table. It keeps what it has found out about the rows, so that a part of them
// can be encoded after another. Large; has no destructor; no memory of its own outside.
class ChunkEncoder {
 public:
  // The bytes that Begin needs as its workspace, at a multiple of 8.
  static std::size_t WorkspaceBytes(const ColumnShape* shapes, int columns);

  // Begins with these rows, kMaxChunkRows at most. The arguments and the workspace must stay.
  void Begin(const ColumnShape* shapes, const ColumnInput* inputs, int columns, int rows,
             void* workspace);
  // The bytes that the rows [first, first + count) take.
  std::size_t Measure(int first, int count);
  // Writes the rows that were last measured. `out` must have room for that many bytes.
  void Write(std::uint8_t* out);

 private:
  struct Plan;
  void FindEntries(int column, std::uint16_t* slots);
  void PlanNulls(int column, Plan* plan) const;
  void PlanIntegers(int column, Plan* plan) const;
  void PlanBytes(int column, Plan* plan) const;
  std::uint8_t* WriteIntegers(int column, const Plan& plan, std::uint8_t* out) const;
  std::uint8_t* WriteDictionary(int column, const Plan& plan, std::uint8_t* out) const;
  std::uint8_t* WritePlain(int column, const Plan& plan, std::uint8_t* out) const;
  std::size_t SizeOf(int column, int row) const {
    return shapes_[column].length > 0 ? static_cast<std::size_t>(shapes_[column].length)
                                      : inputs_[column].sizes[row];
  }
  std::size_t AlignmentOf(int column) const {
    return shapes_[column].length > 0 ? shapes_[column].alignment : inputs_[column].aligned ? 8 : 1;
  }
  bool IsNull(int column, int row) const {
    return inputs_[column].nulls != nullptr && inputs_[column].nulls[row] != 0;
  }

  const ColumnShape* shapes_;
  const ColumnInput* inputs_;
  int columns_;
  int rows_;
  int first_;
  int count_;
  std::size_t bytes_;
  Plan* plans_;
  // For each column: the code of each row, and the row in which each entry comes first. nullptr:
  // the column has no dictionary.
  std::uint16_t** codes_;
  std::uint16_t** entries_;
  std::uint16_t* renamed_;  // an entry's code within the rows that are measured or written
};

// Reads a chunk. The bytes may be anything: every function checks what it uses, and returns
// kInvalidData for what no encoder writes. Nothing is read outside [chunk, chunk + size +
// kReadAhead).
class ChunkView {
 public:
  // `size`: the bytes that there are from `chunk` on; the chunk may be shorter.
  static Status Open(const std::uint8_t* chunk, std::size_t size, ChunkView* view);

  int rows() const { return header_.rows; }
  int columns() const { return header_.columns; }
  std::size_t bytes() const { return header_.bytes; }
  Encoding encoding(int column) const { return HeaderOf(column).encoding; }

  // Which rows are NULL: writes 1 or 0 for each; false if none is (and nothing is written).
  // REQUIRES, here and below: column < columns().
  Status ReadNulls(int column, std::uint8_t* nulls, bool* any) const;
  // All values of a column of integers, sign-extended.
  Status ReadIntegers(int column, std::int64_t* values) const;
  // Bounds of the integers of a column, without reading them. False: not known, or all are NULL.
  bool Bounds(int column, std::int64_t* least, std::int64_t* greatest) const;
  // All values of another column: where each lies in the chunk, and how many bytes there are from
  // there on, its own and padding. kDictionary: one address for equal values.
  Status ReadBytes(int column, const ColumnShape& shape, const std::uint8_t** values,
                   std::uint16_t* sizes) const;
  // kDictionary: the entries, and the code of each row. `values` and `sizes` have room for
  // kMaxChunkRows.
  Status ReadEntries(int column, const std::uint8_t** values, std::uint16_t* sizes,
                     int* entries) const;
  Status ReadCodes(int column, std::uint16_t* codes) const;

 private:
  ColumnHeader HeaderOf(int column) const;
  // The bytes [at, at + size) of the chunk, or nullptr if they are not all in it.
  const std::uint8_t* Span(std::size_t at, std::size_t size) const {
    return at <= header_.bytes && size <= header_.bytes - at ? chunk_ + at : nullptr;
  }
  Status FindCodes(const ColumnHeader& header, const std::uint8_t** packed) const;

  const std::uint8_t* chunk_ = nullptr;
  ChunkHeader header_ = {};
};

}  // namespace millrace::dense
