// What can be known about the background work without looking at processes, which not everybody may
// see.

#include "pg/rollup/registry/worker_registry.h"

using namespace millrace::pg;

// millrace.worker_state() returns (preloaded, starved): whether the library is in
// shared_preload_libraries, so that there is a launcher, and whether a worker found no free process
// of the server in the last two minutes.
MILLRACE_FUNCTION(worker_state) {
  TupleDesc row;
  if (get_call_result_type(fcinfo, nullptr, &row) != TYPEFUNC_COMPOSITE) {
    elog(ERROR, "millrace.worker_state returns a row");
  }
  const bool preloaded = HasWorkerRegistry();
  Datum values[] = {BoolGetDatum(preloaded), BoolGetDatum(preloaded && IsStarved())};
  bool nulls[lengthof(values)] = {};
  return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(row), values, nulls));
}
