// From hll datums to HyperLogLog of src/core, and back.
#pragma once

#include "core/sketch/hyperloglog.h"
#include "pg/base/api.h"

namespace millrace::pg {

// The stored value of `datum`, checked, and detoasted into the current context if needed. Raises
// 22000 for bytes that are not an hll. The view lives as long as the detoasted copy or the datum.
HllView HllFromDatum(Datum datum);

// A new hll datum in the current context with the content of `sketch`. Needs the allocator of the
// sketch's memory, because sorting it into stored order may move it.
Datum HllToDatum(HyperLogLog* sketch, Allocator& allocator);

// A datum of its own with these bytes, checked (22000).
Datum HllDatumFromBytes(const void* bytes, std::size_t size);

// The parameters that a user gave, checked (22023).
HllParameters MakeHllParameters(int64 log2m, int64 regwidth, int64 expthresh, int64 sparseon);
// The first `given` of the four are in `values`; the others come from the settings.
HllParameters HllParametersWithDefaults(const int64* values, int given);

// Raises 22000 with the first parameter that differs and both values, in the words of the published
// extension. `source` is what was to be merged into `dest`, or stored as it.
void CheckSameHllParameters(const HllParameters& dest, const HllParameters& source);
[[noreturn]] void RaiseHllMismatch(const HllParameters& dest, const HllParameters& source);

// hll(log2m, regwidth, expthresh, sparseon) as a type modifier and back.
int32 HllTypmod(const HllParameters& parameters);
HllParameters HllParametersOfTypmod(int32 typmod);

}  // namespace millrace::pg
