#include "kafka/row_batch.h"

#include <algorithm>

#include "ingest/csv.h"

namespace millrace::cli {
namespace {

using Segment = RowBatch::Segment;

// Sends one segment, as SendRows says.
class SegmentSender {
 public:
  SegmentSender(Connection& connection, const TargetTable& table, const Segment& segment,
                std::vector<BadRow>* bad)
      : connection_(connection), table_(table), segment_(segment), bad_(bad) {}

  CopyResult Send(std::size_t* first_bad) {
    const std::size_t rows = segment_.begins.size();
    std::size_t at = 0, together = rows;
    while (at < rows) {
      const std::size_t count = std::min(together, rows - at);
      if (bad_ != nullptr) connection_.Execute("SAVEPOINT millrace_rows");
      CopyResult result = CopyRows(connection_, table_, *segment_.format, Records(at, count),
                                   static_cast<std::int64_t>(count));
      if (result.outcome == CopyResult::Outcome::kCommitted) {
        if (bad_ != nullptr) connection_.Execute("RELEASE millrace_rows");
        at += count;
        together = std::min(2 * count, rows);
        if (at == known_bad_) Refuse(&at, std::move(known_reason_));
        continue;
      }
      if (!result.BlamesData()) return result;
      const std::size_t index = IndexOf(result, at, count);
      if (bad_ == nullptr) {
        *first_bad = segment_.origins[at + (index < count ? index : 0)];
        return result;
      }
      connection_.Execute("ROLLBACK TO millrace_rows; RELEASE millrace_rows");
      if (index == 0 || count == 1) {
        Refuse(&at, std::move(result.message));
        together = std::max<std::size_t>(1, count / 8);
      } else if (index < count) {
        known_bad_ = at + index;
        known_reason_ = std::move(result.message);
        together = index;
      } else {
        known_bad_ = kNone;
        together = count / 2;
      }
    }
    return {};
  }

 private:
  static constexpr std::size_t kNone = static_cast<std::size_t>(-1);

  std::string_view Records(std::size_t at, std::size_t count) const {
    const std::size_t begin = segment_.begins[at];
    const std::size_t end =
        at + count < segment_.begins.size() ? segment_.begins[at + count] : segment_.records.size();
    return std::string_view(segment_.records).substr(begin, end - begin);
  }

  // Which of the rows the server has named; `count` if none.
  std::size_t IndexOf(const CopyResult& result, std::size_t at, std::size_t count) const {
    if (result.line < 0) return count;
    if (segment_.format->binary) return std::min(static_cast<std::size_t>(result.line), count);
    const CsvPosition found =
        FindRecordAtLine(Records(at, count), result.line, segment_.format->dialect);
    return found.found ? static_cast<std::size_t>(found.index) : count;
  }

  void Refuse(std::size_t* at, std::string reason) {
    bad_->push_back({segment_.origins[*at], std::move(reason)});
    ++*at;
    known_bad_ = kNone;
  }

  Connection& connection_;
  const TargetTable& table_;
  const Segment& segment_;
  std::vector<BadRow>* const bad_;
  std::size_t known_bad_ = kNone;  // a row that the server has named, when those before it are in
  std::string known_reason_;
};

}  // namespace

void RowBatch::Add(MessageRows& rows, std::size_t origin) {
  const auto& format = rows.format();
  if (last_ >= segments_.size() || segments_[last_].format != format) {
    last_ = static_cast<std::size_t>(
        std::find_if(segments_.begin(), segments_.end(),
                     [&](const Segment& segment) { return segment.format == format; }) -
        segments_.begin());
    if (last_ == segments_.size()) segments_.push_back({format, {}, {}, {}});
  }
  Segment& segment = segments_[last_];
  const std::size_t begin = segment.records.size();
  segment.begins.push_back(begin);
  segment.origins.push_back(origin);
  rows.Append(&segment.records);
  bytes_ += segment.records.size() - begin + 2 * sizeof(std::size_t);
  ++rows_;
}

void RowBatch::Segment::AddTo(RowTimes* times) const {
  times->SetFormat(*format);
  const std::size_t line_end = format->binary ? 0 : 1;
  for (std::size_t i = 0; i < begins.size(); ++i) {
    const std::size_t end = i + 1 < begins.size() ? begins[i + 1] : records.size();
    times->Add(std::string_view(records).substr(begins[i], end - begins[i] - line_end));
  }
}

CopyResult SendRows(Connection& connection, const TargetTable& table, const RowBatch& batch,
                    std::vector<BadRow>* bad, std::size_t* first_bad) {
  // So that a constraint that would be checked at the end is checked for the rows that break it.
  connection.Execute("SET CONSTRAINTS ALL IMMEDIATE");
  bool zone_set = false;
  for (const Segment& segment : batch.segments()) {
    const std::string& zone = segment.format->time_zone;
    if (!zone.empty() && !zone_set) {
      connection.Execute("SELECT pg_catalog.set_config('TimeZone', $1, true)", {zone.c_str()});
      zone_set = true;
    }
    CopyResult result = SegmentSender(connection, table, segment, bad).Send(first_bad);
    if (result.outcome != CopyResult::Outcome::kCommitted) return result;
  }
  if (!HasSameLayout(connection, table)) {
    // Of an object that is not in the state that is needed: it passes when the table is looked up
    // anew.
    return {CopyResult::Outcome::kRefused, "55000",
            "the columns of " + table.name.Quoted() + " have changed"};
  }
  return {};
}

}  // namespace millrace::cli
