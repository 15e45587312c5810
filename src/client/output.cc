#include "client/output.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

namespace millrace::cli {
namespace {

// The width on the screen. Bytes that continue a UTF-8 character have none.
std::size_t DisplayWidth(const std::string& text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xc0) != 0x80; }));
}

void AppendCell(std::string& out, const std::string& text, std::size_t width, bool right,
                bool last) {
  const std::string padding(width - DisplayWidth(text), ' ');
  if (right) out += padding;
  out += text;
  if (!right && !last) out += padding;
}

}  // namespace

std::string FormatTable(const std::vector<std::string>& heading,
                        const std::vector<std::vector<std::string>>& rows,
                        const std::vector<bool>& right_aligned) {
  std::vector<std::size_t> widths;
  for (const auto& name : heading) widths.push_back(DisplayWidth(name));
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < widths.size() && i < row.size(); ++i) {
      widths[i] = std::max(widths[i], DisplayWidth(row[i]));
    }
  }
  std::string out;
  auto append_row = [&](const std::vector<std::string>& row) {
    out += "  ";
    for (std::size_t i = 0; i < widths.size(); ++i) {
      const bool last = i + 1 == widths.size();
      AppendCell(out, i < row.size() ? row[i] : "", widths[i],
                 i < right_aligned.size() && right_aligned[i], last);
      if (!last) out += "  ";
    }
    out += '\n';
  };
  append_row(heading);
  std::vector<std::string> rule;
  for (auto width : widths) rule.emplace_back(width, '-');
  append_row(rule);
  for (const auto& row : rows) append_row(row);
  return out;
}

Progress::Progress(std::string label, std::string unit, std::int64_t total, bool quiet)
    : label_(std::move(label)),
      unit_(std::move(unit)),
      total_(total),
      quiet_(quiet),
      terminal_(isatty(STDERR_FILENO) != 0),
      start_(std::chrono::steady_clock::now()),
      last_print_(start_) {}

Progress::~Progress() {
  // So that an error message which follows starts on a new line.
  if (!quiet_ && terminal_ && !finished_ && last_print_ != start_) std::fputc('\n', stderr);
}

void Progress::Update(std::int64_t done, const std::string& note) {
  if (quiet_ || finished_) return;
  const auto now = std::chrono::steady_clock::now();
  const auto pause = terminal_ ? std::chrono::milliseconds(100) : std::chrono::milliseconds(5000);
  if (now - last_print_ < pause) return;
  last_print_ = now;
  Print(done, false, note);
}

void Progress::Finish(std::int64_t done) {
  if (quiet_ || finished_) return;
  Print(done, true, "");
  finished_ = true;
}

void Progress::Print(std::int64_t done, bool last, const std::string& note) {
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  const double rate = seconds > 0 ? static_cast<double>(done) / seconds : 0;
  std::string line = fmt::format("{}: {}", label_, FormatCount(done));
  if (!last && total_ > 0) {
    line += fmt::format(" of {} {} ({:.0f}%)", FormatCount(total_), unit_,
                        100.0 * static_cast<double>(done) / static_cast<double>(total_));
  } else {
    line += " " + unit_;
  }
  if (last) line += " in " + FormatDuration(seconds);
  line += fmt::format(", {} {}/s", FormatCount(static_cast<std::int64_t>(rate)), unit_);
  if (!last && total_ > done && rate > 0) {
    line += ", " + FormatDuration(static_cast<double>(total_ - done) / rate) + " left";
  }
  if (!note.empty()) line += ", " + note;
  if (terminal_) {
    fmt::print(stderr, "\r{}\x1b[K{}", line, last ? "\n" : "");
  } else {
    fmt::print(stderr, "{}\n", line);
  }
  std::fflush(stderr);
}

}  // namespace millrace::cli
