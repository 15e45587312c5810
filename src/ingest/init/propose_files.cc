#include "ingest/init/propose_files.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <optional>

#include "client/error.h"
#include "client/text.h"
#include "ingest/init/choose_columns.h"
#include "ingest/init/choose_partitions.h"
#include "ingest/init/plain_names.h"

namespace millrace::cli {
namespace {

constexpr std::int64_t kFewRows = 100;
// The names of rollups and of their views have up to 16 bytes more.
constexpr std::size_t kLongestTable = 40;

bool HasColumn(const Proposal& proposal, const std::string& name) {
  return std::any_of(proposal.columns.begin(), proposal.columns.end(), [&](const Column& column) {
    return column.name == name || column.raw_name == name;
  });
}

std::string FreeName(const Proposal& proposal, const std::string& name) {
  std::string free = name;
  for (int next = 2; HasColumn(proposal, free); ++next) free = name + "_" + std::to_string(next);
  return free;
}

// COPY does not read "1.234,56". So the text is kept as it is, and the number is generated from it.
void GenerateNumbers(const SampledFiles& sampled, Proposal* proposal) {
  for (Column& column : proposal->columns) {
    const NumberStyle style = column.profile.style;
    const bool number = column.type.starts_with("numeric") || column.type == "double precision";
    if (style == NumberStyle::kPlain || !number) continue;
    column.raw_name = FreeName(*proposal, column.name + "_text");
    const std::string raw = SqlName(column.raw_name);
    std::string text = style == NumberStyle::kComma
                           ? fmt::format("replace(replace({}, '.', ''), ',', '.')", raw)
                           : fmt::format("replace({}, ',', '')", raw);
    if (column.profile.empty_texts > 0 || !sampled.dialect.null_text.empty())
      text = fmt::format("nullif({}, '')", text);
    column.expression = fmt::format("{}::{}", text, column.type);
    column.why +=
        fmt::format("; {}, such as {}: the file's text goes into {}, and the number is made of it",
                    style == NumberStyle::kComma ? "written with a decimal comma"
                                                 : "written with commas for thousands",
                    column.profile.examples[0], column.raw_name);
  }
}

std::string IdColumnFor(const Proposal& proposal) {
  for (const char* name : {"event_id", "row_id", "sequence_id"}) {
    if (!HasColumn(proposal, name)) return name;
  }
  return FreeName(proposal, "event_id");
}

void AddNotes(const SampledFiles& sampled, Proposal* proposal) {
  const Sample& sample = sampled.sample;
  if (proposal->sample_rows < kFewRows) {
    proposal->notes.push_back(
        fmt::format("{} little about what the columns are for: look at each decision, or "
                    "give a larger "
                    "file.",
                    FormatCount(proposal->sample_rows, "row says", "rows say")));
  }
  if (sample.odd_rows > 0) {
    proposal->notes.push_back(
        fmt::format("{} not have {} fields; `millrace load --on-error reject` sets such "
                    "rows aside.",
                    FormatCount(sample.odd_rows, "row of the sample does", "rows of the sample do"),
                    sample.names.size()));
  }
  if (!sampled.has_names && !sampled.json) {
    proposal->notes.push_back(
        "The file has no header: --columns a,b,c names its columns, and --header yes says that the "
        "first row does.");
  }
  if (!sampled.dialect.null_text.empty()) {
    proposal->notes.push_back(
        fmt::format("A field that is {} has no value (--null).", sampled.dialect.null_text));
  }
}

}  // namespace

std::string TableNameOf(const std::string& path) {
  std::string name = std::filesystem::path(path).filename().string();
  name = name.substr(0, name.find('.', 1));
  std::vector<std::string> words = WordsOf(PlainName(name));
  const auto is_number = [](const std::string& word) {
    return word.find_first_not_of("0123456789") == std::string::npos;
  };
  while (!words.empty() && is_number(words.back())) words.pop_back();
  std::string table;
  for (const std::string& word : words) table += (table.empty() ? "" : "_") + word;
  if (table.size() > kLongestTable) table.resize(kLongestTable);
  return table.empty() || table == "column" ? "events" : table;
}

Proposal ProposeForFiles(const std::vector<std::string>& files, const SampledFiles& sampled,
                         const InitChoices& choices, std::int64_t now) {
  Proposal proposal;
  proposal.table =
      QualifiedName::Parse(choices.table.empty() ? SqlName(TableNameOf(files[0])) : choices.table);
  if (proposal.table.schema.empty()) proposal.table.schema = "public";
  if (proposal.table.name.size() > kLongestTable) {
    throw CliError(
        fmt::format("--table: {} is longer than {} bytes, and its rollups' names are "
                    "longer still",
                    proposal.table.name, kLongestTable));
  }
  proposal.sources = files;
  proposal.sample_rows = static_cast<std::int64_t>(sampled.sample.rows.size());
  proposal.total_rows = sampled.sample.total_rows;
  proposal.whole = sampled.sample.whole;
  std::optional<TimeFormat> given;
  if (!choices.time_format.empty()) given.emplace(choices.time_format);
  proposal.columns = ColumnsOfSample(
      ProfileColumns(sampled.sample, sampled.dialect.null_text, given ? &*given : nullptr),
      choices);
  ChooseUses(choices, &proposal);
  GenerateNumbers(sampled, &proposal);
  proposal.id_column = IdColumnFor(proposal);
  proposal.partitions = ChoosePartitions(choices, proposal, now);
  AddNotes(sampled, &proposal);
  return proposal;
}

}  // namespace millrace::cli
