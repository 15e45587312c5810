// What one table gives for a question.
#pragma once

#include "pg/rewrite/question.h"

namespace millrace::pg {

// What a table gives for the question: an expression for each item, and the question's conditions,
// over the columns of its rows as of table 1.
struct Fit {
  const KnownRollup* rollup;  // nullptr: the events that are not in the table yet
  List* columns;              // KnownColumn*, over the columns of the rollup that was asked
  List* values;               // Node*, one for each item
  List* conditions;
  List* security;  // conditions of row security
  double rows;
  // The bucket of the one that was asked, as this table has it: as it was (`cut` is nullptr), or
  // cut to wider buckets.
  Node* bucket;
  const FuncExpr* cut;
};

// An expression over the columns of the rollup that was asked, over those of a table; nullptr, with
// `why`, if the table lacks what it needs. MapAll: each of `nodes`, appended to `mapped`.
Node* Mapped(const List* columns, Node* node, const char** why);
bool MapAll(const List* columns, const List* nodes, List** mapped, const char** why);

// What the table of `rollup` gives (nullptr: the events of a live view that are not in its table);
// nullptr, with `why`, if that is not all that is needed. `columns` (KnownColumn*) are the table's,
// in terms of the rollup that was asked.
Fit* MakeFit(const Question& question, const KnownRollup* rollup, List* columns, const char** why);
// What events give for a question to them: each aggregate over those of a group.
Fit* FitOfEvents(const Question& question);

inline bool IsOfEvents(const Fit& fit) { return fit.rollup != nullptr && fit.rollup->is_events; }

}  // namespace millrace::pg
