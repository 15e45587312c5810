// A young row: one row as it was inserted, to be encoded later with others.
//
// After the ChunkHeader: a bitmap of the columns that are NULL; then the other columns' values. An
// integer takes its `length` bytes; a value of fixed length lies at its alignment; one of variable
// length comes after its size in two bytes, whose highest bit says that it lies at a multiple of 8.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/base/status.h"
#include "core/dense/chunk.h"

namespace millrace::dense {

inline constexpr std::size_t kMaxValueBytes = 0x7fff;

// The bytes of the part that row `row` of these columns takes; a multiple of 8. More than a page
// has if it is too large.
std::size_t MeasureRow(const ColumnShape* shapes, const ColumnInput* inputs, int columns, int row);
// Writes it. `out`, at a multiple of 8, has room for so many bytes.
void WriteRow(const ColumnShape* shapes, const ColumnInput* inputs, int columns, int row,
              std::uint8_t* out);

// Reads one, whatever its bytes. Column i is NULL where nulls[i] is 1; else values[i] is its
// integer or its address, and sizes[i] its size if the length is variable. Columns beyond those of
// the part are not touched.
Status ReadRow(const std::uint8_t* part, const ChunkHeader& header, const ColumnShape* shapes,
               int columns, std::uint64_t* values, std::uint8_t* nulls, std::uint16_t* sizes);

}  // namespace millrace::dense
