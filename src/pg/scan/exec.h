// The executor's side of MillraceAggregate.
#pragma once

#include "pg/base/api.h"

namespace millrace::pg {

const CustomScanMethods* VectorAggScanMethods();

}  // namespace millrace::pg
