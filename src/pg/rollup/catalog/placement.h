// Where Citus keeps the events of a rollup.
#pragma once

#include "pg/rollup/catalog/catalog.h"

namespace millrace::pg {

// Whether Citus distributes the events, in a way that a rollup can follow. Raises 0A000 when it
// distributes them in another way, or when this node is not the coordinator.
bool CanFollowOnNodes(Oid events);

// Raises 55000 when Citus distributes the events of a root now and did not when it was declared, or
// the other way round.
void CheckDistribution(const Rollup& root);

// The rollup's name for the key by which its source is distributed; nullptr if it has no such key,
// or Citus does not distribute the source.
const char* DistributionKey(const Rollup& rollup);

// The rollup's name for the key that is this column of its source; nullptr if it has no such key.
const char* KeyThatIsColumn(const Rollup& rollup, const char* column);

}  // namespace millrace::pg
