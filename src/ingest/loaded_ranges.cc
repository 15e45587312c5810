#include "ingest/loaded_ranges.h"

#include <fmt/format.h>

#include <iterator>

namespace millrace::cli {

void LoadedRanges::Add(std::int64_t first_row, std::int64_t rows, std::int64_t first_line,
                       std::int64_t last_line) {
  rows_ += rows;
  auto at = ranges_.emplace(first_row, Range{first_row + rows - 1, first_line, last_line}).first;
  const auto next = std::next(at);
  if (next != ranges_.end() && next->first == at->second.last_row + 1) {
    at->second.last_row = next->second.last_row;
    at->second.last_line = next->second.last_line;
    ranges_.erase(next);
  }
  if (at == ranges_.begin()) return;
  const auto before = std::prev(at);
  if (before->second.last_row + 1 == at->first) {
    before->second.last_row = at->second.last_row;
    before->second.last_line = at->second.last_line;
    ranges_.erase(at);
  }
}

std::string LoadedRanges::ToString() const {
  if (ranges_.empty()) return "no row";
  std::string text;
  for (const auto& [first_row, range] : ranges_) {
    // A number without separators can be searched for, and pasted into head and sed.
    text += fmt::format("{}rows {}-{} (lines {}-{})", text.empty() ? "" : ", ", first_row,
                        range.last_row, range.first_line, range.last_line);
  }
  return text;
}

}  // namespace millrace::cli
