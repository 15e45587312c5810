// Rows on their way through the engine, a column at a time.
#pragma once

#include <cstdint>

namespace millrace {

// Rows a batch holds: enough to hide the latency of memory behind each other, few enough that all
// columns of a batch stay in the nearest cache.
inline constexpr std::uint32_t kBatchRows = 1024;

// A value of any type the engine takes, as 64 bits: integers, booleans, dates and timestamps by
// value, floats by their bits as double, text as the code of a Dictionary, stored sketches as an
// address.
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
