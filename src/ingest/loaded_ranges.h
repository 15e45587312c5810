// Which rows of which file are in the table.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace millrace::cli {

// A set of rows of one file, kept as ranges. Rows are counted from 1 without a header; the lines of
// a row are those of the batch that it came in. Thread-compatible.
class LoadedRanges {
 public:
  // Adds rows [first_row, first_row + rows) which lie on lines [first_line, last_line]. They must
  // not be in the set yet.
  void Add(std::int64_t first_row, std::int64_t rows, std::int64_t first_line,
           std::int64_t last_line);

  std::int64_t rows() const { return rows_; }
  // "rows 1-200000 (lines 2-200001), rows 300001-400000 (lines 300002-400001)", or "no row".
  std::string ToString() const;

 private:
  struct Range {
    std::int64_t last_row;
    std::int64_t first_line;
    std::int64_t last_line;
  };
  std::map<std::int64_t, Range> ranges_;  // by first row; never adjacent
  std::int64_t rows_ = 0;
};

}  // namespace millrace::cli
