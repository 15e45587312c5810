// Questions to a large rollup, answered from a smaller one.
//
// A rollup over a rollup moves in the same transaction as the one below, so in one snapshot both
// give the same answer. Before PostgreSQL plans a query, each part of it that groups the rows of a
// declared rollup, or of its live view, is looked at: if a rollup over that one has the keys and
// the measures, its table takes the other's place, and all else stays as it is. docs/rewrite.md
// tells users when that is so; answer.h, how a table is chosen.
#pragma once

#include "pg/base/api.h"

namespace millrace::pg {

// What a query asks of a rollup, where others can answer: Question*, each taken apart (question.h).
// `query` has been through PostgreSQL's rewriter, and may be changed. Empty if the rollup must not
// be answered for now.
List* QuestionsTo(Oid rollup, Query* query);

// Puts the rewrite before the planner. Called once, when the library is loaded.
void InstallRewrite();

}  // namespace millrace::pg
