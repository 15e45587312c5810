// hll_hash_*: from a value of any type to a hash of 64 bits.

#include <cstring>

#include "core/base/hash.h"
#include "pg/base/api.h"

using namespace millrace;

namespace {

Datum HashBytes(const void* data, std::size_t length, int32 seed) {
  if (unlikely(seed < 0)) {
    ereport(WARNING, (errcode(ERRCODE_WARNING), errmsg("negative seed values are not compatible")));
  }
  return Int64GetDatum(
      static_cast<int64>(MurmurHash3(data, length, static_cast<std::uint32_t>(seed))));
}

Datum HashVarlena(Datum datum, int32 seed) {
  struct varlena* value = PG_DETOAST_DATUM_PACKED(datum);
  const Datum hash = HashBytes(VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value), seed);
  if (PointerGetDatum(value) != datum) pfree(value);
  return hash;
}

}  // namespace

MILLRACE_FUNCTION(hll_hash_1byte) {
  const char key = PG_GETARG_CHAR(0);
  return HashBytes(&key, sizeof(key), PG_GETARG_INT32(1));
}

MILLRACE_FUNCTION(hll_hash_2byte) {
  const int16 key = PG_GETARG_INT16(0);
  return HashBytes(&key, sizeof(key), PG_GETARG_INT32(1));
}

MILLRACE_FUNCTION(hll_hash_4byte) {
  const int32 key = PG_GETARG_INT32(0);
  return HashBytes(&key, sizeof(key), PG_GETARG_INT32(1));
}

MILLRACE_FUNCTION(hll_hash_8byte) {
  const int64 key = PG_GETARG_INT64(0);
  const int32 seed = PG_GETARG_INT32(1);
  if (likely(seed == 0)) PG_RETURN_INT64(static_cast<int64>(MurmurHash3OfInt64(key)));
  return HashBytes(&key, sizeof(key), seed);
}

MILLRACE_FUNCTION(hll_hash_varlena) { return HashVarlena(PG_GETARG_DATUM(0), PG_GETARG_INT32(1)); }

// hll_hash_any(anyelement, seed): hashes the bytes of types of 1, 2, 4, 8 or variable length, and
// the binary output of others (uuid, interval, name, ...).
MILLRACE_FUNCTION(hll_hash_any) {
  const Datum value = PG_GETARG_DATUM(0);
  const int32 seed = PG_GETARG_INT32(1);
  const Oid type = get_fn_expr_argtype(fcinfo->flinfo, 0);
  if (!OidIsValid(type)) {
    ereport(ERROR, (errcode(ERRCODE_INDETERMINATE_DATATYPE),
                    errmsg("could not determine the data type of the value to hash")));
  }
  int16 length;
  bool by_value;
  get_typlenbyval(type, &length, &by_value);
  if (length == -1) return HashVarlena(value, seed);
  if (length == -2) {
    const char* text = DatumGetCString(value);
    return HashBytes(text, strlen(text), seed);
  }
  if (length == 1 || length == 2 || length == 4 || length == 8) {
    // A by-value datum of these lengths has the value in its low bytes, which come first.
    const void* bytes = by_value ? static_cast<const void*>(&value) : DatumGetPointer(value);
    return HashBytes(bytes, static_cast<std::size_t>(length), seed);
  }
  Oid send_function;
  bool is_varlena;
  getTypeBinaryOutputInfo(type, &send_function, &is_varlena);
  return HashVarlena(OidFunctionCall1(send_function, value), seed);
}
