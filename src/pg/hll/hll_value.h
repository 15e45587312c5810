// hll datums and core's HyperLogLog.
#pragma once

#include "core/sketch/hyperloglog.h"
#include "pg/base/api.h"

namespace millrace::pg {

// The stored value behind `datum`, detoasted into the current context if need be and checked.
// Raises 22000 for bytes that are no hll. The view lives as long as the detoasted copy or the
// datum.
HllView HllFromDatum(Datum datum);

// A new hll datum in the current context with the content of `sketch`. Needs an allocator for the
// memory of `sketch`, since bringing it into stored order may move it.
Datum HllToDatum(HyperLogLog* sketch, Allocator& allocator);

// The value of those bytes as a datum of its own, checked (22000).
Datum HllDatumFromBytes(const void* bytes, std::size_t size);

// Parameters as given by the user, checked (22023).
HllParameters MakeHllParameters(int64 log2m, int64 regwidth, int64 expthresh, int64 sparseon);
// With `given` of the four in `values`, the rest from the settings.
HllParameters HllParametersWithDefaults(const int64* values, int given);

// Raises 22000 naming the first parameter that differs, and both values, in the published
// extension's words: `source` was to be merged into, or stored as, one of `dest`.
void CheckSameHllParameters(const HllParameters& dest, const HllParameters& source);
[[noreturn]] void RaiseHllMismatch(const HllParameters& dest, const HllParameters& source);

// hll(log2m, regwidth, expthresh, sparseon) as a type modifier and back.
int32 HllTypmod(const HllParameters& parameters);
HllParameters HllParametersOfTypmod(int32 typmod);

}  // namespace millrace::pg
