// The conditions of a question: bounds of the bucket, and others.
#pragma once

#include "pg/rewrite/question.h"

namespace millrace::pg {

// Adds a condition of the rollup's keys alone (IsOfKeys) to the question: it goes to where the rows
// are read. The first lower and the first upper bound of the bucket are kept beside the others.
void AddCondition(Question* question, Node* condition);

}  // namespace millrace::pg
