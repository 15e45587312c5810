#include "ingest/units.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <chrono>
#include <string_view>
#include <utility>

#include "client/error.h"
#include "ingest/workload/clickstream.h"

namespace millrace::cli {
namespace {

[[noreturn]] void RefuseTimestamp(const std::string& text) {
  throw CliError(fmt::format("not a time: {}", text),
                 "Write 2026-01-31, \"2026-01-31 08:15:00\" (UTC), an offset behind it, or now.");
}

// Takes digits from the front of a text; -1 if there are fewer than `least` or more than `most`.
class DigitReader {
 public:
  explicit DigitReader(std::string_view text) : rest_(text) {}

  int Number(std::size_t least, std::size_t most) {
    std::size_t length = 0;
    int value = 0;
    while (length < most && length < rest_.size() && rest_[length] >= '0' && rest_[length] <= '9') {
      value = value * 10 + (rest_[length++] - '0');
    }
    if (length < least) return -1;
    rest_.remove_prefix(length);
    return value;
  }
  bool Take(std::string_view any) {
    if (rest_.empty() || any.find(rest_.front()) == std::string_view::npos) return false;
    taken_ = rest_.front();
    rest_.remove_prefix(1);
    return true;
  }
  char taken() const { return taken_; }
  std::string_view rest() const { return rest_; }

 private:
  std::string_view rest_;
  char taken_ = '\0';
};

// Reads ":30" or "30" or nothing after the hours of an offset; the sign has been read.
std::int64_t OffsetSeconds(DigitReader& at, const std::string& text) {
  const int sign = at.taken() == '-' ? -1 : 1;
  const int hours = at.Number(1, 2);
  at.Take(":");
  const int minutes = at.rest().empty() ? 0 : at.Number(2, 2);
  if (hours < 0 || hours > 15 || minutes < 0 || minutes > 59) RefuseTimestamp(text);
  return sign * (hours * 3'600 + minutes * 60);
}

}  // namespace

std::int64_t ParseDuration(const std::string& text) {
  static constexpr std::array<std::pair<std::string_view, double>, 10> kUnits = {{
      {"", 1e6},
      {"us", 1},
      {"ms", 1e3},
      {"s", 1e6},
      {"sec", 1e6},
      {"m", 60e6},
      {"min", 60e6},
      {"h", 3'600e6},
      {"d", 86'400e6},
      {"day", 86'400e6},
  }};
  double number = 0;
  const char* end = text.data() + text.size();
  const auto [after, error] = std::from_chars(text.data(), end, number);
  std::string_view unit(after, static_cast<std::size_t>(end - after));
  while (unit.starts_with(' ')) unit.remove_prefix(1);
  if (error == std::errc()) {
    for (const auto& [name, micros] : kUnits) {
      if (unit != name && (name.size() < 3 || unit != std::string(name) + "s")) continue;
      if (!(number >= 0) || number * micros > 9e18) break;
      return static_cast<std::int64_t>(number * micros);
    }
  }
  throw CliError(fmt::format("not a duration: {}", text),
                 "Write a number and a unit: 500ms, 90s, 15min, 2h, 7d.");
}

std::int64_t ParseTimestamp(const std::string& text) {
  if (text == "now") return NowMicros();
  DigitReader at(text);
  const int year = at.Number(4, 4);
  const int month = at.Take("-") ? at.Number(2, 2) : -1;
  const int day = at.Take("-") ? at.Number(2, 2) : -1;
  const std::chrono::year_month_day date{std::chrono::year(year),
                                         std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  if (year < 1 || month < 1 || day < 1 || !date.ok()) RefuseTimestamp(text);
  std::int64_t seconds =
      std::chrono::sys_days(date).time_since_epoch().count() * std::int64_t{86'400};
  std::int64_t micros = 0;
  if (at.Take(" T") && !at.rest().empty()) {
    const int hour = at.Number(2, 2);
    const int minute = at.Take(":") ? at.Number(2, 2) : -1;
    const int second = at.Take(":") ? at.Number(2, 2) : 0;
    if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 59) {
      RefuseTimestamp(text);
    }
    seconds += hour * 3'600 + minute * 60 + second;
    if (at.Take(".")) {
      const std::size_t before = at.rest().size();
      micros = at.Number(1, 6);
      if (micros < 0) RefuseTimestamp(text);
      for (std::size_t digits = before - at.rest().size(); digits < 6; ++digits) micros *= 10;
    }
    at.Take(" ");
    if (at.Take("+-")) {
      seconds -= OffsetSeconds(at, text);
    } else {
      at.Take("Zz");
    }
  }
  const std::int64_t time = seconds * kMicrosPerSecond + micros;
  if (!at.rest().empty() || time < kMinEventTime || time >= kMaxEventTime) RefuseTimestamp(text);
  return time;
}

std::int64_t NowMicros() {
  return std::chrono::duration_cast<std::chrono::microseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

}  // namespace millrace::cli
