// What EXPLAIN says about a MillraceAggregate node.
#pragma once

#include "pg/pg_api.h"
#include "pg/vector_agg/state.h"

namespace millrace::pg {

void ExplainVectorAgg(const VectorAggState& state, List* ancestors, ExplainState* es);

}  // namespace millrace::pg
