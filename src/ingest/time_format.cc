#include "ingest/time_format.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <chrono>
#include <cstdlib>
#include <iterator>
#include <optional>
#include <utility>

#include "client/error.h"
#include "client/text.h"

namespace millrace::cli {
namespace {

constexpr std::int64_t kMicros = 1'000'000;
constexpr std::array<std::string_view, 12> kMonths = {
    "january", "february", "march",     "april",   "may",      "june",
    "july",    "august",   "september", "october", "november", "december"};
constexpr std::array<std::string_view, 7> kDays = {"monday", "tuesday",  "wednesday", "thursday",
                                                   "friday", "saturday", "sunday"};
constexpr std::array<std::pair<std::string_view, std::int64_t>, 10> kUnits = {{
    {"seconds", 1},
    {"epoch", 1},
    {"s", 1},
    {"milliseconds", 1'000},
    {"ms", 1'000},
    {"microseconds", 1'000'000},
    {"us", 1'000'000},
    {"nanoseconds", 1'000'000'000},
    {"ns", 1'000'000'000},
    {"sec", 1},
}};

char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }
bool IsBlank(char c) { return c == ' ' || c == '\t'; }
bool IsDigit(char c) { return c >= '0' && c <= '9'; }

std::string_view Trim(std::string_view text) {
  while (!text.empty() && IsBlank(text.front())) text.remove_prefix(1);
  while (!text.empty() && IsBlank(text.back())) text.remove_suffix(1);
  return text;
}

struct Parts {
  int year = -1, month = 1, day = 1, hour = 0, minute = 0, second = 0, micros = 0;
  bool has_hours = false, twelve_hours = false;
  int half = -1;                             // 0: am, 1: pm
  std::optional<int> offset;                 // minutes east of UTC
  std::optional<std::int64_t> epoch_micros;  // instead of all else
};

// Reads a text from the front.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : rest_(text) {}

  bool at_end() const { return rest_.empty(); }
  std::string_view rest() const { return rest_; }

  void SkipBlanks() {
    while (!rest_.empty() && IsBlank(rest_.front())) rest_.remove_prefix(1);
  }
  bool Take(char c) {
    if (rest_.empty() || Lower(rest_.front()) != Lower(c)) return false;
    rest_.remove_prefix(1);
    return true;
  }
  // Digits, `least` to `most` of them, with a value in [low, high].
  bool Number(std::size_t least, std::size_t most, int low, int high, int* value) {
    std::size_t length = 0;
    int number = 0;
    while (length < most && length < rest_.size() && IsDigit(rest_[length])) {
      number = number * 10 + (rest_[length++] - '0');
    }
    if (length < least || number < low || number > high) return false;
    rest_.remove_prefix(length);
    *value = number;
    return true;
  }
  // Decimals of a second; those finer than microseconds are cut off.
  bool Decimals(int* micros) {
    if (rest_.empty() || !IsDigit(rest_.front())) return false;
    int value = 0, digits = 0;
    while (!rest_.empty() && IsDigit(rest_.front())) {
      if (digits++ < 6) value = value * 10 + (rest_.front() - '0');
      rest_.remove_prefix(1);
    }
    for (; digits < 6; ++digits) value *= 10;
    *micros = value;
    return true;
  }
  // One of the names, or its first three letters; its index, or -1.
  template <std::size_t n>
  int Name(const std::array<std::string_view, n>& names) {
    std::size_t length = 0;
    while (length < rest_.size() && Lower(rest_[length]) >= 'a' && Lower(rest_[length]) <= 'z') {
      ++length;
    }
    std::string word;
    for (const char c : rest_.substr(0, length)) word += Lower(c);
    for (std::size_t i = 0; i < n; ++i) {
      if (word != names[i] && word != names[i].substr(0, 3)) continue;
      rest_.remove_prefix(length);
      return static_cast<int>(i);
    }
    return -1;
  }

 private:
  std::string_view rest_;
};

// A number with decimals, `per_second` of which are a second, as microseconds.
bool ParseEpoch(std::string_view text, std::int64_t per_second, std::int64_t* micros) {
  const bool negative = text.starts_with('-');
  if (negative) text.remove_prefix(1);
  // Digits of the whole part, then as many decimals as a microsecond needs.
  std::size_t at = 0;
  std::int64_t value = 0;
  const auto add = [&](int digit) {
    return !__builtin_mul_overflow(value, std::int64_t{10}, &value) &&
           !__builtin_add_overflow(value, std::int64_t{digit}, &value);
  };
  for (; at < text.size() && IsDigit(text[at]); ++at) {
    if (!add(text[at] - '0')) return false;
  }
  if (at == 0) return false;
  std::int64_t scale = per_second;
  bool cut = false;
  if (at < text.size() && text[at] == '.') {
    for (++at; at < text.size() && IsDigit(text[at]); ++at) {
      if (scale >= kMicros) {
        cut |= text[at] != '0';
        continue;
      }
      if (!add(text[at] - '0')) return false;
      scale *= 10;
    }
  }
  if (at != text.size()) return false;
  if (scale <= kMicros) {
    if (__builtin_mul_overflow(value, kMicros / scale, &value)) return false;
  } else {
    cut |= value % (scale / kMicros) != 0;
    value /= scale / kMicros;
  }
  // Cut off is towards the past, on both sides of 1970.
  *micros = negative ? -value - (cut ? 1 : 0) : value;
  return true;
}

bool ParseOffset(Scanner* scanner, Parts* parts) {
  if (scanner->Take('Z')) {
    parts->offset = 0;
    return true;
  }
  const bool west = scanner->Take('-');
  if (!west && !scanner->Take('+')) return false;
  int hours = 0, minutes = 0;
  if (!scanner->Number(2, 2, 0, 15, &hours)) return false;
  const bool colon = scanner->Take(':');
  const bool more = !scanner->at_end() && IsDigit(scanner->rest().front());
  if ((colon || more) && !scanner->Number(2, 2, 0, 59, &minutes)) return false;
  parts->offset = (west ? -1 : 1) * (hours * 60 + minutes);
  return true;
}

bool ParsePattern(std::string_view pattern, Scanner* scanner, Parts* parts);

bool ParseEpochField(Scanner* scanner, Parts* parts) {
  std::size_t length = 0;
  const std::string_view rest = scanner->rest();
  while (length < rest.size() && (IsDigit(rest[length]) || (length == 0 && rest[0] == '-'))) {
    ++length;
  }
  std::int64_t micros = 0;
  if (!ParseEpoch(rest.substr(0, length), 1, &micros)) return false;
  parts->epoch_micros = micros;
  *scanner = Scanner(rest.substr(length));
  return true;
}

// One field of a pattern, by the letter behind its %.
bool ParseField(char field, Scanner* scanner, Parts* parts) {
  int name = 0;
  switch (field) {
    case 'Y':
      return scanner->Number(4, 4, 1, 9'999, &parts->year);
    case 'y':
      if (!scanner->Number(2, 2, 0, 99, &parts->year)) return false;
      parts->year += parts->year < 69 ? 2'000 : 1'900;
      return true;
    case 'm':
      return scanner->Number(1, 2, 1, 12, &parts->month);
    case 'd':
    case 'e':
      scanner->SkipBlanks();
      return scanner->Number(1, 2, 1, 31, &parts->day);
    case 'b':
    case 'B':
      name = scanner->Name(kMonths);
      parts->month = name + 1;
      return name >= 0;
    case 'a':
    case 'A':
      return scanner->Name(kDays) >= 0;
    case 'H':
      parts->has_hours = true;
      return scanner->Number(1, 2, 0, 23, &parts->hour);
    case 'I':
      parts->has_hours = parts->twelve_hours = true;
      return scanner->Number(1, 2, 1, 12, &parts->hour);
    case 'p':
      parts->half = scanner->Take('p') ? 1 : scanner->Take('a') ? 0 : -1;
      return parts->half >= 0 && scanner->Take('m');
    case 'M':
      return scanner->Number(1, 2, 0, 59, &parts->minute);
    case 'S':
      if (!scanner->Number(1, 2, 0, 60, &parts->second)) return false;
      return !scanner->Take('.') || scanner->Decimals(&parts->micros);
    case 'f':
      return scanner->Decimals(&parts->micros);
    case 'z':
      return ParseOffset(scanner, parts);
    case 's':
      return ParseEpochField(scanner, parts);
    case 'F':
      return ParsePattern("%Y-%m-%d", scanner, parts);
    case 'T':
      return ParsePattern("%H:%M:%S", scanner, parts);
    case 'R':
      return ParsePattern("%H:%M", scanner, parts);
    case '%':
      return scanner->Take('%');
    default:
      return false;
  }
}

bool ParsePattern(std::string_view pattern, Scanner* scanner, Parts* parts) {
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    if (IsBlank(pattern[i])) {
      scanner->SkipBlanks();
    } else if (pattern[i] == '%') {
      if (!ParseField(pattern[++i], scanner, parts)) return false;
    } else if (!scanner->Take(pattern[i])) {
      return false;
    }
  }
  return true;
}

constexpr std::int64_t kDay = 86'400 * kMicros;

bool ToMoment(const Parts& parts, Moment* moment) {
  using namespace std::chrono;
  // Of the years 1 to 9999.
  constexpr std::int64_t kFirst = -719'162 * kDay, kEnd = 2'932'897 * kDay;
  *moment = {};
  if (parts.epoch_micros.has_value()) {
    moment->wall = *parts.epoch_micros;
    moment->offset = 0;
    moment->counted = true;
  } else {
    const year_month_day date{year(parts.year), month(static_cast<unsigned>(parts.month)),
                              day(static_cast<unsigned>(parts.day))};
    if (parts.year < 1 || !date.ok()) return false;
    int hour = parts.hour;
    if (parts.twelve_hours) hour = hour % 12 + (parts.half == 1 ? 12 : 0);
    moment->has_hours = parts.has_hours;
    moment->wall = sys_days(date).time_since_epoch().count() * kDay;
    if (parts.has_hours) {
      moment->wall += ((hour * 60 + parts.minute) * 60 + parts.second) * kMicros + parts.micros;
      moment->offset = parts.offset;
    }
  }
  return moment->wall >= kFirst && moment->wall < kEnd;
}

[[noreturn]] void RefuseFormat(const std::string& text, const std::string& reason) {
  throw CliError(
      fmt::format("--time-format {}: {}", ShellWord(text), reason),
      "Write seconds, milliseconds or microseconds for numbers since 1970, or a pattern: '%d.%m.%Y "
      "%H:%M' for 31.01.2026 08:15, '%m/%d/%Y %I:%M %p' for 1/31/2026 8:15 AM, '%d/%b/%Y:%T %z' "
      "for 31/Jan/2026:08:15:00 +0100.");
}

}  // namespace

TimeFormat::TimeFormat(const std::string& text) : text_(text) {
  for (const auto& [name, per_second] : kUnits) {
    if (text == name) {
      per_second_ = per_second;
      return;
    }
  }
  if (text.find('%') == std::string::npos) {
    RefuseFormat(text, "neither a unit of time nor a pattern");
  }
  bool year = false, twelve_hours = false, half = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') continue;
    const char field = ++i < text.size() ? text[i] : '\0';
    if (field == '\0' ||
        std::string_view("YymdebBaAHIpMSfzsFTR%").find(field) == std::string::npos) {
      RefuseFormat(text,
                   fmt::format("%{} is not known", field == '\0' ? "" : std::string(1, field)));
    }
    year |= field == 'Y' || field == 'y' || field == 'F' || field == 's';
    twelve_hours |= field == 'I';
    half |= field == 'p';
  }
  if (!year) RefuseFormat(text, "has no year");
  if (twelve_hours != half) RefuseFormat(text, "%I and %p go together");
  pattern_ = text;
}

bool TimeFormat::Read(std::string_view text, Moment* moment) const {
  text = Trim(text);
  Parts parts;
  if (pattern_.empty()) {
    std::int64_t micros = 0;
    if (!ParseEpoch(text, per_second_, &micros)) return false;
    parts.epoch_micros = micros;
    return ToMoment(parts, moment);
  }
  Scanner scanner(text);
  if (!ParsePattern(Trim(pattern_), &scanner, &parts) || !scanner.at_end()) return false;
  return ToMoment(parts, moment);
}

bool TimeFormat::Convert(std::string_view text, std::string* out) const {
  Moment moment;
  if (!Read(text, &moment)) return false;
  AppendMoment(moment, out);
  return true;
}

void AppendMoment(const Moment& moment, std::string* out) {
  using namespace std::chrono;
  std::int64_t day = moment.wall / kDay, rest = moment.wall % kDay;
  if (rest < 0) {
    --day;
    rest += kDay;
  }
  const year_month_day date{sys_days{days{day}}};
  const auto to = std::back_inserter(*out);
  fmt::format_to(to, "{:04}-{:02}-{:02}", static_cast<int>(date.year()),
                 static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()));
  if (!moment.has_hours) return;
  fmt::format_to(to, " {:02}:{:02}:{:02}", rest / (3'600 * kMicros), rest / (60 * kMicros) % 60,
                 rest / kMicros % 60);
  if (moment.counted || rest % kMicros != 0) fmt::format_to(to, ".{:06}", rest % kMicros);
  if (moment.counted) {
    *out += "+00";
  } else if (moment.offset) {
    const int minutes = std::abs(*moment.offset);
    fmt::format_to(to, "{}{:02}:{:02}", *moment.offset < 0 ? '-' : '+', minutes / 60, minutes % 60);
  }
}

}  // namespace millrace::cli
