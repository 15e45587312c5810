#include "ingest/file_columns.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>

#include "client/error.h"
#include "client/text.h"
#include "ingest/sniff.h"
#include "ingest/text_encoding.h"
#include "ingest/workload/clickstream.h"

namespace millrace::cli {
namespace {

using Kind = NameMeaning::Kind;

std::string Trimmed(const std::string& name) {
  const std::size_t first = name.find_first_not_of(" \t");
  if (first == std::string::npos) return "";
  return name.substr(first, name.find_last_not_of(" \t") + 1 - first);
}

// Without case, blanks, underscores and hyphens: names that people would take for the same.
std::string Essence(const std::string& name) {
  std::string essence;
  for (const char c : name) {
    if (c == ' ' || c == '_' || c == '-' || c == '.') continue;
    essence += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  }
  return essence;
}

// What to type for names that are not in the table.
std::string Proposals(const std::vector<std::string>& unknown, const TargetTable& table) {
  std::vector<std::string> maps, others;
  for (const std::string& name : unknown) {
    std::vector<std::string> close;
    for (const std::string& column : table.columns) {
      if (Essence(column) == Essence(name)) close.push_back(column);
    }
    if (close.size() == 1 && !Essence(name).empty()) {
      maps.push_back(fmt::format("--map {}={}", ShellWord(name), ShellWord(close[0])));
    } else {
      others.push_back(ShellWord(name));
    }
  }
  std::string text;
  if (!maps.empty()) text += fmt::format("\nThese are close: {}", fmt::join(maps, " "));
  if (!others.empty()) {
    text += fmt::format(
        "\nFor each of the others, --map NAME=COLUMN says which column of the table it is, or "
        "--skip NAME leaves it out: {}",
        fmt::join(others, ", "));
  }
  return text;
}

std::vector<std::string> Quoted(const std::vector<std::string>& names) {
  std::vector<std::string> quoted;
  quoted.reserve(names.size());
  for (const std::string& name : names) quoted.push_back(QuoteIdentifier(name));
  return quoted;
}

// Whether every field may be a name: they begin with letters, and all are different.
bool LooksLikeNames(const std::vector<std::string>& fields) {
  std::vector<std::string> sorted = fields;
  std::sort(sorted.begin(), sorted.end());
  if (fields.size() < 2 || std::adjacent_find(sorted.begin(), sorted.end()) != sorted.end()) {
    return false;
  }
  return std::all_of(fields.begin(), fields.end(), [](const std::string& field) {
    const char first = field.empty() ? '\0' : field[0];
    return first == '_' || (first >= 'a' && first <= 'z') || (first >= 'A' && first <= 'Z') ||
           static_cast<unsigned char>(first) >= 0x80;
  });
}

class ColumnFinder {
 public:
  ColumnFinder(const LoadOptions& options, const TargetTable& table, std::string where,
               std::string_view record)
      : options_(options), table_(table), where_(std::move(where)), record_(record) {
    for (CsvField& field : SplitCsvRecord(record, options.dialect)) {
      fields_.push_back(std::move(field.value));
      meanings_.push_back(MeaningOf(fields_.back(), options_, table_));
      matches_ += meanings_.back().kind != Kind::kUnknown ? 1 : 0;
    }
  }

  FileColumns Find() {
    if (matches_ < fields_.size()) {
      CheckEncoding();
      CheckDelimiter();
    }
    FileColumns found;
    found.header = IsHeader();
    std::vector<std::string> names = options_.columns;
    if (names.empty() && found.header) names = fields_;
    if (names.empty()) {
      found.names = EventColumns();
    } else {
      found.names = Columns(names, options_.columns.empty() ? where_ : "--columns");
    }
    TreatIds(&found.names);
    if (std::all_of(found.names.begin(), found.names.end(),
                    [](const std::string& name) { return name.empty(); })) {
      throw CliError(where_ + ": there is no column left to load");
    }
    return found;
  }

 private:
  bool IsHeader() const {
    if (options_.header != HeaderMode::kAuto) return options_.header == HeaderMode::kYes;
    if (matches_ == fields_.size()) return true;
    if (!options_.columns.empty()) return false;
    // If only some names match, or none of a row of words does, it is more likely a header with
    // other names than data.
    const bool asked = !options_.map.empty() || !options_.skip.empty();
    if (2 * matches_ >= fields_.size() || LooksLikeNames(fields_) || (asked && matches_ > 0)) {
      RefuseUnknown(fields_, where_);
    }
    return false;
  }

  // The columns that names mean; `where` is where they are from.
  std::vector<std::string> Columns(const std::vector<std::string>& names,
                                   const std::string& where) const {
    std::vector<std::string> columns;
    for (const std::string& name : names) {
      const NameMeaning meaning = MeaningOf(name, options_, table_);
      if (meaning.kind == Kind::kUnknown) RefuseUnknown(names, where);
      if (meaning.kind == Kind::kColumn &&
          std::find(columns.begin(), columns.end(), meaning.column) != columns.end()) {
        throw CliError(
            fmt::format("{}: column {} is named twice", where, QuoteIdentifier(meaning.column)),
            "Two columns of the file go into it: --skip one of them, or --map it to another.");
      }
      columns.push_back(meaning.column);
    }
    CheckNamed(names, where);
    return columns;
  }

  // What the options name must be in the file, or it is misspelt.
  void CheckNamed(const std::vector<std::string>& names, const std::string& where) const {
    const auto check = [&](const char* option, const std::string& wanted) {
      for (const std::string& name : names) {
        if (name == wanted || Trimmed(name) == wanted) return;
      }
      throw CliError(
          fmt::format("{}: there is no column {} ({})", where, QuoteIdentifier(wanted), option),
          fmt::format("The file's columns are: {}", fmt::join(names, ", ")));
    };
    for (const auto& [name, column] : options_.map) check("--map", name);
    for (const std::string& name : options_.skip) check("--skip", name);
  }

  [[noreturn]] void RefuseUnknown(const std::vector<std::string>& names,
                                  const std::string& where) const {
    std::vector<std::string> unknown;
    for (const std::string& name : names) {
      if (MeaningOf(name, options_, table_).kind == Kind::kUnknown) unknown.push_back(name);
    }
    const std::string table = table_.name.Quoted();
    std::string way_out;
    if (unknown.size() == names.size() && names.size() > 1) {
      way_out = fmt::format("The file's columns: {}\n", fmt::join(names, ", "));
    }
    way_out += fmt::format("The table's columns: {}{}", fmt::join(table_.columns, ", "),
                           Proposals(unknown, table_));
    if (options_.columns.empty() && options_.header == HeaderMode::kAuto) {
      way_out += "\nIf the first row is data: --columns a,b,c names the columns.";
    }
    throw CliError(fmt::format("{}: the table {} has no column{} {}", where, table,
                               unknown.size() == 1 ? "" : "s", fmt::join(Quoted(unknown), ", ")),
                   way_out);
  }

  // Without a header and without --columns.
  std::vector<std::string> EventColumns() const {
    std::vector<std::string> names = ClickEventColumns();
    if (fields_.size() == names.size() + 1) names.insert(names.begin(), "event_id");
    for (const std::string& name : names) {
      if (table_.IndexOf(name) < table_.columns.size()) continue;
      throw CliError(
          fmt::format("{}: there is no header, and the table {} has not the workshop's columns",
                      where_, table_.name.Quoted()),
          fmt::format("--columns a,b,c names the file's columns, which are columns of the table: "
                      "{}\nIf the first row is a header: --header yes",
                      fmt::join(table_.columns, ", ")));
    }
    return Columns(names, where_ + " (no header)");
  }

  void TreatIds(std::vector<std::string>* names) const {
    const auto id = std::find(names->begin(), names->end(), table_.id_column);
    if (table_.id_column.empty() || id == names->end()) return;
    if (options_.ids == IdMode::kRefuse) RefuseIds(table_, where_);
    if (options_.ids == IdMode::kIgnore) id->clear();
  }

  // How many fields a record may have that is no header.
  bool Expected(std::size_t fields) const {
    const std::size_t events = ClickEventColumns().size();
    return options_.columns.empty() ? fields == events || fields == events + 1
                                    : fields == options_.columns.size();
  }

  void CheckEncoding() const {
    const bool zeros = record_.find('\0') != std::string_view::npos;
    if (!zeros && IsUtf8(record_)) return;
    // One bad row of data is no reason not to load the others.
    if (options_.reject && Expected(fields_.size())) return;
    const std::string encoding = SniffEncoding(record_);
    throw CliError(
        fmt::format("{} is not {}", where_,
                    options_.dialect.encoding.empty() ? "UTF-8" : options_.dialect.encoding),
        fmt::format("Give --encoding {}, or the one that the file is in.",
                    encoding.empty() ? "latin1" : encoding));
  }

  // Throws if another character splits the record as it should be and the delimiter does not.
  void CheckDelimiter() const {
    if (record_.starts_with("[{") || record_ == "[") {
      throw CliError(where_ + ": this is an array of JSON, not one object per line",
                     "Make lines of it: jq -c '.[]' FILE | millrace load -");
    }
    const std::size_t given = fields_.size();
    if (Expected(given)) return;
    for (const char delimiter : {',', ';', '\t', '|'}) {
      Dialect other = options_.dialect;
      other.delimiter = delimiter;
      if (delimiter == options_.dialect.delimiter || delimiter == other.quote) continue;
      const std::size_t fields = CountCsvFields(record_, other);
      const bool better = given == 1 ? fields > 1 && options_.columns.size() != 1
                                     : fields > 1 && matches_ == 0 && Expected(fields);
      if (!better) continue;
      const std::string file = where_.substr(0, where_.rfind(':'));
      throw CliError(fmt::format("{} has {} column{} if split at {} and {} at {}", file, given,
                                 given == 1 ? "" : "s", DelimiterWord(options_.dialect.delimiter),
                                 fields, DelimiterWord(delimiter)),
                     fmt::format("Give --delimiter {}", DelimiterWord(delimiter)));
    }
  }

  const LoadOptions& options_;
  const TargetTable& table_;
  const std::string where_;
  const std::string_view record_;
  std::vector<std::string> fields_;
  std::vector<NameMeaning> meanings_;
  std::size_t matches_ = 0;
};

}  // namespace

FileColumns FindFileColumns(const LoadOptions& options, const TargetTable& table,
                            const std::string& where, std::string_view record) {
  return ColumnFinder(options, table, where, record).Find();
}

void RefuseIds(const TargetTable& table, const std::string& where) {
  if (table.id_followers.empty()) {
    throw CliError(
        fmt::format("{}: column {} is GENERATED ALWAYS: its values are the server's to draw", where,
                    table.id_column),
        "--ignore-ids leaves the column out, and ids are drawn anew; --keep-ids loads them as "
        "they are.");
  }
  throw CliError(
      fmt::format(
          "{}: column {} brings ids along, and {} follows those that the server draws: events "
          "with others may never be counted",
          where, table.id_column, table.id_followers),
      "--ignore-ids leaves the column out, and ids are drawn anew; --keep-ids loads them as they "
      "are, and then the rollups must be made anew.");
}

NameMeaning MeaningOf(const std::string& name, const LoadOptions& options,
                      const TargetTable& table) {
  const std::string trimmed = Trimmed(name);
  for (const auto& [from, to] : options.map) {
    if (from == name || from == trimmed) return {Kind::kColumn, table.Match(to)};
  }
  for (const std::string& skipped : options.skip) {
    if (skipped == name || skipped == trimmed) return {Kind::kSkipped, ""};
  }
  const std::string column = table.Match(trimmed);
  return {column.empty() ? Kind::kUnknown : Kind::kColumn, column};
}

void CheckColumnOptions(const LoadOptions& options, const TargetTable& table) {
  for (const auto& [name, column] : options.map) {
    table.MatchAll({column}, fmt::format("--map {}={}", ShellWord(name), ShellWord(column)));
  }
  for (const auto& [column, format] : options.time_formats) {
    if (!column.empty()) {
      table.MatchAll({column}, fmt::format("--time-format {}={}", ShellWord(column), format));
    }
  }
}

}  // namespace millrace::cli
