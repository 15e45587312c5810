// From finished groups to tuples.
#pragma once

#include "core/aggregate/group_by.h"
#include "pg/base/api.h"
#include "pg/scan/vector_agg_plan.h"

namespace millrace::pg {

// The numbers of the groups in the order of their keys, by their collations, NULLs last; in the
// current memory context. nullptr if sorting would not be cheap.
uint32* SortGroups(const VectorAggPlan& plan, GroupBy* groups);

// Stores the keys and finished aggregates of a group in the slot, as a virtual tuple. By-reference
// values are made in the current memory context.
void EmitGroup(const VectorAggPlan& plan, GroupBy* groups, uint32 group, Allocator* allocator,
               TupleTableSlot* slot);

}  // namespace millrace::pg
