// The answer to a question: which rollups of the family have the rows, and the query that reads
// them.
#pragma once

#include "pg/rewrite/question.h"

namespace millrace::pg {

// A query with one column for each item of the question, over the tables with the fewest rows that
// together have the answer: where the question's bounds do not fall on the bounds of wide buckets,
// narrow ones at the ends. Of a live view it also reads the events that are not in its table yet.
//
// Returns nullptr, with `why`, if no other table is better than the one that was asked; the rollups
// that are read are in `used` (KnownRollup*), and the session has a lock on them. Sets the types of
// the question's items.
Query* MakeAnswer(Question* question, ParamListInfo parameters, List** used);

}  // namespace millrace::pg
