// Where the state of an aggregate lives.
#pragma once

#include "pg/base/api.h"

namespace millrace::pg {

// The memory context of the aggregate that calls. Raises 0A000 when a function of an aggregate of
// `type` is called directly.
inline MemoryContext AggregateContext(FunctionCallInfo fcinfo, const char* type) {
  MemoryContext context;
  if (unlikely(!AggCheckCallContext(fcinfo, &context))) {
    ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                    errmsg("function of an aggregate of %s called outside an aggregate", type)));
  }
  return context;
}

}  // namespace millrace::pg
