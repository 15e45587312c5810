// Which keys of a rollup the questions need that were asked so far: from pg_stat_statements.
#pragma once

#include "pg/base/api.h"
#include "pg/rollup/catalog/catalog.h"

namespace millrace::pg {

struct AskedKeys {
  Bitmapset* keys;  // numbers of the rollup's columns, without the bucket
  int64 calls;
  double milliseconds;  // of all calls
};

// The questions to a rollup that others over it can answer, by the keys that they need. Those that
// took the longest altogether come first. Empty where pg_stat_statements is not installed or not
// loaded. Statements that cannot be understood, that call functions of other roles that are not
// superusers, or whose text the current user may not see, are left out. `search_path` is used for
// names in them without a schema. REQUIRES: SPI is connected.
List* FindAskedKeys(const Rollup& rollup, const char* search_path);

}  // namespace millrace::pg
