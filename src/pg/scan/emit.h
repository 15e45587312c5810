// From finished groups to tuples.
#pragma once

#include "core/aggregate/group_by.h"
#include "pg/base/api.h"
#include "pg/scan/spec.h"

namespace millrace::pg {

// The numbers of the groups in the order of their keys, as the collations have it, NULLs last; in
// the current memory context. nullptr where sorting would not be cheap.
uint32* SortGroups(const VectorAggPlan& plan, GroupBy* groups);

// Stores the keys and finished aggregates of a group in the slot, as a virtual tuple. What is by
// reference is made in the current memory context.
void EmitGroup(const VectorAggPlan& plan, GroupBy* groups, uint32 group, Allocator* allocator,
               TupleTableSlot* slot);

}  // namespace millrace::pg
