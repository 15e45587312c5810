// How long the events of a table are kept.
#pragma once

#include "pg/base/api.h"

namespace millrace::pg {

// Drops the partitions of `source` that ended longer ago than `keep` and whose events are all in
// every rollup of the table. Says which partitions stay and why. Returns how many were dropped.
// Runs as the current user, who must own the table. REQUIRES: SPI is connected.
int ApplyRetention(Oid source, const Interval* keep);

}  // namespace millrace::pg
