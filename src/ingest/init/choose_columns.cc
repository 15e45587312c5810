#include "ingest/init/choose_columns.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <bit>
#include <charconv>
#include <set>
#include <unordered_set>

#include "client/error.h"
#include "client/text.h"
#include "ingest/init/choose_time.h"
#include "ingest/init/name_hints.h"
#include "ingest/init/plain_names.h"

namespace millrace::cli {
namespace {

constexpr std::int64_t kMostDimensionValues = 200;
constexpr std::size_t kMostDimensions = 6;
constexpr std::int64_t kMostGroups = 2'000;
constexpr int kMostDistinct = 3;
constexpr int kMostTop = 2;
constexpr int kMostMeasures = 6;
// Longer texts are written by people and hardly ever the same.
constexpr std::size_t kLongestTopValue = 200;

bool IsNumber(const Column& column) {
  return column.type == "bigint" || column.type == "integer" || column.type == "smallint" ||
         column.type == "numeric" || column.type == "double precision" || column.type == "real" ||
         column.type.starts_with("numeric(");
}

// Whether PostgreSQL reads it as a number.
bool ReadsAsNumber(const std::string& text) {
  const auto first = text.find_first_not_of(" +");
  if (first == std::string::npos) return false;
  const char* const end = text.data() + text.find_last_not_of(' ') + 1;
  double value = 0;
  return std::from_chars(text.data() + first, end, value).ptr == end;
}

// What to do about a column whose values are no numbers, such as `example`.
std::string NumberWayOut(const Column& column, const std::string& example) {
  if (example.empty() || ReadsAsNumber(example)) {
    return fmt::format("Its first value is {}. --type {}=numeric has it read as one.",
                       example.empty() ? "empty" : example, column.name);
  }
  return fmt::format(
      "Its value {} is no number to PostgreSQL. Have the file written "
      "without signs of currencies and units, or leave the column a text.",
      example);
}

bool IsText(const Column& column) {
  return column.type == "text" || column.type.starts_with("character") ||
         column.type.starts_with("varchar");
}

std::string Differ(const ColumnProfile& profile) {
  return fmt::format("{} of {} values differ", FormatCount(profile.distinct),
                     FormatCount(profile.values));
}

// A column as the user names it: as in the table or as in the file.
std::size_t FindColumn(const Proposal& proposal, const std::string& name, const char* option) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < proposal.columns.size(); ++i) {
    const Column& column = proposal.columns[i];
    if (column.name == name || column.profile.name == name) return i;
    names.push_back(column.name);
  }
  throw CliError(fmt::format("{}: there is no column {}", option, name),
                 fmt::format("The columns are: {}", fmt::join(names, ", ")));
}

// Calls `set` for each column that the user has chosen. False if nothing was chosen.
template <typename Set>
bool TakeChoice(Proposal* proposal, const std::optional<std::vector<std::string>>& names,
                const char* option, Set set) {
  if (!names) return false;
  for (const std::string& name : *names) {
    if (name != "none") set(&proposal->columns[FindColumn(*proposal, name, option)]);
  }
  return true;
}

// Whether a column's values are names of something that occurs again and again.
bool Repeats(const ColumnProfile& profile) {
  return profile.repeats() >= (profile.values < 100 ? 2 : 4);
}

void RefuseTime(const Column& column, const char* option) {
  if (column.use != ColumnUse::kTime) return;
  throw CliError(
      fmt::format("{}: {} is the time of the event, and makes the buckets", option, column.name),
      "--time-column names another column as the time.");
}

void ChooseTenant(const InitChoices& choices, Proposal* proposal) {
  std::optional<std::size_t> best;
  if (choices.tenant == "none") return;
  if (!choices.tenant.empty()) {
    best = FindColumn(*proposal, choices.tenant, "--tenant");
    RefuseTime(proposal->columns[*best], "--tenant");
    proposal->columns[*best].why = "the tenant (--tenant)";
  } else {
    int best_rank = 0;
    for (std::size_t i = 0; i < proposal->columns.size(); ++i) {
      Column& column = proposal->columns[i];
      const ColumnProfile& profile = column.profile;
      const int rank = RankAsTenant(column.name);
      const bool fits = column.type == "bigint" || column.type == "integer" ||
                        column.type == "uuid" || IsText(column);
      if (rank == 0 || !fits || i == proposal->time || profile.nulls > 0) continue;
      if (profile.repeats() < (profile.values < 100 ? 2 : 10)) continue;
      if (best_rank != 0 && rank >= best_rank) continue;
      best = i;
      best_rank = rank;
    }
    if (!best) return;
    const ColumnProfile& profile = proposal->columns[*best].profile;
    proposal->columns[*best].why = fmt::format(
        "{} different values in {}, and its name: the tenant, the first key of the rollups",
        FormatCount(profile.distinct), FormatCount(profile.values));
  }
  proposal->tenant = best;
  proposal->columns[*best].use = ColumnUse::kTenant;
}

// What a column could be by its values and its name.
enum class Kind { kEmpty, kNone, kFew, kId, kOwnId, kRepeated, kNumber };

Kind KindOfNumber(const Column& column, const std::string& table) {
  const ColumnProfile& profile = column.profile;
  if (column.type == "bigint" || column.type == "integer" || column.type == "smallint") {
    const bool all_differ = profile.distinct == profile.values && profile.values >= 20;
    if (all_differ && NamesOwnId(column.name, table)) return Kind::kOwnId;
    if (NamesId(column.name) || RankAsTenant(column.name) > 0) return Kind::kId;
    const bool few = profile.distinct <= 50 && Repeats(profile);
    if (few && NamesKind(column.name)) return Kind::kFew;
  }
  const bool time = profile.time_forms != 0 && NamesTime(column.name);
  return NamesNoMeasure(column.name) || time ? Kind::kNone : Kind::kNumber;
}

Kind KindOf(const Column& column, const std::string& table) {
  const ColumnProfile& profile = column.profile;
  if (profile.all_null()) return Kind::kEmpty;
  if (IsNumber(column)) return KindOfNumber(column, table);
  if (column.type == "boolean") return Kind::kFew;
  if (column.enumeration) return Kind::kFew;
  const bool all_differ = profile.distinct == profile.values && profile.values >= 20;
  const bool id = column.type == "uuid" || column.type == "inet" ||
                  (IsText(column) && (NamesId(column.name) || RankAsTenant(column.name) > 0));
  if (id && all_differ && NamesOwnId(column.name, table)) return Kind::kOwnId;
  if (id) return Kind::kId;
  if (!IsText(column)) return Kind::kNone;
  // There will be more pages and products than the sample has.
  const std::int64_t most = RankForTop(column.name) == 2 ? 20 : kMostDimensionValues;
  if (profile.distinct <= most && Repeats(profile)) return Kind::kFew;
  // A name that was not known and still nearly each value differs: an id if there is no blank in
  // it.
  const bool blank = std::any_of(profile.examples.begin(), profile.examples.end(),
                                 [](auto& text) { return text.find(' ') != std::string::npos; });
  if (profile.repeats() < 1.2) return blank || profile.longest > 64 ? Kind::kNone : Kind::kId;
  return profile.longest <= kLongestTopValue ? Kind::kRepeated : Kind::kNone;
}

// How many groups some columns make in the sample.
std::int64_t Groups(const Proposal& proposal, const std::vector<std::size_t>& chosen) {
  std::unordered_set<std::uint64_t> groups;
  const std::size_t rows = chosen.empty() ? 0 : proposal.columns[chosen[0]].profile.keys.size();
  for (std::size_t row = 0; row < rows; ++row) {
    std::uint64_t key = 0;
    for (const std::size_t column : chosen) {
      key =
          (std::rotl(key, 5) ^ proposal.columns[column].profile.keys[row]) * 0x9E3779B97F4A7C15ULL;
    }
    groups.insert(key);
  }
  return static_cast<std::int64_t>(groups.size());
}

void MakeDimension(Column* column) {
  column->use = ColumnUse::kDimension;
  const auto& profile = column->profile;
  column->why = column->type == "boolean"
                    ? "a dimension"
                    : fmt::format("{} different values in {}: a dimension",
                                  FormatCount(profile.distinct), FormatCount(profile.values));
}

// Whether the user has a use for a column other than as a dimension.
bool IsNamed(const InitChoices& choices, const Column& column) {
  for (const auto* names : {&choices.distinct, &choices.top, &choices.sum}) {
    if (!*names) continue;
    for (const std::string& name : **names) {
      if (name == column.name || name == column.profile.name) return true;
    }
  }
  return false;
}

// The columns that could be dimensions, those with the fewest values first. A currency comes before
// all: sums of different currencies mean nothing.
std::vector<std::size_t> DimensionCandidates(const InitChoices& choices, const Proposal& proposal,
                                             const std::vector<Kind>& kinds) {
  std::vector<std::size_t> candidates;
  for (std::size_t i = 0; i < kinds.size(); ++i) {
    const ColumnProfile& profile = proposal.columns[i].profile;
    if (proposal.columns[i].use != ColumnUse::kPlain) continue;
    if (IsNamed(choices, proposal.columns[i])) continue;
    const bool few_ids = kinds[i] == Kind::kId && profile.distinct <= kMostDimensionValues &&
                         profile.repeats() >= 10;
    if (kinds[i] == Kind::kFew || few_ids) candidates.push_back(i);
  }
  const auto rank = [&](std::size_t i) {
    const Column& column = proposal.columns[i];
    return std::pair(!NamesCurrency(column.name), column.profile.distinct);
  };
  std::stable_sort(candidates.begin(), candidates.end(),
                   [&](std::size_t a, std::size_t b) { return rank(a) < rank(b); });
  return candidates;
}

// Takes dimensions as long as the groups stay few; the others stay in the table.
void ChooseDimensions(const InitChoices& choices, const std::vector<Kind>& kinds,
                      Proposal* proposal) {
  const auto choose = [](Column* column) {
    if (column->use == ColumnUse::kTenant) return;
    RefuseTime(*column, "--dimensions");
    column->use = ColumnUse::kDimension;
    column->why = "a dimension (--dimensions)";
  };
  if (TakeChoice(proposal, choices.dimensions, "--dimensions", choose)) return;
  const std::int64_t most = std::clamp<std::int64_t>(proposal->sample_rows / 4, 100, kMostGroups);
  std::vector<std::size_t> chosen;
  for (const std::size_t i : DimensionCandidates(choices, *proposal, kinds)) {
    Column& column = proposal->columns[i];
    if (column.profile.distinct < 2 && column.profile.nulls == 0) {
      column.why = fmt::format("always {}: no dimension",
                               column.profile.examples.empty() ? "" : column.profile.examples[0]);
      continue;
    }
    chosen.push_back(i);
    const std::int64_t groups = Groups(*proposal, chosen);
    if (chosen.size() > kMostDimensions || groups > most) {
      chosen.pop_back();
      column.why = fmt::format(
          "{}; with the other dimensions {} groups, more than a small rollup has: no dimension "
          "(--dimensions)",
          Differ(column.profile), FormatCount(groups));
      continue;
    }
    MakeDimension(&column);
  }
}

// Columns by a rank of their names, the highest first.
std::vector<std::size_t> ByRank(const Proposal& proposal, int (*rank)(const std::string&)) {
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < proposal.columns.size(); ++i) order.push_back(i);
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return rank(proposal.columns[a].name) > rank(proposal.columns[b].name);
  });
  return order;
}

void ChooseDistinct(const InitChoices& choices, const std::vector<Kind>& kinds,
                    Proposal* proposal) {
  const auto choose = [](Column* column) {
    column->distinct = true;
    column->why = "distinct values are counted with hll (--distinct)";
  };
  if (TakeChoice(proposal, choices.distinct, "--distinct", choose)) return;
  int count = 0;
  for (const std::size_t i : ByRank(*proposal, RankAsActor)) {
    Column& column = proposal->columns[i];
    if (kinds[i] != Kind::kId || column.use != ColumnUse::kPlain) continue;
    const bool taken = count < kMostDistinct;
    column.distinct = taken;
    count += taken ? 1 : 0;
    column.why =
        fmt::format("{}: an id; {}", Differ(column.profile),
                    taken ? "counted with hll" : "not counted, three others are (--distinct)");
  }
}

void ChooseTop(const InitChoices& choices, const std::vector<Kind>& kinds, Proposal* proposal) {
  const auto choose = [](Column* column) {
    column->top = true;
    column->why += column->why.empty() ? "the most frequent values are kept (--top)"
                                       : "; the most frequent are kept (--top)";
  };
  if (TakeChoice(proposal, choices.top, "--top", choose)) return;
  int count = 0;
  for (const std::size_t i : ByRank(*proposal, RankForTop)) {
    Column& column = proposal->columns[i];
    const ColumnProfile& profile = column.profile;
    const bool repeated = kinds[i] == Kind::kRepeated || kinds[i] == Kind::kFew;
    const bool id = kinds[i] == Kind::kId && profile.repeats() >= 2;
    if (column.use != ColumnUse::kPlain || count == kMostTop || !(repeated || id)) continue;
    if (profile.distinct < 2 || profile.longest > kLongestTopValue) continue;
    column.top = true;
    ++count;
    column.why = column.why.empty()
                     ? Differ(profile) + ", many again and again: the most frequent are kept"
                     : column.why + "; the most frequent are kept";
  }
}

// What a number is good for, by its name.
void ChooseMeasure(Column* column) {
  const ColumnProfile& profile = column->profile;
  const std::string span = column->type == "bigint"
                               ? fmt::format("from {:.0f} to {:.0f}", profile.low, profile.high)
                               : fmt::format("from {} to {}", profile.low, profile.high);
  if (NamesMoney(column->name)) {
    column->sum = true;
    column->why = span + ", money by its name: summed";
  } else if (NamesQuantity(column->name)) {
    column->sum = true;
    column->why = span + ", a quantity by its name: summed";
  } else {
    column->average = true;
    column->why = span + ": average, least and greatest";
  }
}

void ChooseMeasures(const InitChoices& choices, const std::vector<Kind>& kinds,
                    Proposal* proposal) {
  const bool chosen = TakeChoice(proposal, choices.sum, "--sum", [](Column* column) {
    if (!IsNumber(*column)) {
      throw CliError(
          fmt::format("--sum: {} is {}, and not a number", column->name, column->type),
          NumberWayOut(*column,
                       column->profile.examples.empty() ? "" : column->profile.examples[0]));
    }
    column->sum = true;
    column->why = "summed (--sum)";
  });
  int count = 0;
  for (std::size_t i = 0; i < proposal->columns.size(); ++i) {
    Column& column = proposal->columns[i];
    if (kinds[i] != Kind::kNumber || column.use != ColumnUse::kPlain || column.sum) continue;
    if (count == kMostMeasures) {
      column.why = "a number; six others are in the rollups, this one is not (--sum)";
      continue;
    }
    ChooseMeasure(&column);
    // The user knows what is worth a sum; averages are still ours to propose.
    if (chosen) {
      column.sum = false;
      column.average = true;
      column.why = "a number: average, least and greatest";
    }
    ++count;
  }
}

void ExplainRest(const std::vector<Kind>& kinds, Proposal* proposal) {
  for (std::size_t i = 0; i < proposal->columns.size(); ++i) {
    Column& column = proposal->columns[i];
    const bool used = column.distinct || column.top || column.sum || column.average;
    if (used && column.use == ColumnUse::kPlain) column.use = ColumnUse::kMeasure;
    if (!column.why.empty()) continue;
    switch (kinds[i]) {
      case Kind::kRepeated:
        column.why =
            Differ(column.profile) + ": not in the rollups (--top keeps the most frequent)";
        break;
      case Kind::kEmpty:
        column.why =
            fmt::format("empty in all {} rows of the sample: {} until you know better (--type)",
                        FormatCount(proposal->sample_rows), column.type);
        break;
      case Kind::kOwnId:
        column.why = Differ(column.profile) + ": the event's own id, as many as events";
        break;
      default:
        column.why = "in the table, and in no rollup";
    }
  }
}

// Columns that the user has named in two ways that exclude each other.
void CheckUses(const Proposal& proposal) {
  for (const Column& column : proposal.columns) {
    const bool key = column.use == ColumnUse::kTenant || column.use == ColumnUse::kDimension;
    if (key && (column.type == "jsonb" || column.type == "json")) {
      throw CliError(fmt::format("{} is {}, and makes no dimension", column.name, column.type),
                     "A generated column with the field that you want does.");
    }
  }
}

std::string SqlTypeOf(const ColumnProfile& profile, const std::string& name) {
  switch (profile.type) {
    case ValueType::kBigint:
      return "bigint";
    case ValueType::kDecimal:
      return NamesMoney(name) || profile.digits > 15 ? "numeric" : "double precision";
    case ValueType::kFloat:
      return "double precision";
    case ValueType::kBoolean:
      return "boolean";
    case ValueType::kUuid:
      return "uuid";
    case ValueType::kDate:
      return "date";
    case ValueType::kTime:
      return "timestamptz";
    case ValueType::kInet:
      return name.find("version") == std::string::npos ? "inet" : "text";
    case ValueType::kJson:
      return "jsonb";
    case ValueType::kText:
      break;
  }
  return "text";
}

// The name that we know a type by, for what people write as well.
std::string KnownType(const std::string& type) {
  constexpr std::pair<const char*, const char*> kNames[] = {
      {"int", "integer"},     {"int4", "integer"},
      {"int8", "bigint"},     {"int2", "smallint"},
      {"decimal", "numeric"}, {"float", "double precision"},
      {"bool", "boolean"},    {"float8", "double precision"},
      {"float4", "real"},     {"timestamp with time zone", "timestamptz"},
  };
  for (const auto& [written, known] : kNames) {
    if (type == written) return known;
  }
  return type;
}

// A type that the user has chosen, where the load would end at the first value.
void CheckChosenType(const Column& column) {
  const ValueType type = column.profile.type;
  if (!IsNumber(column) || type == ValueType::kBigint || type == ValueType::kDecimal) return;
  for (const std::string& example : column.profile.examples) {
    if (example.empty() || ReadsAsNumber(example)) continue;
    throw CliError(fmt::format("--type: {} is no {}", column.name, column.type),
                   NumberWayOut(column, example));
  }
}

}  // namespace

std::vector<Column> ColumnsOfSample(const std::vector<ColumnProfile>& profiles,
                                    const InitChoices& choices) {
  std::vector<std::string> names;
  names.reserve(profiles.size());
  for (const ColumnProfile& profile : profiles) names.push_back(profile.name);
  const std::vector<std::string> plain = PlainNames(names);
  std::vector<Column> columns;
  std::set<std::string> unknown;
  for (const auto& [name, type] : choices.types) unknown.insert(name);
  for (std::size_t i = 0; i < profiles.size(); ++i) {
    Column column;
    column.name = plain[i];
    column.profile = profiles[i];
    column.type = SqlTypeOf(profiles[i], plain[i]);
    for (const std::string& name : {profiles[i].name, plain[i]}) {
      const auto chosen = choices.types.find(name);
      if (chosen == choices.types.end()) continue;
      column.type = KnownType(chosen->second);
      CheckChosenType(column);
      unknown.erase(name);
    }
    columns.push_back(std::move(column));
  }
  if (!unknown.empty()) {
    throw CliError(fmt::format("--type: there is no column {}", *unknown.begin()),
                   fmt::format("The columns are: {}", fmt::join(plain, ", ")));
  }
  return columns;
}

void ChooseUses(const InitChoices& choices, Proposal* proposal) {
  ChooseTime(choices, proposal);
  ChooseTenant(choices, proposal);
  std::vector<Kind> kinds;
  for (std::size_t i = 0; i < proposal->columns.size(); ++i) {
    const bool time = i == proposal->time;
    kinds.push_back(time ? Kind::kNone : KindOf(proposal->columns[i], proposal->table.name));
  }
  ChooseDimensions(choices, kinds, proposal);
  ChooseDistinct(choices, kinds, proposal);
  ChooseTop(choices, kinds, proposal);
  ChooseMeasures(choices, kinds, proposal);
  ExplainRest(kinds, proposal);
  CheckUses(*proposal);
}

}  // namespace millrace::cli
