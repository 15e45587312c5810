// MillraceTail: a scan of a watched tree (marks.h) that reads the leaves which can hold rows above
// a bound, and no others. Plans and runs a small query over each of these leaves, one after the
// other, when it runs. Where the leaves are not known, or not all of them may be left out (see
// README.md of rollup), it plans and runs one query over the whole tree.
#pragma once

#include "pg/base/api.h"

namespace millrace::pg {

const CustomScanMethods* TailScanMethods();

// For a node above that reads tables by itself. Whether `scan` is such a node, and each of its
// leaves can be read by a plan that gives the rows of the scan, in its target list.
bool CanReadLeaves(const PlanState* scan);
// The next such plan, which is ended by the next call; nullptr after the last. The first call after
// a rescan starts from the beginning. REQUIRES: CanReadLeaves; the scan is not asked for rows.
PlanState* NextLeaf(PlanState* scan);

}  // namespace millrace::pg
