// The types hll and hll_hashval: input, output, type modifiers, casts.

#include <cerrno>
#include <cstdlib>

#include "pg/base/api.h"
#include "pg/base/error_fence.h"
#include "pg/hll/hll_value.h"

using namespace millrace;
using namespace millrace::pg;

namespace {

void CheckTypmod(const HllView& view, int32 typmod) {
  if (typmod < 0) return;
  CheckSameHllParameters(HllParametersOfTypmod(typmod), view.parameters());
}

Datum Checked(Datum value, int32 typmod) {
  CheckTypmod(HllFromDatum(value), typmod);
  return value;
}

}  // namespace

// hll_in(cstring, oid, integer): the text form is that of bytea.
MILLRACE_FUNCTION(hll_in) {
  return Checked(DirectFunctionCall1(byteain, PG_GETARG_DATUM(0)), PG_GETARG_INT32(2));
}

MILLRACE_FUNCTION(hll_out) { return DirectFunctionCall1(byteaout, PG_GETARG_DATUM(0)); }

MILLRACE_FUNCTION(hll_recv) {
  return Checked(DirectFunctionCall1(bytearecv, PG_GETARG_DATUM(0)), PG_GETARG_INT32(2));
}

MILLRACE_FUNCTION(hll_send) { return DirectFunctionCall1(byteasend, PG_GETARG_DATUM(0)); }

// hll(hll, integer, boolean): the length coercion of hll(...) columns.
MILLRACE_FUNCTION(hll_coerce) { return Checked(PG_GETARG_DATUM(0), PG_GETARG_INT32(1)); }

// hll(bytea)
MILLRACE_FUNCTION(hll_from_bytea) { return Checked(PG_GETARG_DATUM(0), -1); }

MILLRACE_FUNCTION(hll_typmod_in) {
  ArrayType* array = PG_GETARG_ARRAYTYPE_P(0);
  if (ARR_ELEMTYPE(array) != CSTRINGOID || ARR_NDIM(array) != 1 || array_contains_nulls(array)) {
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                    errmsg("hll type modifiers must be integers")));
  }
  Datum* elements;
  int count;
  deconstruct_array(array, CSTRINGOID, -2, false, TYPALIGN_CHAR, &elements, nullptr, &count);
  if (count > 4) {
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                    errmsg("hll takes at most four type modifiers")));
  }
  int64 values[4];
  for (int i = 0; i < count; ++i) {
    const char* text = DatumGetCString(elements[i]);
    char* end;
    errno = 0;
    values[i] = strtoll(text, &end, 0);
    if (end == text || *end != '\0' || errno != 0) {
      ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                      errmsg("hll type modifiers must be integers")));
    }
  }
  PG_RETURN_INT32(HllTypmod(HllParametersWithDefaults(values, count)));
}

MILLRACE_FUNCTION(hll_typmod_out) {
  const HllParameters p = HllParametersOfTypmod(PG_GETARG_INT32(0));
  PG_RETURN_CSTRING(
      psprintf("(%d,%d," INT64_FORMAT ",%d)", p.log2m, p.regwidth, p.expthresh, p.sparseon));
}

MILLRACE_FUNCTION(hll_hashval_in) { return DirectFunctionCall1(int8in, PG_GETARG_DATUM(0)); }

MILLRACE_FUNCTION(hll_hashval_out) { return DirectFunctionCall1(int8out, PG_GETARG_DATUM(0)); }

MILLRACE_FUNCTION(hll_hashval_eq) { PG_RETURN_BOOL(PG_GETARG_INT64(0) == PG_GETARG_INT64(1)); }

MILLRACE_FUNCTION(hll_hashval_ne) { PG_RETURN_BOOL(PG_GETARG_INT64(0) != PG_GETARG_INT64(1)); }

MILLRACE_FUNCTION(hll_hashval) { PG_RETURN_INT64(PG_GETARG_INT64(0)); }

MILLRACE_FUNCTION(hll_hashval_int4) { PG_RETURN_INT64(PG_GETARG_INT32(0)); }
