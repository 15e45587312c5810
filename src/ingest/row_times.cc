#include "ingest/row_times.h"

#include <fmt/format.h>

#include <algorithm>

#include "client/error.h"
#include "client/output.h"
#include "ingest/binary_row.h"
#include "ingest/csv.h"

namespace millrace::cli {
namespace {

constexpr std::size_t kMostKnown = 100'000;
constexpr std::string_view kMinutes = "dddd-dd-dd dd:dd";  // there may be a T instead of the space

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

bool StartsWithMinutes(std::string_view text) {
  if (text.size() < kMinutes.size()) return false;
  for (std::size_t i = 0; i < kMinutes.size(); ++i) {
    const bool fits = kMinutes[i] == 'd'   ? IsDigit(text[i])
                      : kMinutes[i] == ' ' ? text[i] == ' ' || text[i] == 'T'
                                           : text[i] == kMinutes[i];
    if (!fits) return false;
  }
  return true;
}

bool IsLetter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

// The name of a month or a day, also a short one, or a half of the day, or an era, in any case.
bool IsWordOfDate(std::string_view word) {
  constexpr std::string_view kNames[] = {
      "january",   "february",  "march",   "april",    "may",      "june",   "july",
      "august",    "september", "october", "november", "december", "monday", "tuesday",
      "wednesday", "thursday",  "friday",  "saturday", "sunday"};
  std::string lower(word);
  for (char& c : lower) c = static_cast<char>(c | 0x20);
  if (lower == "am" || lower == "pm" || lower == "ad" || lower == "bc") return true;
  return lower.size() >= 3 &&
         std::any_of(std::begin(kNames), std::end(kNames),
                     [&](std::string_view name) { return name.starts_with(lower); });
}

}  // namespace

std::string TimeKey(std::string_view time) {
  if (!StartsWithMinutes(time)) return std::string(time);
  std::string_view rest = time.substr(kMinutes.size());
  if (rest.size() >= 3 && rest[0] == ':' && IsDigit(rest[1]) && IsDigit(rest[2])) {
    rest.remove_prefix(3);
    if (rest.size() >= 2 && rest[0] == '.' && IsDigit(rest[1])) {
      rest.remove_prefix(1);
      while (!rest.empty() && IsDigit(rest[0])) rest.remove_prefix(1);
    }
  }
  return std::string(time.substr(0, kMinutes.size())) + std::string(rest);
}

bool HasNoZone(std::string_view time) {
  // What is usual: an offset of hours, as PostgreSQL writes it.
  if (time.size() > 3 && time[time.size() - 3] == '+') return false;
  // Everything with a zone has another word than those of a date, or a sign after a colon or after
  // eight digits.
  std::size_t digits = 0;
  bool signs_are_zones = false;
  for (std::size_t i = 0; i < time.size(); ++i) {
    const char c = time[i];
    if (IsDigit(c)) {
      ++digits;
    } else if (c == ':') {
      signs_are_zones = true;
    } else if (IsLetter(c)) {
      std::size_t end = i;
      while (end < time.size() && IsLetter(time[end])) ++end;
      const std::string_view word = time.substr(i, end - i);
      if (word == "T" && digits >= 3) {
        signs_are_zones = true;
      } else if (!IsWordOfDate(word)) {
        return false;
      }
      i = end - 1;
    } else if (c == '-' ? signs_are_zones || digits >= 8
                        : c != ' ' && c != '/' && c != '.' && c != ',') {
      return false;
    }
  }
  return digits >= 3;
}

RowTimes::RowTimes(const std::string& conninfo, const TargetTable& table,
                   const std::string& time_zone, bool quiet)
    : connection_(std::make_unique<Connection>(Connection::Open(conninfo))),
      session_zone_(connection_->Execute("SHOW TimeZone").Value(0, 0)),
      maker_(PartitionMaker::Find(*connection_, table.name)),
      table_(table),
      count_zones_(time_zone.empty()),
      quiet_(quiet) {
  if (maker_ && !time_zone.empty()) maker_->set_time_zone(time_zone);
}

void RowTimes::SetFormat(const CopyFormat& format) {
  fields_.clear();
  dialect_ = format.dialect;
  binary_ = format.binary;
  for (std::size_t i = 0; i < format.columns.size(); ++i) {
    const std::string& column = format.columns[i];
    const ColumnInfo& info = table_.info[table_.IndexOf(column)];
    // A binary time has one.
    const bool zone = count_zones_ && !binary_ && info.time == ColumnInfo::Time::kWithZone;
    const bool partitions = maker_ && column == maker_->control();
    if (zone || partitions) fields_.push_back({i, partitions, zone, info.binary});
  }
}

void RowTimes::Add(std::string_view record) {
  for (Field& field : fields_) {
    if (binary_) {
      AddBinary(field, record);
      continue;
    }
    const CsvFieldRange range = FindCsvField(record, field.index, dialect_);
    if (!range.found || range.begin == range.end) continue;
    std::string_view time = record.substr(range.begin, range.end - range.begin);
    if (time.size() > 2 && time.front() == dialect_.quote && time.back() == dialect_.quote) {
      time = time.substr(1, time.size() - 2);
    }
    // No time is so long, and no text in SQL has a zero byte.
    if (time.size() > 100 || time.find('\0') != std::string_view::npos) continue;
    if (field.zone && HasNoZone(time)) ++without_zone_;
    if (field.partitions && maker_) AddKey(TimeKey(time));
  }
}

void RowTimes::AddBinary(Field& field, std::string_view row) {
  if (!maker_) return;
  const auto bytes = BinaryField(row, field.index);
  if (!bytes) return;
  const std::int64_t minute = BinaryMinute(field.type, *bytes);
  if (field.minute == minute) return;
  field.minute = minute;
  if (std::string key = FormatBinaryMinute(field.type, minute); !key.empty()) {
    AddKey(std::move(key));
  }
}

void RowTimes::AddKey(std::string key) {
  if (key == last_) return;
  if (known_.size() >= kMostKnown) known_.clear();
  if (known_.insert(key).second) fresh_.push_back(key);
  last_ = std::move(key);
}

void RowTimes::MakePartitions() {
  if (!maker_ || fresh_.empty()) return;
  const std::vector<std::string> times = std::move(fresh_);
  fresh_.clear();
  try {
    const PartitionsMade made = maker_->MakeFor(times);
    if (made.partitions > 0 && !quiet_) {
      fmt::print(stderr, "{} made for these rows in {}\n",
                 FormatCount(made.partitions, "partition is", "partitions are"),
                 table_.name.Quoted());
    }
    if (made.missing > 0 && !said_missing_) {
      said_missing_ = true;
      fmt::print(
          stderr,
          "Rows of some times go into the default partition of {}: too many partitions would be "
          "needed, or they are too far ahead\n",
          table_.name.Quoted());
    }
  } catch (const CliError& e) {
    fmt::print(stderr, "No partitions of {} are made for these rows: {}\n", table_.name.Quoted(),
               e.what());
    maker_.reset();
    failed_ = true;
  }
}

}  // namespace millrace::cli
