#include "ingest/init/choose_time.h"

#include <fmt/format.h>

#include <bit>

#include "client/error.h"
#include "client/text.h"
#include "ingest/init/name_hints.h"
#include "ingest/init/plain_names.h"

namespace millrace::cli {
namespace {

bool IsTimeType(const std::string& type) {
  return type == "timestamptz" || type == "timestamp" || type == "date";
}

// The form in which the values of a column are read.
std::uint32_t FormOf(const ColumnProfile& profile) {
  return profile.time_forms == 0 ? 0 : std::uint32_t{1} << std::countr_zero(profile.time_forms);
}

// How well a column suits; negative: not at all.
int Score(const Column& column) {
  const ColumnProfile& profile = column.profile;
  const std::uint32_t form = FormOf(profile);
  const bool number = (profile.time_forms & kEpochForms) != 0;
  const bool time = IsTimeType(column.type) || (number && NamesTime(column.name));
  if (!time || profile.all_null()) return -1;
  const bool clock = profile.type != ValueType::kDate;
  return (form == kTimeGiven ? 32 : 0) + (profile.nulls == 0 ? 16 : 0) + (clock ? 8 : 0) +
         2 * (RankAsTime(column.name) + 1);
}

// "a (bigint, such as 3), b (text, such as x)".
std::string DescribeColumns(const Proposal& proposal) {
  constexpr int kMost = 30;
  std::string text;
  int shown = 0;
  for (const Column& column : proposal.columns) {
    if (++shown > kMost) return text + fmt::format(" and {} more", proposal.columns.size() - kMost);
    const auto& examples = column.profile.examples;
    text += fmt::format("{}{} ({}{})", text.empty() ? "" : ", ", column.name, column.type,
                        examples.empty() ? "" : ", such as " + examples[0]);
  }
  return text;
}

std::size_t FindTime(const InitChoices& choices, const Proposal& proposal) {
  int best_score = -1;
  std::size_t best = 0;
  for (std::size_t i = 0; i < proposal.columns.size(); ++i) {
    const Column& column = proposal.columns[i];
    if (!choices.time_column.empty()) {
      if (column.name == choices.time_column || column.profile.name == choices.time_column)
        return i;
      continue;
    }
    const int score = Score(column);
    if (score <= best_score) continue;
    best_score = score;
    best = i;
  }
  if (!choices.time_column.empty()) {
    throw CliError("--time-column: there is no column " + choices.time_column,
                   "The columns are: " + DescribeColumns(proposal));
  }
  if (best_score < 0) {
    for (std::size_t i = 0; proposal.table_is_there && i < proposal.columns.size(); ++i) {
      // Texts that are times: what mends it is said later.
      if ((proposal.columns[i].profile.time_forms & ~kEpochForms) != 0) return i;
    }
    throw CliError(
        "no column has times, and a rollup needs to know when each event happened",
        fmt::format(
            "The columns are: {}\nIf one of them is a time, name it: --time-column NAME "
            "--time-format '%d.%m.%Y %H:%M' (or seconds, milliseconds, microseconds since 1970).",
            DescribeColumns(proposal)));
  }
  return best;
}

void CheckReadable(const InitChoices& choices, const Column& column) {
  const ColumnProfile& profile = column.profile;
  const std::string example = profile.examples.empty() ? "" : profile.examples[0];
  if (!choices.time_format.empty()) {
    if (FormOf(profile) == kTimeGiven) return;
    throw CliError(fmt::format("{} is not written as {}: {}", column.name, choices.time_format,
                               example.empty() ? "it is empty" : example),
                   "Say --time-column if it is another column; without --time-format the form is "
                   "found out.");
  }
  if (IsAmbiguousTime(profile)) {
    throw CliError(
        fmt::format("{}: is {} day before month, or month before day? Both are possible for all "
                    "values of the sample",
                    column.name, example),
        fmt::format("Say --time-format '{}' or --time-format '{}'.",
                    LoadFormat(kTimeDayFirst, profile.time),
                    LoadFormat(kTimeMonthFirst, profile.time)));
  }
  if (profile.time_forms == 0 && !IsTimeType(column.type)) {
    throw CliError(fmt::format("{} is not written as a time that we know: {}", column.name,
                               example.empty() ? "it is empty" : example),
                   "Say how it is written: --time-format '%d %b %Y %H:%M', as for strptime.");
  }
}

std::string Explain(const InitChoices& choices, const Column& column, const std::string& format) {
  const ColumnProfile& profile = column.profile;
  std::string why = "the time of the event";
  if (profile.time_forms != 0) {
    // What is read in another zone is shown as it stands in the file.
    const bool utc = profile.without_zone == 0 || choices.time_zone == "UTC";
    why += fmt::format(", in the sample from {} to {}{}", ShowTime(profile.first_time),
                       ShowTime(profile.last_time), utc ? " UTC" : "");
  }
  if (!format.empty()) why += fmt::format("; written as {}", format);
  if (column.type == "timestamptz" && profile.without_zone > 0) {
    why +=
        fmt::format("; {}no zone: read as {} (--time-zone)",
                    profile.without_zone == profile.values ? "" : "some have ", choices.time_zone);
  }
  if (!format.empty() && !profile.same_time_format) {
    why += "; some are written otherwise, and are bad rows";
  }
  if (profile.nulls > 0) {
    why += fmt::format("; {} of {} rows have none, and are bad rows", FormatCount(profile.nulls),
                       FormatCount(profile.nulls + profile.values));
  }
  return why;
}

}  // namespace

bool IsAmbiguousTime(const ColumnProfile& profile) {
  constexpr std::uint32_t kBoth = kTimeDayFirst | kTimeMonthFirst;
  return (profile.time_forms & kBoth) == kBoth;
}

std::string TimeFormatOf(const InitChoices& choices, const Column& column) {
  if (!IsTimeType(column.type)) return "";
  const auto form = static_cast<TimeForm>(FormOf(column.profile));
  if (form == kTimeGiven) return choices.time_format;
  if (form == 0 || SqlReads(form)) return "";
  return LoadFormat(form, column.profile.time);
}

void ChooseTime(const InitChoices& choices, Proposal* proposal) {
  proposal->time = FindTime(choices, *proposal);
  Column& column = proposal->columns[proposal->time];
  column.use = ColumnUse::kTime;
  CheckReadable(choices, column);
  if (!IsTimeType(column.type)) column.type = "timestamptz";
  proposal->time_sql = SqlName(column.name);
  proposal->time_type = column.type;
  column.why = Explain(choices, column, TimeFormatOf(choices, column));
  for (std::size_t i = 0; i < proposal->columns.size(); ++i) {
    Column& other = proposal->columns[i];
    const bool odd = !TimeFormatOf(choices, other).empty() &&
                     (IsAmbiguousTime(other.profile) || !other.profile.same_time_format);
    if (i == proposal->time || !odd) continue;
    other.type = "text";
    other.why = fmt::format("times such as {}, which can be read in several ways: text (--type)",
                            other.profile.examples[0]);
  }
}

}  // namespace millrace::cli
