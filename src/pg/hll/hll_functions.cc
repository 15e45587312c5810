// Functions on stored hll values.

#include <cstring>

#include "core/base/hash.h"
#include "pg/base/api.h"
#include "pg/base/error_fence.h"
#include "pg/base/guc.h"
#include "pg/base/memory_context.h"
#include "pg/hll/hll_value.h"

using namespace millrace;
using namespace millrace::pg;

namespace {

Datum AddToStored(Datum stored, int64 hash) {
  const HllView view = HllFromDatum(stored);
  MemoryContextAllocator allocator(CurrentMemoryContext);
  HyperLogLog sketch(view.parameters());
  RunCpp([&] {
    sketch.Merge(view, allocator);
    sketch.Add(static_cast<std::uint64_t>(hash), allocator);
  });
  return HllToDatum(&sketch, allocator);
}

Datum EmptyHll(const HllParameters& parameters) {
  uint8 header[kHllHeaderBytes];
  WriteHllHeader(HllType::kEmpty, parameters, header);
  return HllDatumFromBytes(header, sizeof(header));
}

// hll_empty with 0 to 4 arguments.
Datum EmptyFromArguments(FunctionCallInfo fcinfo) {
  int64 values[4];
  const int given = PG_NARGS();
  for (int i = 0; i < given; ++i) {
    values[i] = i == 2 ? PG_GETARG_INT64(i) : PG_GETARG_INT32(i);
  }
  return EmptyHll(HllParametersWithDefaults(values, given));
}

bool SameBytes(Datum a, Datum b) {
  struct varlena* left = PG_DETOAST_DATUM_PACKED(a);
  struct varlena* right = PG_DETOAST_DATUM_PACKED(b);
  const std::size_t size = VARSIZE_ANY_EXHDR(left);
  return size == VARSIZE_ANY_EXHDR(right) &&
         memcmp(VARDATA_ANY(left), VARDATA_ANY(right), size) == 0;
}

// A row of int8 and int4 columns, as declared by the function's OUT parameters.
Datum MakeRecord(FunctionCallInfo fcinfo, Datum* values) {
  TupleDesc descriptor;
  if (get_call_result_type(fcinfo, nullptr, &descriptor) != TYPEFUNC_COMPOSITE) {
    elog(ERROR, "return type must be a row type");
  }
  bool nulls[4] = {};
  Assert(descriptor->natts <= 4);
  return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(descriptor), values, nulls));
}

void SetSetting(const char* name, int64 value) {
  char text[32];
  snprintf(text, sizeof(text), INT64_FORMAT, value);
  SetConfigOption(name, text, PGC_USERSET, PGC_S_SESSION);
}

void PrintRegisters(StringInfo out, const HllView& view, const char* parameters) {
  const std::uint32_t count = view.parameters().registers();
  auto* registers = static_cast<uint8*>(palloc0(count));
  view.MaxInto(registers);
  std::uint32_t filled = 0;
  for (std::uint32_t i = 0; i < count; ++i) filled += registers[i] != 0;
  appendStringInfo(out, "COMPRESSED, %u filled %s:", filled, parameters);
  constexpr std::uint32_t kRow = 32;
  for (std::uint32_t row = 0; row + kRow <= count; row += kRow) {
    CHECK_FOR_INTERRUPTS();
    appendStringInfo(out, "\n%4u: ", row);
    for (std::uint32_t i = row; i < row + kRow; ++i) appendStringInfo(out, "%2d ", registers[i]);
  }
}

}  // namespace

MILLRACE_FUNCTION(hll_add) { return AddToStored(PG_GETARG_DATUM(0), PG_GETARG_INT64(1)); }

MILLRACE_FUNCTION(hll_add_rev) { return AddToStored(PG_GETARG_DATUM(1), PG_GETARG_INT64(0)); }

MILLRACE_FUNCTION(hll_union) {
  const HllView a = HllFromDatum(PG_GETARG_DATUM(0));
  const HllView b = HllFromDatum(PG_GETARG_DATUM(1));
  CheckSameHllParameters(a.parameters(), b.parameters());
  if (a.type() == HllType::kExplicit && b.type() == HllType::kExplicit) {
    auto* result = static_cast<bytea*>(
        palloc(VARHDRSZ + kHllHeaderBytes + sizeof(int64) * (a.count() + b.count())));
    const std::size_t size = UnionExplicit(a, b, reinterpret_cast<uint8*>(VARDATA(result)));
    if (size != 0) {
      SET_VARSIZE(result, VARHDRSZ + size);
      PG_RETURN_BYTEA_P(result);
    }
    pfree(result);
  }
  MemoryContextAllocator allocator(CurrentMemoryContext);
  HyperLogLog sketch(a.parameters());
  RunCpp([&] {
    sketch.Merge(a, allocator);
    sketch.Merge(b, allocator);
  });
  return HllToDatum(&sketch, allocator);
}

MILLRACE_FUNCTION(hll_cardinality) {
  const HllView view = HllFromDatum(PG_GETARG_DATUM(0));
  if (view.type() == HllType::kUndefined) PG_RETURN_NULL();
  double estimate;
  CheckStatus(EstimateCardinality(view, &estimate));
  PG_RETURN_FLOAT8(estimate);
}

MILLRACE_FUNCTION(hll_eq) { PG_RETURN_BOOL(SameBytes(PG_GETARG_DATUM(0), PG_GETARG_DATUM(1))); }

MILLRACE_FUNCTION(hll_ne) { PG_RETURN_BOOL(!SameBytes(PG_GETARG_DATUM(0), PG_GETARG_DATUM(1))); }

// The hash of the bytes: equal values have equal bytes.
MILLRACE_FUNCTION(hll_image_hash) {
  struct varlena* value = PG_DETOAST_DATUM_PACKED(PG_GETARG_DATUM(0));
  const Datum hash = hash_any(reinterpret_cast<const unsigned char*>(VARDATA_ANY(value)),
                              static_cast<int>(VARSIZE_ANY_EXHDR(value)));
  PG_FREE_IF_COPY(value, 0);
  return hash;
}

MILLRACE_FUNCTION(hll_empty0) { return EmptyFromArguments(fcinfo); }
MILLRACE_FUNCTION(hll_empty1) { return EmptyFromArguments(fcinfo); }
MILLRACE_FUNCTION(hll_empty2) { return EmptyFromArguments(fcinfo); }
MILLRACE_FUNCTION(hll_empty3) { return EmptyFromArguments(fcinfo); }
MILLRACE_FUNCTION(hll_empty4) { return EmptyFromArguments(fcinfo); }

MILLRACE_FUNCTION(hll_print) {
  const HllView view = HllFromDatum(PG_GETARG_DATUM(0));
  const HllParameters& p = view.parameters();
  const char* automatic = p.expthresh == -1 ? psprintf("(%u)", p.explicit_limit()) : "";
  const char* parameters = psprintf("nregs=%u, nbits=%d, expthresh=" INT64_FORMAT "%s, sparseon=%d",
                                    p.registers(), p.regwidth, p.expthresh, automatic, p.sparseon);
  StringInfoData out;
  initStringInfo(&out);
  switch (view.type()) {
    case HllType::kUndefined:
      appendStringInfo(&out, "UNDEFINED %s", parameters);
      break;
    case HllType::kEmpty:
      appendStringInfo(&out, "EMPTY, %s", parameters);
      break;
    case HllType::kExplicit:
      appendStringInfo(&out, "EXPLICIT, %u elements, %s:", view.count(), parameters);
      for (std::uint32_t i = 0; i < view.count(); ++i) {
        appendStringInfo(&out, "\n%u: %20lld ", i, static_cast<long long>(view.ExplicitValue(i)));
      }
      break;
    case HllType::kSparse:
    case HllType::kFull:
      PrintRegisters(&out, view, parameters);
      break;
  }
  PG_RETURN_CSTRING(out.data);
}

MILLRACE_FUNCTION(hll_schema_version) {
  HllFromDatum(PG_GETARG_DATUM(0));
  PG_RETURN_INT32(1);
}

MILLRACE_FUNCTION(hll_type) {
  PG_RETURN_INT32(static_cast<int32>(HllFromDatum(PG_GETARG_DATUM(0)).type()));
}

MILLRACE_FUNCTION(hll_log2m) {
  PG_RETURN_INT32(HllFromDatum(PG_GETARG_DATUM(0)).parameters().log2m);
}

MILLRACE_FUNCTION(hll_regwidth) {
  PG_RETURN_INT32(HllFromDatum(PG_GETARG_DATUM(0)).parameters().regwidth);
}

MILLRACE_FUNCTION(hll_sparseon) {
  PG_RETURN_INT32(HllFromDatum(PG_GETARG_DATUM(0)).parameters().sparseon);
}

MILLRACE_FUNCTION(hll_expthresh) {
  const HllParameters p = HllFromDatum(PG_GETARG_DATUM(0)).parameters();
  Datum values[] = {Int64GetDatum(p.expthresh),
                    Int64GetDatum(p.expthresh == -1 ? p.explicit_limit() : p.expthresh)};
  return MakeRecord(fcinfo, values);
}

MILLRACE_FUNCTION(hll_set_output_version) {
  if (PG_GETARG_INT32(0) != 1) {
    ereport(ERROR,
            (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("hll output version must be 1")));
  }
  PG_RETURN_INT32(1);
}

MILLRACE_FUNCTION(hll_set_max_sparse) {
  const int32 before = hll_max_sparse;
  if (PG_GETARG_INT32(0) < -1) {
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                    errmsg("sparse threshold must be -1 or more")));
  }
  SetSetting("millrace.hll_max_sparse", PG_GETARG_INT32(0));
  PG_RETURN_INT32(before);
}

MILLRACE_FUNCTION(hll_set_defaults) {
  Datum before[] = {Int32GetDatum(hll_default_log2m), Int32GetDatum(hll_default_regwidth),
                    Int64GetDatum(hll_default_expthresh), Int32GetDatum(hll_default_sparseon)};
  const HllParameters p = MakeHllParameters(PG_GETARG_INT32(0), PG_GETARG_INT32(1),
                                            PG_GETARG_INT64(2), PG_GETARG_INT32(3));
  SetSetting("millrace.hll_log2m", p.log2m);
  SetSetting("millrace.hll_regwidth", p.regwidth);
  SetSetting("millrace.hll_expthresh", p.expthresh);
  SetSetting("millrace.hll_sparseon", p.sparseon);
  return MakeRecord(fcinfo, before);
}
