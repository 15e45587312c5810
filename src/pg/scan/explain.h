// What EXPLAIN says about a MillraceAggregate node.
#pragma once

#include "pg/base/api.h"
#include "pg/scan/state.h"

namespace millrace::pg {

void ExplainVectorAgg(const VectorAggState& state, List* ancestors, ExplainState* es);

}  // namespace millrace::pg
