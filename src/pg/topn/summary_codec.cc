#include "pg/topn/summary_codec.h"

#include <cstring>

#include "core/base/coding.h"

// A jsonb object is, after the varlena header: a count with flags, an entry (length or end offset,
// and type) for each key and then for each value, the keys' bytes in StoredOrder, and the values,
// of which numbers are aligned to four bytes (utils/jsonb.h). A number is a varlena whose short
// form is two bytes of sign, scale and weight and then digits to the base 10,000 (numeric.c). Both
// are stored formats, so they do not change within or between major versions.

namespace millrace::pg {
namespace {

// numeric.c, NumericShort.
constexpr uint16 kNumericShort = 0x8000;
constexpr uint16 kNumericSpecialMask = 0xC000;
constexpr uint16 kNumericShortSign = 0x2000;
constexpr uint16 kNumericShortScaleMask = 0x1F80;
constexpr uint16 kNumericShortWeightSign = 0x0040;
constexpr uint16 kNumericShortWeightMask = 0x003F;
constexpr int kNumericBase = 10000;
constexpr int kMaxInt8Digits = 5;

[[noreturn]] void RaiseBadSummary(const char* detail) {
  ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                  errmsg("jsonb value is not a topn summary"), errdetail("%s", detail)));
  pg_unreachable();
}

// The general case: through numeric's own functions.
int64 CountFromNumericSlowly(const char* bytes, std::size_t size) {
  auto* copy = static_cast<char*>(palloc(size));
  memcpy(copy, bytes, size);
  const Datum number = PointerGetDatum(PG_DETOAST_DATUM(PointerGetDatum(copy)));
  Numeric numeric = DatumGetNumeric(number);
  if (numeric_is_nan(numeric) || numeric_is_inf(numeric)) {
    RaiseBadSummary("A count is not a number.");
  }
  const Datum whole = DirectFunctionCall2(numeric_trunc, number, Int32GetDatum(0));
  if (!DatumGetBool(DirectFunctionCall2(numeric_eq, number, whole))) {
    RaiseBadSummary("A count is not an integer.");
  }
  const Datum limit = NumericGetDatum(int64_to_numeric(PG_INT64_MAX));
  const Datum zero = NumericGetDatum(int64_to_numeric(0));
  if (DatumGetBool(DirectFunctionCall2(numeric_lt, number, zero))) {
    RaiseBadSummary("A count is negative.");
  }
  if (DatumGetBool(DirectFunctionCall2(numeric_gt, number, limit))) {
    RaiseBadSummary("A count is larger than a bigint.");
  }
  return DatumGetInt64(DirectFunctionCall1(numeric_int8, whole));
}

// `bytes` is what the entry of a number covers, alignment padding taken off.
int64 CountFromNumeric(const char* bytes, std::size_t size) {
  constexpr std::size_t kHeader = VARHDRSZ + sizeof(uint16);
  if (size < kHeader || !VARATT_IS_4B_U(bytes) || VARSIZE_4B(bytes) != size) {
    if (size == 0 || VARSIZE_ANY(bytes) > size) RaiseBadSummary("A count is damaged.");
    return CountFromNumericSlowly(bytes, size);
  }
  const auto header = LoadUnaligned<uint16>(bytes + VARHDRSZ);
  const std::size_t digits = (size - kHeader) / sizeof(int16);
  const unsigned weight = header & kNumericShortWeightMask;
  const bool plain =
      (header & kNumericSpecialMask) == kNumericShort &&
      (header & (kNumericShortSign | kNumericShortScaleMask | kNumericShortWeightSign)) == 0;
  if (!plain || weight >= kMaxInt8Digits || digits > weight + 1) {
    return CountFromNumericSlowly(bytes, size);
  }
  std::uint64_t value = 0;
  for (unsigned i = 0; i <= weight; ++i) {
    const int digit = i < digits ? LoadUnaligned<int16>(bytes + kHeader + i * sizeof(int16)) : 0;
    // Five digits to the base 10,000 stay below 10^20, but may pass 2^64.
    if (__builtin_mul_overflow(value, std::uint64_t{kNumericBase}, &value) ||
        __builtin_add_overflow(value, static_cast<std::uint64_t>(digit), &value)) {
      RaiseBadSummary("A count is larger than a bigint.");
    }
  }
  if (value > static_cast<std::uint64_t>(PG_INT64_MAX)) {
    RaiseBadSummary("A count is larger than a bigint.");
  }
  return static_cast<int64>(value);
}

// The digits of `count`, most significant first, without trailing zeros.
struct NumericDigits {
  int16 digits[kMaxInt8Digits];
  int size = 0;
  int weight = 0;

  explicit NumericDigits(int64 count) {
    int16 reversed[kMaxInt8Digits];
    int n = 0;
    for (; count > 0; count /= kNumericBase) {
      reversed[n++] = static_cast<int16>(count % kNumericBase);
    }
    weight = n > 0 ? n - 1 : 0;
    for (int i = n - 1; i >= 0; --i) digits[size++] = reversed[i];
    while (size > 0 && digits[size - 1] == 0) --size;
  }
  std::size_t bytes() const { return VARHDRSZ + sizeof(uint16) + size * sizeof(int16); }
};

}  // namespace

Summary SummaryFromJsonb(Datum datum) {
  struct varlena* value = PG_DETOAST_DATUM_PACKED(datum);
  const char* container = VARDATA_ANY(value);
  const std::size_t size = VARSIZE_ANY_EXHDR(value);
  if (size < sizeof(uint32)) RaiseBadSummary("It is damaged.");
  const auto header = LoadUnaligned<uint32>(container);
  if ((header & JB_FOBJECT) == 0) RaiseBadSummary("It is not an object.");
  const std::size_t count = header & JB_CMASK;
  const char* entries = container + sizeof(uint32);
  if ((size - sizeof(uint32)) / sizeof(JEntry) < count * 2) RaiseBadSummary("It is damaged.");
  const char* data = entries + count * 2 * sizeof(JEntry);
  const std::size_t data_size = size - sizeof(uint32) - count * 2 * sizeof(JEntry);
  // Alignment is relative to the start of an unpacked varlena, of which the header is four bytes.
  const std::size_t data_start = VARHDRSZ + sizeof(uint32) + count * 2 * sizeof(JEntry);

  auto* items =
      static_cast<TopNItem*>(palloc_extended(Max(count, 1) * sizeof(TopNItem), MCXT_ALLOC_HUGE));
  std::size_t begin = 0;
  for (std::size_t i = 0; i < count * 2; ++i) {
    const auto entry = LoadUnaligned<JEntry>(entries + i * sizeof(JEntry));
    const std::size_t end =
        JBE_HAS_OFF(entry) ? JBE_OFFLENFLD(entry) : begin + JBE_OFFLENFLD(entry);
    if (end < begin || end > data_size) RaiseBadSummary("It is damaged.");
    if (i < count) {
      if (!JBE_ISSTRING(entry)) RaiseBadSummary("It is damaged.");
      if (end - begin > kTopNMaxKeyBytes) {
        RaiseBadSummary("A key has more than 255 bytes.");
      }
      items[i].key = {data + begin, end - begin};
    } else {
      if (!JBE_ISNUMERIC(entry)) RaiseBadSummary("A count is not a number.");
      const std::size_t aligned = INTALIGN(data_start + begin) - data_start;
      if (aligned > end) RaiseBadSummary("It is damaged.");
      items[i - count].count = CountFromNumeric(data + aligned, end - aligned);
    }
    begin = end;
  }
  return {items, count};
}

std::size_t JsonbSizeOfSummary(const TopNItem* items, std::size_t size) {
  std::size_t bytes = VARHDRSZ + sizeof(uint32) + size * 2 * sizeof(JEntry);
  for (std::size_t i = 0; i < size; ++i) bytes += items[i].key.size();
  for (std::size_t i = 0; i < size; ++i) {
    bytes = INTALIGN(bytes) + NumericDigits(items[i].count).bytes();
  }
  return bytes;
}

Datum JsonbFromSummary(const TopNItem* items, std::size_t size) {
  const std::size_t bytes = JsonbSizeOfSummary(items, size);
  if (size > JB_CMASK || bytes > JENTRY_OFFLENMASK) {
    ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
                    errmsg("topn summary would be larger than a jsonb value can be")));
  }
  auto* jsonb = static_cast<char*>(palloc0(bytes));
  SET_VARSIZE(jsonb, bytes);
  StoreUnaligned(jsonb + VARHDRSZ, static_cast<uint32>(size | JB_FOBJECT));
  char* entry = jsonb + VARHDRSZ + sizeof(uint32);
  char* const data = entry + size * 2 * sizeof(JEntry);
  char* next = data;
  std::size_t index = 0;
  // Every JB_OFFSET_STRIDE-th entry has the offset of its end in place of its length.
  auto put_entry = [&](uint32 type, std::size_t length) {
    JEntry value = type | static_cast<uint32>(length);
    if (index % JB_OFFSET_STRIDE == 0) {
      value = type | JENTRY_HAS_OFF | static_cast<uint32>(next - data);
    }
    StoreUnaligned(entry + index * sizeof(JEntry), value);
    ++index;
  };
  for (std::size_t i = 0; i < size; ++i) {
    memcpy(next, items[i].key.data(), items[i].key.size());
    next += items[i].key.size();
    put_entry(JENTRY_ISSTRING, items[i].key.size());
  }
  for (std::size_t i = 0; i < size; ++i) {
    const char* begin = next;
    next = jsonb + INTALIGN(next - jsonb);
    const NumericDigits number(items[i].count);
    SET_VARSIZE(next, number.bytes());
    StoreUnaligned(next + VARHDRSZ, static_cast<uint16>(kNumericShort | number.weight));
    memcpy(next + VARHDRSZ + sizeof(uint16), number.digits, number.size * sizeof(int16));
    next += number.bytes();
    put_entry(JENTRY_ISNUMERIC, static_cast<std::size_t>(next - begin));
  }
  Assert(next == jsonb + bytes);
  return PointerGetDatum(jsonb);
}

std::string_view ClipKey(std::string_view text) {
  if (text.size() <= kTopNMaxKeyBytes) return text;
  return text.substr(
      0, static_cast<std::size_t>(pg_mbcliplen(text.data(), static_cast<int>(text.size()),
                                               static_cast<int>(kTopNMaxKeyBytes))));
}

}  // namespace millrace::pg
