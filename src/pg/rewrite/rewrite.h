// Questions to a large rollup, answered from a smaller one.
//
// A rollup over a rollup moves in the same transaction as the one below, so in one snapshot both
// give the same answer. Before PostgreSQL plans a query, each part of it that groups the rows of a
// declared rollup, or of its live view, is looked at: if a rollup over that one has the keys and
// the measures, its table takes the other's place, and all else stays as it is. docs/rewrite.md
// tells users when that is so; answer.h, how a table is chosen.
#pragma once

namespace millrace::pg {

// Puts the rewrite before the planner. Called once, when the library is loaded.
void InstallRewrite();

}  // namespace millrace::pg
