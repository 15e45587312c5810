#include "ingest/init/time_forms.h"

#include <fmt/format.h>

#include <chrono>
#include <map>

namespace millrace::cli {
namespace {

constexpr std::int64_t kSecond = 1'000'000;
constexpr std::int64_t kFirstEpoch = 946'684'800;   // 2000-01-01
constexpr std::int64_t kLastEpoch = 4'102'444'800;  // 2100-01-01

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// Reads a text from its beginning.
class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  bool done() const { return at_ == text_.size(); }
  char Peek() const { return done() ? '\0' : text_[at_]; }
  bool Take(char c) {
    if (Peek() != c) return false;
    ++at_;
    return true;
  }
  // A number of `least` to `most` digits.
  std::optional<std::int64_t> Number(int least, int most) {
    std::int64_t value = 0;
    int digits = 0;
    for (; digits < most && IsDigit(Peek()); ++digits) value = value * 10 + (text_[at_++] - '0');
    if (digits < least) return std::nullopt;
    return value;
  }
  void SkipDigits() {
    while (IsDigit(Peek())) ++at_;
  }

 private:
  std::string_view text_;
  std::size_t at_ = 0;
};

std::optional<std::int64_t> MicrosOfDate(std::int64_t year, std::int64_t month, std::int64_t day) {
  using namespace std::chrono;
  const year_month_day date{std::chrono::year(static_cast<int>(year)),
                            std::chrono::month(static_cast<unsigned>(month)),
                            std::chrono::day(static_cast<unsigned>(day))};
  if (year < 1900 || year > 2199 || !date.ok()) return std::nullopt;
  return sys_days(date).time_since_epoch().count() * 86'400 * kSecond;
}

// ".25" after the seconds. False if there is no digit.
bool ReadFraction(Reader& reader, TimeReading* time) {
  if (!reader.Take('.')) return true;
  std::int64_t unit = kSecond / 10;
  if (!IsDigit(reader.Peek())) return false;
  for (; IsDigit(reader.Peek()) && unit > 0; unit /= 10)
    time->micros += *reader.Number(1, 1) * unit;
  reader.SkipDigits();
  time->has_fraction = true;
  return true;
}

// "10:15", "10:15:30", "10:15:30.25"; "T" or a blank before it.
bool ReadClock(Reader& reader, TimeReading* time) {
  time->joint = reader.Peek();
  if (!reader.Take(' ') && !reader.Take('T')) return false;
  const auto hour = reader.Number(1, 2);
  if (!hour || *hour > 23 || !reader.Take(':')) return false;
  const auto minute = reader.Number(2, 2);
  if (!minute || *minute > 59) return false;
  time->has_clock = true;
  time->micros += (*hour * 3600 + *minute * 60) * kSecond;
  if (!reader.Take(':')) return true;
  const auto second = reader.Number(2, 2);
  if (!second || *second > 60) return false;
  time->has_seconds = true;
  time->micros += *second * kSecond;
  return ReadFraction(reader, time);
}

// "Z", " UTC", "+01", "+0100", "+01:00", or nothing.
bool ReadZone(Reader& reader, TimeReading* time) {
  reader.Take(' ');
  if (reader.done()) return true;
  time->has_zone = true;
  if (reader.Take('Z') || reader.Take('z')) return true;
  if (reader.Peek() == 'U' || reader.Peek() == 'G') {
    for (const char c : std::string_view(reader.Peek() == 'U' ? "UTC" : "GMT")) {
      if (!reader.Take(c)) return false;
    }
    return true;
  }
  const bool west = reader.Peek() == '-';
  if (!reader.Take('+') && !reader.Take('-')) return false;
  const auto hours = reader.Number(2, 2);
  if (!hours || *hours > 15) return false;
  reader.Take(':');
  const auto minutes = reader.done() ? std::optional<std::int64_t>(0) : reader.Number(2, 2);
  if (!minutes || *minutes > 59) return false;
  const std::int64_t offset = (*hours * 3600 + *minutes * 60) * kSecond;
  time->micros += west ? offset : -offset;
  return true;
}

bool ReadDate(Reader& reader, TimeForm form, TimeReading* time) {
  const bool year_first = form == kTimeIso || form == kTimeYearFirst;
  const auto first = year_first ? reader.Number(4, 4) : reader.Number(1, 2);
  time->separator = reader.Peek();
  const std::string_view separators = form == kTimeIso         ? "-"
                                      : form == kTimeYearFirst ? "/"
                                      : form == kTimeDotted    ? "."
                                                               : "/-";
  if (!first || reader.done() || separators.find(time->separator) == std::string_view::npos) {
    return false;
  }
  reader.Take(time->separator);
  const auto second = form == kTimeIso ? reader.Number(2, 2) : reader.Number(1, 2);
  if (!second || !reader.Take(time->separator)) return false;
  const auto third = !year_first        ? reader.Number(4, 4)
                     : form == kTimeIso ? reader.Number(2, 2)
                                        : reader.Number(1, 2);
  if (!third) return false;
  const auto date = year_first                ? MicrosOfDate(*first, *second, *third)
                    : form == kTimeMonthFirst ? MicrosOfDate(*third, *first, *second)
                                              : MicrosOfDate(*third, *second, *first);
  if (!date) return false;
  time->micros = *date;
  return true;
}

std::optional<TimeReading> ReadEpoch(std::string_view text, TimeForm form) {
  TimeReading time;
  time.has_zone = time.has_clock = time.has_seconds = true;
  Reader reader(text);
  const int digits = form == kTimeSeconds ? 10 : form == kTimeMillis ? 13 : 16;
  // 2000 and 2001 have a digit less.
  const auto number = reader.Number(digits - 1, digits);
  if (!number) return std::nullopt;
  const std::int64_t unit = form == kTimeSeconds ? kSecond : form == kTimeMillis ? 1000 : 1;
  time.micros = *number * unit;
  if (time.micros < kFirstEpoch * kSecond || time.micros >= kLastEpoch * kSecond) {
    return std::nullopt;
  }
  if (form == kTimeSeconds && !ReadFraction(reader, &time)) return std::nullopt;
  return reader.done() ? std::optional(time) : std::nullopt;
}

// Forms that are read as `millrace load --time-format` reads them.
struct Pattern {
  TimeForm form;
  const char* format;
};

constexpr Pattern kPatterns[] = {
    {kTimeLog, "%d/%b/%Y:%H:%M:%S %z"},      {kTimeNamed, "%d %b %Y %H:%M:%S"},
    {kTimeNamedPm, "%b %d, %Y %I:%M:%S %p"}, {kTimePm, "%m/%d/%Y %I:%M:%S %p"},
    {kTimeShortPm, "%m/%d/%Y %I:%M %p"},
};

// nullptr: the form is read by ReadTime itself.
const TimeFormat* FormatOf(TimeForm form) {
  static const auto* const formats = [] {
    auto* made = new std::map<TimeForm, TimeFormat>;
    for (const Pattern& pattern : kPatterns)
      made->emplace(pattern.form, TimeFormat(pattern.format));
    return made;
  }();
  const auto found = formats->find(form);
  return found == formats->end() ? nullptr : &found->second;
}

std::optional<TimeReading> ReadFormat(std::string_view text, const TimeFormat& format) {
  std::string iso;
  if (text.size() > 100 || !format.Convert(text, &iso)) return std::nullopt;
  return ReadTime(iso, kTimeIso);
}

}  // namespace

std::optional<TimeReading> ReadTime(std::string_view text, TimeForm form, const TimeFormat* given) {
  const TimeFormat* format = form == kTimeGiven ? given : FormatOf(form);
  if (format != nullptr) return ReadFormat(text, *format);
  if ((form & kEpochForms) != 0) return ReadEpoch(text, form);
  Reader reader(text);
  TimeReading time;
  if (!ReadDate(reader, form, &time)) return std::nullopt;
  if (reader.done()) return time;
  if (!ReadClock(reader, &time) || !ReadZone(reader, &time) || !reader.done()) return std::nullopt;
  return time;
}

bool SqlReads(TimeForm form) { return form == kTimeIso || form == kTimeYearFirst; }

std::string LoadFormat(TimeForm form, const TimeReading& reading) {
  if (form == kTimeSeconds) return "seconds";
  if (form == kTimeMillis) return "milliseconds";
  if (form == kTimeMicros) return "microseconds";
  if (FormatOf(form) != nullptr) return FormatOf(form)->text();
  const char s = reading.separator;
  std::string format = form == kTimeIso || form == kTimeYearFirst ? fmt::format("%Y{0}%m{0}%d", s)
                       : form == kTimeMonthFirst                  ? fmt::format("%m{0}%d{0}%Y", s)
                                                                  : fmt::format("%d{0}%m{0}%Y", s);
  if (!reading.has_clock) return format;
  format += reading.joint;
  format += reading.has_seconds ? "%H:%M:%S" : "%H:%M";
  if (reading.has_zone) format += "%z";
  return format;
}

std::string ShowTime(std::int64_t micros) {
  using namespace std::chrono;
  const auto time = floor<minutes>(sys_time<microseconds>(microseconds(micros)));
  const auto day = floor<days>(time);
  const year_month_day date(day);
  const hh_mm_ss clock(time - day);
  return fmt::format("{:04}-{:02}-{:02} {:02}:{:02}", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                     clock.hours().count(), clock.minutes().count());
}

}  // namespace millrace::cli
