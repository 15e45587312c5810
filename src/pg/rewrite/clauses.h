// What a query has around the rollup: clauses that no answer can stand below, subqueries, and
// joins.
#pragma once

#include "pg/rewrite/question.h"

namespace millrace::pg {

// Why another rollup cannot answer a query with these clauses; nullptr if they are in nobody's way.
const char* LookAtClauses(const Question& question);

// Replaces columns of joins by the columns that they are. Sets the question's `why` for those that
// may be either of two, or NULL.
void OpenJoins(Question* question);

// Takes the rollup's columns out of the lists of the joins' columns, after OpenJoins: nobody reads
// them there.
void ForgetTarget(Question* question);

}  // namespace millrace::pg
