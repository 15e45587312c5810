#include "ingest/row_times.h"

#include <fmt/format.h>

#include <algorithm>

#include "client/error.h"
#include "client/output.h"
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

RowTimes::RowTimes(const std::string& conninfo, const QualifiedName& table, bool quiet)
    : connection_(std::make_unique<Connection>(Connection::Open(conninfo))),
      maker_(PartitionMaker::Find(*connection_, table)),
      table_(table.Quoted()),
      quiet_(quiet) {}

void RowTimes::SetColumns(const std::vector<std::string>& columns) {
  field_ = kNone;
  if (!maker_) return;
  const auto found = std::find(columns.begin(), columns.end(), maker_->control());
  if (found != columns.end()) field_ = static_cast<std::size_t>(found - columns.begin());
}

void RowTimes::Add(std::string_view record) {
  if (field_ == kNone) return;
  const CsvFieldRange range = FindCsvField(record, field_);
  if (!range.found || range.begin == range.end) return;
  std::string_view time = record.substr(range.begin, range.end - range.begin);
  if (time.size() > 2 && time.front() == '"' && time.back() == '"') {
    time = time.substr(1, time.size() - 2);
  }
  // No time is so long, and no text in SQL has a zero byte.
  if (time.size() > 100 || time.find('\0') != std::string_view::npos) return;
  std::string key = TimeKey(time);
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
      fmt::print(stderr, "{} partitions of {} are made for these rows\n",
                 FormatCount(made.partitions), table_);
    }
    if (made.missing > 0 && !said_missing_) {
      said_missing_ = true;
      fmt::print(
          stderr,
          "Rows of some times go into the default partition of {}: too many partitions would be "
          "needed, or they are too far ahead\n",
          table_);
    }
  } catch (const CliError& e) {
    fmt::print(stderr, "No partitions of {} are made for these rows: {}\n", table_, e.what());
    maker_.reset();
    field_ = kNone;
  }
}

}  // namespace millrace::cli
