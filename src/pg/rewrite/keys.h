// What an expression of the query reads of the rollup.
#pragma once

#include "pg/rewrite/question.h"

namespace millrace::pg {

// Whether it is a column of the rollup.
bool IsTarget(const Question& question, const Node* node);

// Whether the expression follows from the keys of a row of the rollup, and has at least one.
bool IsOfKeys(const Question& question, Node* node);

// A copy of the expression over the rollup's columns, as of table 1.
Node* OverRollup(const Question& question, Node* node);
// The same, simplified: equal expressions are `equal`.
Node* Normalized(const Question& question, Node* node);

}  // namespace millrace::pg
