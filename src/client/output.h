// What the commands print: tables, JSON, progress.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "client/text.h"

namespace millrace::cli {

// Formats a table of text with a heading. Each column is as wide as its widest value; those in
// `right_aligned` (numbers) are aligned right. Returned, not printed.
std::string FormatTable(const std::vector<std::string>& heading,
                        const std::vector<std::vector<std::string>>& rows,
                        const std::vector<bool>& right_aligned);

// Progress on standard error: on a terminal one line, rewritten ten times per second, otherwise one
// plain line every five seconds. Not thread-safe: one thread reports.
class Progress {
 public:
  // `total` 0: unknown, no ETA is shown. `unit` is the plural noun ("rows", "events").
  Progress(std::string label, std::string unit, std::int64_t total, bool quiet = false);
  ~Progress();
  // `done`: the total so far. `note`: what the line says after it.
  void Update(std::int64_t done, const std::string& note = "");
  // Prints the last line: total, time and rate. Further calls do nothing.
  void Finish(std::int64_t done);

 private:
  void Print(std::int64_t done, bool last, const std::string& note);
  std::string label_;
  std::string unit_;
  std::int64_t total_;
  bool quiet_;
  bool terminal_;
  bool finished_ = false;
  std::chrono::steady_clock::time_point start_;
  std::chrono::steady_clock::time_point last_print_;
};

}  // namespace millrace::cli
