// Where Citus keeps the events of a rollup.
#pragma once

#include "pg/rollup/catalog/catalog.h"

namespace millrace::pg {

// Whether Citus distributes the events, in a way that a rollup can follow. Raises 0A000 where it
// distributes them in another, or where this node is not the coordinator.
bool CanFollowOnNodes(Oid events);

// Raises 55000 when the events of a root were distributed, or undistributed, since it was declared.
void CheckDistribution(const Rollup& root);

// The key of a rollup that its source is distributed by, as the rollup names it; nullptr where
// there is none, or Citus does not distribute the source.
const char* DistributionKey(const Rollup& rollup);

// The name that the rollup gives to a column of its source that is one of its keys; nullptr where
// it has no such key.
const char* KeyThatIsColumn(const Rollup& rollup, const char* column);

}  // namespace millrace::pg
