// A topn value as it is stored: the bytes of a PostgreSQL jsonb object from item to integer count,
// without the varlena header. Do not change these values: PostgreSQL wrote them and will read them
// (utils/jsonb.h, numeric.c).
//
//   object := header entry ... key ... value ...      an entry for each key, then for each value
//   header := count | flag (object, array or scalar)
//   entry  := type | length, or type | flag | end offset for every 32nd
//             (offsets count from the first key)
//   key    := bytes, in StoredOrder
//   value  := zero bytes up to a multiple of four (counted from four bytes before the header),
//             then a number: varlena header, sign and scale and weight in two bytes, digits to
//             the base 10,000
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/base/status.h"
#include "core/sketch/top_n.h"

namespace millrace {

// Largest jsonb that entries can describe, varlena header included.
inline constexpr std::size_t kMaxJsonbBytes = 0x0FFFFFFF;

// Reads a number that is not in the simple form that counts have: sets its value, or returns an
// error. `bytes` is a whole varlena of `size` bytes.
using OtherNumber = Status (*)(const char* bytes, std::size_t size, std::int64_t* count);

// The number of items of the object in `bytes`. Returns kInvalidParameter when it is damaged or no
// object.
Status JsonbSummarySize(const void* bytes, std::size_t size, std::size_t* items) noexcept;

// Reads the object into `items`, which must have room for JsonbSummarySize items; their keys point
// into `bytes`. Returns kInvalidParameter unless all values are integers from 0 to the largest
// int64 and all keys have at most kTopNMaxKeyBytes bytes.
Status DecodeJsonbSummary(const void* bytes, std::size_t size, OtherNumber other_number,
                          TopNItem* items);

// Bytes that EncodeJsonbSummary writes.
std::size_t EncodedJsonbSize(const TopNItem* items, std::size_t size) noexcept;

// Writes the object of `items`, which are in StoredOrder: the bytes PostgreSQL would write.
// REQUIRES: 4 + EncodedJsonbSize <= kMaxJsonbBytes; counts are not negative.
void EncodeJsonbSummary(const TopNItem* items, std::size_t size, char* out) noexcept;

}  // namespace millrace
