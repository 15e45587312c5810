#include "pg/topn/summary_codec.h"

#include <cstring>

#include "core/sketch/top_n_jsonb.h"

namespace millrace::pg {
namespace {

// What src/core assumes about the stored format.
static_assert(JB_FOBJECT == 0x20000000 && JB_CMASK == 0x0FFFFFFF && JB_OFFSET_STRIDE == 32);
static_assert(JENTRY_ISNUMERIC == 0x10000000 && JENTRY_HAS_OFF == 0x80000000 &&
              JENTRY_OFFLENMASK == kMaxJsonbBytes && VARHDRSZ == 4);

// Reads a number in a form that counts do not have, with numeric's own functions, which may raise.
Status CountFromNumeric(const char* bytes, std::size_t size, int64* count) {
  auto* copy = static_cast<char*>(palloc(size));
  memcpy(copy, bytes, size);
  const Datum number = PointerGetDatum(copy);
  if (numeric_is_nan(DatumGetNumeric(number)) || numeric_is_inf(DatumGetNumeric(number))) {
    return Status::InvalidParameter("A count is not a number.");
  }
  const Datum whole = DirectFunctionCall2(numeric_trunc, number, Int32GetDatum(0));
  if (!DatumGetBool(DirectFunctionCall2(numeric_eq, number, whole))) {
    return Status::InvalidParameter("A count is not an integer.");
  }
  const Datum zero = NumericGetDatum(int64_to_numeric(0));
  if (DatumGetBool(DirectFunctionCall2(numeric_lt, number, zero))) {
    return Status::InvalidParameter("A count is negative.");
  }
  const Datum limit = NumericGetDatum(int64_to_numeric(PG_INT64_MAX));
  if (DatumGetBool(DirectFunctionCall2(numeric_gt, number, limit))) {
    return Status::InvalidParameter("A count is larger than a bigint.");
  }
  *count = DatumGetInt64(DirectFunctionCall1(numeric_int8, whole));
  return Status::Ok();
}

void CheckSummary(const Status& status) {
  if (unlikely(!status.ok())) {
    ereport(ERROR,
            (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("jsonb value is not a topn summary"),
             errdetail("%s", status.message())));
  }
}

}  // namespace

TopNItem* AllocateItems(std::size_t size) {
  return static_cast<TopNItem*>(palloc_extended(Max(size, 1) * sizeof(TopNItem), MCXT_ALLOC_HUGE));
}

Summary SummaryFromBytes(const char* bytes, std::size_t size) {
  Summary summary;
  CheckSummary(JsonbSummarySize(bytes, size, &summary.size));
  summary.items = AllocateItems(summary.size);
  CheckSummary(DecodeJsonbSummary(bytes, size, CountFromNumeric, summary.items));
  return summary;
}

Summary SummaryFromJsonb(Datum datum) {
  struct varlena* value = PG_DETOAST_DATUM_PACKED(datum);
  return SummaryFromBytes(VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value));
}

Datum JsonbFromSummary(const TopNItem* items, std::size_t size) {
  const std::size_t bytes = VARHDRSZ + EncodedJsonbSize(items, size);
  if (bytes > kMaxJsonbBytes) {
    ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
                    errmsg("topn summary would be larger than a jsonb value can be")));
  }
  auto* jsonb = static_cast<char*>(palloc(bytes));
  SET_VARSIZE(jsonb, bytes);
  EncodeJsonbSummary(items, size, VARDATA(jsonb));
  return PointerGetDatum(jsonb);
}

std::string_view ClipKey(std::string_view text) {
  if (text.size() <= kTopNMaxKeyBytes) return text;
  return text.substr(
      0, static_cast<std::size_t>(pg_mbcliplen(text.data(), static_cast<int>(text.size()),
                                               static_cast<int>(kTopNMaxKeyBytes))));
}

}  // namespace millrace::pg
