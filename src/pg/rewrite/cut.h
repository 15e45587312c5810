// Functions that cut a time to the start of its bucket, date_bin and date_trunc, and how the
// buckets of two of them lie to each other.
#pragma once

#include "pg/base/api.h"

namespace millrace::pg {

// The call, if an expression cuts a time with constants alone and does not depend on the session;
// otherwise nullptr.
const FuncExpr* AsCut(const Node* expression);

// The time that it cuts.
inline Node* TimeOf(const FuncExpr* cut) { return static_cast<Node*>(lsecond(cut->args)); }
// The same cut of another time, of the same type.
Node* CutTime(const FuncExpr* cut, Node* time);

// Whether each bucket of `coarse` is a union of buckets of `fine`: then cutting what `fine` has cut
// gives the same as cutting the time itself.
bool Divides(const FuncExpr* fine, const FuncExpr* coarse);

// The same time, cut once: a cut of a cut, if the buckets of the one divide those of the other.
// Any other expression as it is.
Node* CutOnce(Node* expression);

// Whether buckets follow the order of the times. That is not so for hours of zones that set their
// clocks back.
bool KeepsOrder(const FuncExpr* cut);

// Whether the start of a bucket may be after a time in it. Where clocks are set back at one o'clock
// to midnight, as on the Azores, a day has two midnights, and PostgreSQL takes the second.
bool MayStartLate(const FuncExpr* cut);

// No bucket is longer than this, in microseconds.
int64 LongestBucket(const FuncExpr* cut);

}  // namespace millrace::pg
