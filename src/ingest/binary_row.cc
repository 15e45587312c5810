#include "ingest/binary_row.h"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <chrono>
#include <concepts>
#include <cstring>
#include <limits>

#include "ingest/time_format.h"

namespace millrace::cli {
namespace {

constexpr std::int64_t kMinute = 60'000'000;  // in microseconds
constexpr std::int64_t kDay = 24 * 60 * kMinute;
// PostgreSQL counts from 2000-01-01.
constexpr std::int64_t kEpochDays = 10'957;
// Days since 1970 of the years 1 to 9999.
constexpr std::int64_t kFirstDay = -719'162, kLastDay = 2'932'896;

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

static_assert(std::endian::native == std::endian::little);
std::uint8_t BigEndian(std::uint8_t value) { return value; }
std::uint16_t BigEndian(std::uint16_t value) { return __builtin_bswap16(value); }
std::uint32_t BigEndian(std::uint32_t value) { return __builtin_bswap32(value); }
std::uint64_t BigEndian(std::uint64_t value) { return __builtin_bswap64(value); }

template <std::integral T>
void AppendInteger(T value, std::string* out) {
  const auto bytes = BigEndian(static_cast<std::make_unsigned_t<T>>(value));
  out->append(reinterpret_cast<const char*>(&bytes), sizeof(bytes));
}

void AppendLength(std::size_t length, std::string* out) {
  AppendInteger(static_cast<std::int32_t>(length), out);
}

// A field of an integer's length and bytes.
template <std::integral T>
void AppendFixed(T value, std::string* out) {
  AppendLength(sizeof(value), out);
  AppendInteger(value, out);
}

template <std::integral T>
T ReadInteger(const char* bytes) {
  std::make_unsigned_t<T> value;
  std::memcpy(&value, bytes, sizeof(value));
  return static_cast<T>(BigEndian(value));
}

template <std::integral T>
bool AppendDigits(std::string_view text, std::string* out) {
  T value = 0;
  const char* const end = text.data() + text.size();
  const auto [after, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || after != end) return false;
  AppendFixed(value, out);
  return true;
}

// A float, as the server's strtod rounds it.
template <std::floating_point T>
bool AppendFloat(std::string_view text, std::string* out) {
  const std::size_t first = text.starts_with('-') ? 1 : 0;
  if (text.size() == first || !IsDigit(text[first])) return false;
  T value = 0;
  const char* const end = text.data() + text.size();
  const auto [after, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || after != end) return false;
  if constexpr (sizeof(T) == 4) {
    AppendFixed(std::bit_cast<std::int32_t>(value), out);
  } else {
    AppendFixed(std::bit_cast<std::int64_t>(value), out);
  }
  return true;
}

// Digits with a point and a sign, as groups of four decimal digits.
bool AppendNumeric(std::string_view text, std::string* out) {
  const bool negative = text.starts_with('-');
  if (negative) text.remove_prefix(1);
  const std::size_t point = std::min(text.find('.'), text.size());
  std::string_view whole = text.substr(0, point);
  const std::string_view part = point < text.size() ? text.substr(point + 1) : "";
  constexpr std::size_t kMostDigits = 100;
  if (whole.empty() || text.size() > kMostDigits || (point < text.size() && part.empty())) {
    return false;
  }
  for (const std::string_view digits : {whole, part}) {
    for (const char c : digits) {
      if (!IsDigit(c)) return false;
    }
  }
  while (whole.starts_with('0')) whole.remove_prefix(1);
  // The groups are aligned at the point.
  std::array<std::int16_t, kMostDigits / 4 + 3> groups;
  std::size_t count = 0;
  const auto add = [&](std::string_view digits, std::size_t missing) {
    int value = 0;
    for (const char c : digits) value = value * 10 + (c - '0');
    for (; missing > 0; --missing) value *= 10;
    groups[count++] = static_cast<std::int16_t>(value);
  };
  int weight = static_cast<int>((whole.size() + 3) / 4) - 1;
  for (std::size_t at = 0, length = (whole.size() + 3) % 4 + 1; at < whole.size();
       at += length, length = 4) {
    add(whole.substr(at, length), 0);
  }
  for (std::size_t at = 0; at < part.size(); at += 4) {
    const std::string_view digits = part.substr(at, 4);
    add(digits, 4 - digits.size());
  }
  std::size_t first = 0;
  while (count > first && groups[count - 1] == 0) --count;
  for (; first < count && groups[first] == 0; ++first) --weight;
  const bool zero = first == count;
  constexpr std::int16_t kNegative = 0x4000;
  AppendLength(8 + 2 * (count - first), out);
  AppendInteger(static_cast<std::int16_t>(count - first), out);
  AppendInteger(static_cast<std::int16_t>(zero ? 0 : weight), out);
  AppendInteger(negative && !zero ? kNegative : std::int16_t{0}, out);
  AppendInteger(static_cast<std::int16_t>(part.size()), out);
  for (std::size_t i = first; i < count; ++i) AppendInteger(groups[i], out);
  return true;
}

bool AppendCharacters(std::string_view before, std::string_view text, std::string* out) {
  constexpr std::size_t kLongest = std::numeric_limits<std::int32_t>::max() / 4;
  if (text.size() > kLongest || text.find('\0') != std::string_view::npos) return false;
  AppendLength(before.size() + text.size(), out);
  *out += before;
  *out += text;
  return true;
}

bool AppendUuid(std::string_view text, std::string* out) {
  constexpr std::size_t kLength = 36;
  if (text.size() != kLength) return false;
  std::array<char, 16> bytes;
  std::size_t digits = 0;
  for (std::size_t i = 0; i < kLength; ++i) {
    const char c = text[i];
    if (i == 8 || i == 13 || i == 18 || i == 23) {
      if (c != '-') return false;
      continue;
    }
    const int digit = IsDigit(c)             ? c - '0'
                      : c >= 'a' && c <= 'f' ? c - 'a' + 10
                      : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                             : -1;
    if (digit < 0) return false;
    char& byte = bytes[digits / 2];
    byte = static_cast<char>(digits % 2 == 0 ? digit << 4 : byte | digit);
    ++digits;
  }
  AppendLength(bytes.size(), out);
  out->append(bytes.data(), bytes.size());
  return true;
}

// `count` digits at `at`; -1 if they are not all there.
int Digits(std::string_view text, std::size_t at, std::size_t count) {
  if (at + count > text.size()) return -1;
  int value = 0;
  for (std::size_t i = at; i < at + count; ++i) {
    if (!IsDigit(text[i])) return -1;
    value = value * 10 + (text[i] - '0');
  }
  return value;
}

// Days since 1970 of "2026-01-31", which `text` begins with.
std::optional<std::int64_t> ReadDay(std::string_view text) {
  using namespace std::chrono;
  const int y = Digits(text, 0, 4), m = Digits(text, 5, 2), d = Digits(text, 8, 2);
  if (y < 1 || m < 1 || d < 1 || text[4] != '-' || text[7] != '-') return std::nullopt;
  const year_month_day date{year(y), month(static_cast<unsigned>(m)),
                            day(static_cast<unsigned>(d))};
  if (!date.ok()) return std::nullopt;
  return sys_days(date).time_since_epoch().count();
}

// Z, +01, +01:00 or +0100.
std::optional<int> ReadOffset(std::string_view text) {
  if (text == "Z") return 0;
  if (text.size() < 3 || (text[0] != '+' && text[0] != '-')) return std::nullopt;
  const int hours = Digits(text, 1, 2);
  int minutes = 0;
  if (text.size() > 3) {
    const std::size_t at = text[3] == ':' ? 4 : 3;
    if (text.size() != at + 2) return std::nullopt;
    minutes = Digits(text, at, 2);
  }
  if (hours < 0 || hours > 15 || minutes < 0 || minutes > 59) return std::nullopt;
  return (text[0] == '-' ? -1 : 1) * (hours * 60 + minutes);
}

// "2026-01-31T08:15:00.25+01:00", with at most six decimals, or a blank instead of the T, or
// without an offset. Always year, month, day, whatever the date style.
std::optional<Moment> ReadMoment(std::string_view text) {
  constexpr std::size_t kSeconds = 19;
  if (text.size() < kSeconds) return std::nullopt;
  const auto day = ReadDay(text);
  const int hour = Digits(text, 11, 2), minute = Digits(text, 14, 2), second = Digits(text, 17, 2);
  if (!day || (text[10] != 'T' && text[10] != ' ') || text[13] != ':' || text[16] != ':' ||
      hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 59) {
    return std::nullopt;
  }
  std::int64_t micros = 0;
  std::size_t at = kSeconds;
  if (at < text.size() && text[at] == '.') {
    std::int64_t unit = 1'000'000;
    for (++at; at < text.size() && IsDigit(text[at]); ++at) {
      unit /= 10;
      // The server rounds what is finer.
      if (unit == 0) return std::nullopt;
      micros += unit * (text[at] - '0');
    }
    if (unit == 1'000'000) return std::nullopt;
  }
  Moment moment;
  moment.wall =
      *day * kDay + ((hour * 60 + minute) * 60 + second) * std::int64_t{1'000'000} + micros;
  if (at < text.size()) {
    moment.offset = ReadOffset(text.substr(at));
    if (!moment.offset) return std::nullopt;
  }
  return moment;
}

}  // namespace

BinaryType BinaryTypeOf(std::uint32_t oid) {
  switch (oid) {
    case 16:
      return BinaryType::kBool;
    case 20:
      return BinaryType::kInt8;
    case 21:
      return BinaryType::kInt2;
    case 23:
      return BinaryType::kInt4;
    case 25:    // text
    case 1042:  // char(n)
    case 1043:  // varchar
      return BinaryType::kText;
    case 114:
      return BinaryType::kJson;
    case 700:
      return BinaryType::kFloat4;
    case 701:
      return BinaryType::kFloat8;
    case 1082:
      return BinaryType::kDate;
    case 1114:
      return BinaryType::kTimestamp;
    case 1184:
      return BinaryType::kTimestampTz;
    case 1700:
      return BinaryType::kNumeric;
    case 2950:
      return BinaryType::kUuid;
    case 3802:
      return BinaryType::kJsonb;
    default:
      return BinaryType::kNone;
  }
}

std::string_view BinaryHeader() {
  // The signature, no flags, no extension.
  static constexpr char kHeader[] = "PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0";
  return {kHeader, sizeof(kHeader)};
}

std::string_view BinaryTrailer() { return "\377\377"; }

void AppendBinaryRow(std::size_t columns, std::string* out) {
  AppendInteger(static_cast<std::int16_t>(columns), out);
}

void AppendBinaryNull(std::string* out) { AppendInteger(std::int32_t{-1}, out); }

bool AppendBinaryText(BinaryType type, std::string_view text, std::string* out) {
  switch (type) {
    case BinaryType::kNone:
      return false;
    case BinaryType::kBool:
      if (text == "true" || text == "t" || text == "1") {
        AppendFixed(std::int8_t{1}, out);
      } else if (text == "false" || text == "f" || text == "0") {
        AppendFixed(std::int8_t{0}, out);
      } else {
        return false;
      }
      return true;
    case BinaryType::kInt2:
      return AppendDigits<std::int16_t>(text, out);
    case BinaryType::kInt4:
      return AppendDigits<std::int32_t>(text, out);
    case BinaryType::kInt8:
      return AppendDigits<std::int64_t>(text, out);
    case BinaryType::kFloat4:
      return AppendFloat<float>(text, out);
    case BinaryType::kFloat8:
      return AppendFloat<double>(text, out);
    case BinaryType::kNumeric:
      return AppendNumeric(text, out);
    case BinaryType::kUuid:
      return AppendUuid(text, out);
    case BinaryType::kText:
      return AppendCharacters("", text, out);
    case BinaryType::kJson:
      return !text.empty() && AppendCharacters("", text, out);
    case BinaryType::kJsonb:
      return !text.empty() && AppendCharacters("\1", text, out);  // the version of its form
    case BinaryType::kDate: {
      constexpr std::size_t kDate = 10;
      const auto day = text.size() == kDate ? ReadDay(text) : std::nullopt;
      if (!day) return false;
      AppendFixed(static_cast<std::int32_t>(*day - kEpochDays), out);
      return true;
    }
    case BinaryType::kTimestampTz:
    case BinaryType::kTimestamp: {
      const auto moment = ReadMoment(text);
      return moment && AppendBinaryMoment(type, *moment, out);
    }
  }
  return false;
}

bool AppendBinaryUtc(std::string_view text, std::string* out) {
  auto moment = ReadMoment(text);
  if (!moment) return false;
  if (!moment->offset) moment->offset = 0;
  return AppendBinaryMoment(BinaryType::kTimestampTz, *moment, out);
}

bool AppendBinaryMoment(BinaryType type, const Moment& moment, std::string* out) {
  // Towards the past, also before 1970.
  std::int64_t day = moment.wall / kDay;
  if (moment.wall % kDay < 0) --day;
  if (day < kFirstDay || day > kLastDay) return false;
  switch (type) {
    case BinaryType::kTimestampTz:
      // Without an offset it is a time of the session's zone.
      if (!moment.offset) return false;
      AppendFixed(moment.wall - *moment.offset * kMinute - kEpochDays * kDay, out);
      return true;
    case BinaryType::kTimestamp:
      AppendFixed(moment.wall - kEpochDays * kDay, out);
      return true;
    case BinaryType::kDate:
      AppendFixed(static_cast<std::int32_t>(day - kEpochDays), out);
      return true;
    default:
      return false;
  }
}

std::optional<std::string_view> BinaryField(std::string_view row, std::size_t index) {
  std::size_t at = sizeof(std::int16_t);
  for (;; --index) {
    if (at + sizeof(std::int32_t) > row.size()) return std::nullopt;
    const auto length = ReadInteger<std::int32_t>(row.data() + at);
    at += sizeof(std::int32_t);
    if (index == 0 && length >= 0) return row.substr(at, static_cast<std::size_t>(length));
    if (index == 0) return std::nullopt;
    at += static_cast<std::size_t>(std::max(length, 0));
  }
}

std::int64_t BinaryMinute(BinaryType type, std::string_view field) {
  switch (type) {
    case BinaryType::kTimestampTz:
    case BinaryType::kTimestamp: {
      const auto micros = ReadInteger<std::int64_t>(field.data());
      return micros / kMinute - (micros % kMinute < 0 ? 1 : 0);
    }
    case BinaryType::kInt8:
      return ReadInteger<std::int64_t>(field.data());
    case BinaryType::kDate:
    case BinaryType::kInt4:
      return ReadInteger<std::int32_t>(field.data());
    case BinaryType::kInt2:
      return ReadInteger<std::int16_t>(field.data());
    default:
      return 0;
  }
}

std::string FormatBinaryMinute(BinaryType type, std::int64_t minute) {
  std::string text;
  Moment moment;
  moment.wall = minute * kMinute + kEpochDays * kDay;
  constexpr std::size_t kToMinutes = 16;
  switch (type) {
    case BinaryType::kTimestampTz:
    case BinaryType::kTimestamp:
      AppendMoment(moment, &text);
      text.resize(kToMinutes);
      return type == BinaryType::kTimestamp ? text : text + "+00";
    case BinaryType::kDate:
      moment.wall = (minute + kEpochDays) * kDay;
      moment.has_hours = false;
      AppendMoment(moment, &text);
      return text;
    case BinaryType::kInt8:
    case BinaryType::kInt4:
    case BinaryType::kInt2:
      return std::to_string(minute);
    default:
      return "";
  }
}

}  // namespace millrace::cli
