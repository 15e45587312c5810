#include "pg/hll/hll_value.h"

#include <cstring>

#include "pg/base/error_fence.h"
#include "pg/base/guc.h"
#include "pg/base/memory_context.h"

namespace millrace::pg {

HllView HllFromDatum(Datum datum) {
  struct varlena* value = PG_DETOAST_DATUM_PACKED(datum);
  HllView view;
  CheckStatus(HllView::Parse(VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value), &view));
  return view;
}

Datum HllToDatum(HyperLogLog* sketch, Allocator& allocator) {
  const auto encoding = RunCpp([&] { return sketch->PrepareEncoding(hll_max_sparse, allocator); });
  auto* result = static_cast<bytea*>(palloc(VARHDRSZ + encoding.size));
  SET_VARSIZE(result, VARHDRSZ + encoding.size);
  sketch->Encode(encoding, reinterpret_cast<uint8*>(VARDATA(result)));
  return PointerGetDatum(result);
}

Datum HllDatumFromBytes(const void* bytes, std::size_t size) {
  HllView view;
  CheckStatus(HllView::Parse(bytes, size, &view));
  auto* result = static_cast<bytea*>(palloc(VARHDRSZ + size));
  SET_VARSIZE(result, VARHDRSZ + size);
  std::memcpy(VARDATA(result), bytes, size);
  return PointerGetDatum(result);
}

HllParameters MakeHllParameters(int64 log2m, int64 regwidth, int64 expthresh, int64 sparseon) {
  CheckStatus(CheckHllParameters(log2m, regwidth, expthresh, sparseon));
  HllParameters parameters;
  parameters.log2m = static_cast<uint8>(log2m);
  parameters.regwidth = static_cast<uint8>(regwidth);
  parameters.expthresh = expthresh;
  parameters.sparseon = static_cast<uint8>(sparseon);
  return parameters;
}

HllParameters HllParametersWithDefaults(const int64* values, int given) {
  return MakeHllParameters(
      given > 0 ? values[0] : hll_default_log2m, given > 1 ? values[1] : hll_default_regwidth,
      given > 2 ? values[2] : hll_default_expthresh, given > 3 ? values[3] : hll_default_sparseon);
}

void CheckSameHllParameters(const HllParameters& dest, const HllParameters& source) {
  if (unlikely(dest != source)) RaiseHllMismatch(dest, source);
}

void RaiseHllMismatch(const HllParameters& dest, const HllParameters& source) {
  struct Parameter {
    const char* name;
    int64 dest, source;
  };
  const Parameter parameters[] = {
      {"register width", dest.regwidth, source.regwidth},
      {"register count", dest.registers(), source.registers()},
      {"explicit threshold", dest.expthresh, source.expthresh},
      {"sparse enable", dest.sparseon, source.sparseon},
  };
  for (const Parameter& parameter : parameters) {
    if (parameter.dest == parameter.source) continue;
    ereport(ERROR,
            (errcode(ERRCODE_DATA_EXCEPTION),
             errmsg("%s does not match: source uses " INT64_FORMAT " and dest uses " INT64_FORMAT,
                    parameter.name, parameter.source, parameter.dest)));
  }
  elog(ERROR, "hll parameters do not match");
  pg_unreachable();
}

// A type modifier needs only the two header bytes that hold the parameters.
int32 HllTypmod(const HllParameters& parameters) {
  uint8 header[kHllHeaderBytes];
  WriteHllHeader(HllType::kEmpty, parameters, header);
  return header[1] << 8 | header[2];
}

HllParameters HllParametersOfTypmod(int32 typmod) {
  const uint8 header[kHllHeaderBytes] = {0x11, static_cast<uint8>(typmod >> 8),
                                         static_cast<uint8>(typmod)};
  HllView view;
  if (typmod < 0 || typmod > 0xffff || !HllView::Parse(header, sizeof(header), &view).ok()) {
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                    errmsg("invalid hll type modifier %d", typmod)));
  }
  return view.parameters();
}

}  // namespace millrace::pg
