#include "ingest/init/json_sample.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

namespace millrace::cli {
namespace {

constexpr int kDeepest = 3;
constexpr std::size_t kMostColumns = 1'000;

// Whether objects and arrays are nested deeper than anybody means: writing such a value would need
// as much stack. Brackets in texts count too, which does no harm.
bool IsTooDeep(std::string_view line) {
  constexpr int kMost = 500;
  int depth = 0;
  return std::any_of(line.begin(), line.end(), [&](char c) {
    if (c == '[' || c == '{') ++depth;
    if (c == ']' || c == '}') --depth;
    return depth > kMost;
  });
}

std::size_t ColumnOf(const std::string& name, Sample* sample) {
  const auto found = std::find(sample->names.begin(), sample->names.end(), name);
  if (found == sample->names.end()) {
    sample->names.push_back(name);
    return sample->names.size() - 1;
  }
  return static_cast<std::size_t>(found - sample->names.begin());
}

void AddFields(const nlohmann::ordered_json& object, const std::string& path, int depth,
               Sample* sample, std::vector<CsvField>* row) {
  for (const auto& [key, value] : object.items()) {
    const std::string name = path.empty() ? key : fmt::format("{}.{}", path, key);
    if (value.is_object() && !value.empty() && depth < kDeepest) {
      AddFields(value, name, depth + 1, sample, row);
      continue;
    }
    const std::size_t column = ColumnOf(name, sample);
    if (row->size() <= column) row->resize(column + 1);
    if (value.is_null()) continue;
    (*row)[column] = {value.is_string() ? value.get<std::string>() : value.dump(),
                      value.is_string()};
  }
}

}  // namespace

void AddJsonRows(std::string_view text, bool complete, Sample* sample) {
  while (!text.empty()) {
    const auto end = text.find('\n');
    if (end == std::string_view::npos && !complete) break;
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    if (IsTooDeep(line)) {
      ++sample->odd_rows;
      continue;
    }
    const auto object = nlohmann::ordered_json::parse(line, nullptr, false);
    if (!object.is_object() || sample->names.size() > kMostColumns) {
      ++sample->odd_rows;
      continue;
    }
    std::vector<CsvField> row;
    AddFields(object, "", 1, sample, &row);
    sample->rows.push_back(std::move(row));
  }
  for (auto& row : sample->rows) row.resize(sample->names.size());
}

}  // namespace millrace::cli
