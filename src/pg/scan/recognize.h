// Which aggregates and keys the engine can compute.
#pragma once

#include "pg/base/api.h"
#include "pg/scan/vector_agg_plan.h"

namespace millrace::pg {

// Fills `plan` from an aggregate call. `*argument` is the expression that the column must hold (a
// Var), nullptr for count(*); `*kind` says how it is read. Returns nullptr, or the reason why not.
const char* RecognizeAggregate(const Aggref* aggref, AggregatePlan* plan, Expr** argument,
                               ColumnKind* kind);

// Whether rows can be grouped by the bits of this expression: returns nullptr, or the reason why
// not.
const char* RecognizeKey(const Expr* expression, const SortGroupClause* clause, ColumnKind* kind);

}  // namespace millrace::pg
