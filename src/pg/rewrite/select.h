// The queries that read the parts of an answer.
#pragma once

#include "pg/rewrite/span.h"

namespace millrace::pg {

// The rows of one part, with one column for each item. `tail` is the query of the events of a live
// view that are not in its table yet.
Query* SelectPart(const Question& question, const Part& part, const Query* tail);
// One query UNION ALL the next, and so on.
Query* UnionAll(const Question& question, const List* queries);

}  // namespace millrace::pg
