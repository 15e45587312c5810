// The items of a question: what it needs of each row of the rollup. They are found in the query,
// and when there is an answer, its columns take their places.
#pragma once

#include "pg/rewrite/question.h"

namespace millrace::pg {

// The item of an expression over keys (IsOfKeys).
Item KeyItem(const Question& question, Node* node);
// The item of an aggregate that merges a measure, takes an extreme of keys, or, in a question to
// events, is one that rollups keep. Returns false if it is none of them.
bool FindMeasure(const Question& question, const Aggref* aggref, Item* item);

// Adds an item to the question's, unless it is there.
void Need(Question* question, const Item& wanted);

// The column of the answer with an item, which must be one of the question's.
Var* AnswerColumn(const Question& question, const Item& wanted);
// The aggregate over that column, as the type that the query had before.
Node* MergeColumn(const Question& question, const Aggref* aggref, const Item& item);

// Whether the aggregate over a measure is approximate, or depends on the order of the rows: then
// another rollup need not give the same to the last digit.
bool IsApproximate(const Item& item);

}  // namespace millrace::pg
