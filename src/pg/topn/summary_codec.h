// topn values: from jsonb datums to the summaries of src/core, and back.
#pragma once

#include "core/sketch/top_n.h"
#include "pg/base/api.h"

namespace millrace::pg {

// A stored summary in StoredOrder. The keys point into the datum (or its detoasted copy).
struct Summary {
  TopNItem* items;
  std::size_t size;
};

// Reads `datum` (a jsonb) into the current context. Raises 22023 unless it is an object whose
// values are integers from 0 to the largest int8 and whose keys have at most kTopNMaxKeyBytes
// bytes.
Summary SummaryFromJsonb(Datum datum);
// The same from the content of a jsonb's varlena.
Summary SummaryFromBytes(const char* bytes, std::size_t size);

// Room for `size` items in the current context.
TopNItem* AllocateItems(std::size_t size);

// The jsonb of `items`, which are in StoredOrder, in the current context: the same bytes that
// PostgreSQL makes. Raises 54000 when it would be larger than a jsonb can be.
Datum JsonbFromSummary(const TopNItem* items, std::size_t size);

// `text` cut to kTopNMaxKeyBytes at a character boundary.
std::string_view ClipKey(std::string_view text);

}  // namespace millrace::pg
