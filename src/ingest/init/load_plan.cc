#include "ingest/init/load_plan.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "client/text.h"
#include "ingest/init/choose_time.h"
#include "ingest/init/rollups.h"

namespace millrace::cli {
namespace {

std::string Lower(std::string text) {
  for (char& c : text) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return text;
}

const std::string& TargetOf(const Column& column) {
  return column.raw_name.empty() ? column.name : column.raw_name;
}

// Whether each column of the files can be told from the others by its name.
bool NamesAreClear(const Proposal& proposal) {
  std::set<std::string> names;
  return std::all_of(proposal.columns.begin(), proposal.columns.end(), [&](const Column& column) {
    return !column.profile.name.empty() && names.insert(Lower(column.profile.name)).second;
  });
}

void SetColumns(const SampledFiles& sampled, const Proposal& proposal, LoadOptions* options) {
  options->columns.clear();
  if (sampled.json || (sampled.header && !sampled.renamed && NamesAreClear(proposal))) {
    for (const Column& column : proposal.columns) {
      const std::string& target = TargetOf(column);
      if (Lower(column.profile.name) != target)
        options->map.emplace_back(column.profile.name, target);
    }
    return;
  }
  for (const Column& column : proposal.columns) options->columns.push_back(TargetOf(column));
}

std::string Option(const char* name, const std::string& value) {
  return fmt::format(" {} {}", name, ShellWord(value));
}

std::string DialectOptions(const LoadOptions& options) {
  const Dialect& dialect = options.dialect;
  std::string text;
  if (dialect.delimiter != ',') text += " --delimiter " + DelimiterWord(dialect.delimiter);
  if (dialect.quote != '"') {
    text +=
        dialect.quote == '\0' ? " --quote none" : Option("--quote", std::string(1, dialect.quote));
  }
  if (!dialect.encoding.empty()) text += Option("--encoding", dialect.encoding);
  if (!dialect.null_text.empty()) text += Option("--null", dialect.null_text);
  if (options.empty_as_null) text += " --empty-as-null";
  if (options.skip_lines > 0) text += fmt::format(" --skip-lines {}", options.skip_lines);
  return text;
}

}  // namespace

LoadOptions LoadPlan(const std::vector<std::string>& files, const SampledFiles& sampled,
                     const InitChoices& choices, const Proposal& proposal, LoadOptions options) {
  options.files = files;
  options.table = SqlName(proposal.table);
  options.format = sampled.json ? FileFormat::kJson : FileFormat::kCsv;
  options.header = sampled.header ? HeaderMode::kYes : HeaderMode::kNo;
  options.dialect = sampled.json ? Dialect{} : sampled.dialect;
  options.dialect.encoding = sampled.dialect.encoding;
  options.time_formats.clear();
  SetColumns(sampled, proposal, &options);
  bool zone = false;
  for (const Column& column : proposal.columns) {
    const bool text = column.type == "text" || !column.raw_name.empty();
    options.empty_as_null |= !sampled.json && !text &&
                             (column.profile.empty_texts > 0 || !sampled.dialect.null_text.empty());
    zone |= column.type == "timestamptz" && column.profile.without_zone > 0;
    const std::string format = TimeFormatOf(choices, column);
    if (!format.empty()) options.time_formats.emplace_back(column.name, format);
  }
  options.time_zone = zone || !choices.time_format.empty() ? choices.time_zone : "";
  return options;
}

std::string LoadCommand(const LoadOptions& options) {
  std::string command = "millrace load" + Option("--table", options.table);
  const bool json = options.format == FileFormat::kJson;
  if (!options.columns.empty() || options.header == HeaderMode::kNo) {
    if (!json) command += options.header == HeaderMode::kYes ? " --header yes" : " --header no";
  }
  command += DialectOptions(options);
  if (!options.columns.empty()) {
    command += Option("--columns", fmt::format("{}", fmt::join(options.columns, ",")));
  }
  for (const auto& [from, to] : options.map)
    command += Option("--map", fmt::format("{}={}", from, to));
  for (const auto& [column, format] : options.time_formats) {
    command += Option("--time-format", fmt::format("{}={}", column, format));
  }
  if (!options.time_zone.empty()) command += Option("--time-zone", options.time_zone);
  for (const std::string& file : options.files) command += " " + ShellWord(file);
  return command;
}

}  // namespace millrace::cli
