// A span of time, taken apart: which rows of which tables make it up, as conditions on their
// buckets.
#pragma once

#include "pg/rewrite/fit.h"

namespace millrace::pg {

// The bounds of the span.
struct Ends {
  List* lowers;  // Bound*, ANDed
  List* uppers;
};

inline bool IsOpen(const Ends& ends) { return ends.lowers == NIL && ends.uppers == NIL; }

// A table that is read for a part of the span, and the conditions that make up the part.
struct Part {
  const Fit* fit;
  List* conditions;
};
List* AddPart(List* parts, const Fit* fit, List* conditions);

// A comparison by a strategy of B-tree; both sides have the same type.
Node* MakeComparison(int strategy, Node* left, Node* right);
// The table's bucket, cut to wider ones.
Node* CutBucket(const Fit& fit, const FuncExpr* cut);
// The start of the bucket in which the span ends: no bucket from there on is in it altogether.
Node* CutEnd(const FuncExpr* cut, const List* uppers);
// That a time, or all of the bucket that starts then, is not before the span. `cut`: nullptr for a
// time as it was asked for. `whole_too`: also the bounds for whole buckets.
List* FromStart(const List* lowers, const FuncExpr* cut, Node* time, bool whole_too);
// The bounds as conditions on the rows of a table, for its whole share of the span. Wide buckets
// must be in the span altogether; a narrow one is its start.
List* InSpan(const Ends& ends, const Fit& fit);

// The parts (Part*) of a span, from the widest buckets to the narrowest. `levels` (Fit*) has each
// table's buckets divide those of the one before. What a level does not cover is at the two ends:
//
//   lower              cut(lower)+1           cut(upper)      upper
//     |---- narrow ----|-------- wide --------|----- narrow ----|
List* TakeSpanApart(const Ends& ends, const List* levels);

// The length of the span in microseconds, as far as it can be told now: infinite if an end is open,
// -1 if it is not known.
double LengthOfSpan(const Ends& ends, ParamListInfo parameters);

}  // namespace millrace::pg
