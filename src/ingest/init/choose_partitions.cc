#include "ingest/init/choose_partitions.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "client/error.h"
#include "client/text.h"
#include "ingest/init/plain_names.h"
#include "ingest/init/time_forms.h"
#include "ingest/qualified_name.h"

namespace millrace::cli {
namespace {

constexpr std::int64_t kMinute = 60'000'000;
constexpr std::int64_t kHour = 60 * kMinute;
constexpr std::int64_t kDay = 24 * kHour;
// A partition with more events takes long to scan, and to drop.
constexpr double kMostEvents = 20e6;
// More partitions slow down every query that names no time. (`millrace load` makes 2,500 at most.)
constexpr std::int64_t kMostPartitions = 2'000;
// pg_partman makes all partitions from the first to today, with events or without. `millrace load`
// makes those that its rows need, but only where the time is no date.
constexpr std::int64_t kMostAtOnce = 60;
constexpr std::int64_t kMostOfDates = 400;

struct Width {
  const char* name;
  std::int64_t micros;
  int premake;
};

constexpr Width kWidths[] = {
    {"1 day", kDay, 4}, {"1 hour", kHour, 12}, {"5 minutes", 5 * kMinute, 12}};

std::int64_t MicrosOf(const std::string& width) {
  std::int64_t number = 0;
  const auto [unit, error] = std::from_chars(width.data(), width.data() + width.size(), number);
  switch (width[static_cast<std::size_t>(unit - width.data()) + 1]) {
    case 'm':
      return number * kMinute;
    case 'h':
      return number * kHour;
    default:
      return number * kDay;
  }
}

// Events per day, by the sample. 0: unknown.
double Rate(const Proposal& proposal) {
  const ColumnProfile& time = proposal.columns[proposal.time].profile;
  if (time.time_forms == 0 || time.values < 2) return 0;
  const auto span = static_cast<double>(std::max(time.last_time - time.first_time, kMinute));
  return static_cast<double>(proposal.total_rows) * static_cast<double>(kDay) / span;
}

// The narrowest that is not needed is not taken: the widest one that holds few enough events.
const Width& WidthFor(double rate) {
  for (const Width& width : kWidths) {
    if (rate * static_cast<double>(width.micros) / static_cast<double>(kDay) <= kMostEvents) {
      return width;
    }
  }
  return kWidths[std::size(kWidths) - 1];
}

// The beginning of the first partition: that of the first event, unless too many would have to be
// made at once. `time_zone`: of times that name none.
std::string StartFor(const ColumnProfile& time, bool by_date, std::int64_t width, std::int64_t now,
                     const std::string& time_zone) {
  constexpr const char* kRecent = "(now() - interval '1 hour')::text";
  if (time.time_forms == 0) return width < kDay ? kRecent : "";
  if (time.first_time > now - kHour) return width < kDay ? kRecent : "";
  if ((now - time.first_time) / width > (by_date ? kMostOfDates : kMostAtOnce))
    return width < kDay ? kRecent : "";
  // With its zone: a day begins at the midnight of the server's.
  const std::string start = ShowTime(time.first_time);
  if (by_date) return SqlText(start.substr(0, 10));
  const bool utc = time.without_zone == 0 || time_zone == "UTC";
  return SqlText(utc ? start + "+00" : start + " " + time_zone);
}

}  // namespace

std::string ParsePartitionWidth(const std::string& text) {
  std::int64_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number);
  std::string unit(rest, end);
  std::erase(unit, ' ');
  const char* word = nullptr;
  for (const char* name : {"min", "mins", "minute", "minutes"}) {
    if (unit == name) word = "minute";
  }
  for (const char* name : {"h", "hour", "hours"}) {
    if (unit == name) word = "hour";
  }
  for (const char* name : {"d", "day", "days"}) {
    if (unit == name) word = "day";
  }
  if (error != std::errc() || word == nullptr || number < 1 || number > 366) {
    throw CliError("--partition: no width of a partition: " + text,
                   "Such as 5min, 1hour or 1day; --no-partitions makes a table without.");
  }
  return fmt::format("{} {}{}", number, word, number == 1 ? "" : "s");
}

Partitions ChoosePartitions(const InitChoices& choices, const Proposal& proposal,
                            std::int64_t now) {
  Partitions partitions;
  const ColumnProfile& time = proposal.columns[proposal.time].profile;
  const double rate = Rate(proposal);
  if (!choices.partitions) {
    partitions.why = "no partitions (--no-partitions)";
    return partitions;
  }
  if (!choices.partition.empty()) {
    partitions.width = ParsePartitionWidth(choices.partition);
    partitions.why = "partitions of " + partitions.width + " (--partition)";
  } else {
    const Width& width = WidthFor(rate);
    const std::int64_t history = (time.last_time - time.first_time) / width.micros;
    if (time.time_forms != 0 && history > kMostPartitions) {
      partitions.why =
          fmt::format("no partitions: {} of {} would be too many for these events (--partition)",
                      FormatCount(history), width.name);
      return partitions;
    }
    partitions.width = width.name;
    partitions.why = rate == 0
                         ? fmt::format("partitions of {} (--partition)", width.name)
                         : fmt::format(
                               "about {} per day in the sample: partitions of {} "
                               "(--partition)",
                               FormatCount(std::llround(rate), "event", "events"), width.name);
  }
  if (proposal.time_type == "date" && MicrosOf(partitions.width) < kDay) {
    throw CliError(fmt::format("--partition: {} is a date, and has no times within a day",
                               proposal.columns[proposal.time].name),
                   "Say --partition 1day.");
  }
  const std::int64_t width = MicrosOf(partitions.width);
  for (const Width& known : kWidths) {
    if (width <= known.micros) partitions.premake = known.premake;
  }
  partitions.start = StartFor(time, proposal.time_type == "date", width, now, choices.time_zone);
  return partitions;
}

}  // namespace millrace::cli
