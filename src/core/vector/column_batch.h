// Rows on their way through the engine, column by column.
#pragma once

#include <cstdint>

namespace millrace {

// The rows of a batch: enough that waits for memory overlap, few enough that all columns of a batch
// stay in the nearest cache.
inline constexpr std::uint32_t kBatchRows = 1024;

// A value of any type that the engine takes, as 64 bits: integers, booleans, dates and timestamps
// by value, floats by their bits as double, text by its code in a Dictionary, stored sketches by
// their address.
struct Column {
  std::int64_t* values;  // kBatchRows of them
  std::uint8_t*
      nulls;  // 1 where the value is NULL (its bits are then 0); meaningless unless any_null
  bool any_null;
};

struct ColumnBatch {
  std::uint32_t rows = 0;
  std::uint32_t column_count = 0;
  Column* columns = nullptr;
};

}  // namespace millrace
