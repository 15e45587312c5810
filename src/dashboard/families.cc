#include "dashboard/families.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <regex>
#include <tuple>

#include "dashboard/rollup_catalog.h"

namespace millrace::dashboard {
namespace {

using nlohmann::json;

constexpr std::chrono::seconds kLookAgain{5};
constexpr std::size_t kLongestLabel = 60;

std::optional<MeasureKind> KindOf(const std::string& role) {
  static const std::map<std::string, MeasureKind> kinds = {
      {"count", MeasureKind::kCount},      {"sum", MeasureKind::kSum},
      {"min", MeasureKind::kMin},          {"max", MeasureKind::kMax},
      {"bool_and", MeasureKind::kAllTrue}, {"bool_or", MeasureKind::kAnyTrue},
      {"hll", MeasureKind::kDistinct},     {"topn", MeasureKind::kTop},
      {"average", MeasureKind::kAverage}};
  const auto found = kinds.find(role);
  return found == kinds.end() ? std::nullopt : std::optional(found->second);
}

// "Revenue [EUR]": a short comment is the label, and what stands in brackets at its end the unit. A
// longer one is a description.
struct Comment {
  std::string label, unit, description;
};
Comment ParseComment(const std::string& text) {
  Comment comment;
  if (text.empty()) return comment;
  if (text.size() > kLongestLabel || text.find('\n') != std::string::npos) {
    comment.description = text;
    return comment;
  }
  static const std::regex pattern(R"(^(.*\S)\s*\[([^\[\]]{1,12})\]$)");
  std::smatch match;
  if (std::regex_match(text, match, pattern)) {
    comment.label = match[1];
    comment.unit = match[2];
  } else {
    comment.label = text;
  }
  return comment;
}

bool NamesTenant(const std::string& name) {
  static const std::regex pattern(
      "(tenant|customer|account|org|organi[sz]ation|workspace|site|shop|store|merchant|client|"
      "company|project)(_?(id|key|code|name|slug))?",
      std::regex::icase);
  return std::regex_match(name, pattern);
}

// `below`: the table that it summarises, or nullptr.
RollupTable TableOf(const json& row, const RollupTable* below) {
  RollupTable table;
  table.name = row["name"];
  table.live = TextOf(row, "live");
  table.rows = row["rows"];
  table.leading = TextOf(row, "leading");
  for (const json& column : row["columns"]) {
    if (column["role"] != "bucket") continue;
    table.bucket = column["quoted"];
    table.bucket_is_timestamptz = column["type"] == "timestamp with time zone";
    if (!column["cut"].get<bool>() && below != nullptr) {
      table.width = below->width;
      table.origin = below->origin;
    }
    if (column["width"].is_number()) table.width = column["width"];
    if (column["origin"].is_number()) table.origin = column["origin"];
    // Weeks begin on Mondays, and 1970 began on a Thursday.
    if (column["weekly"].get<bool>()) table.origin += 4 * 86'400;
  }
  return table;
}

// A family with one table, that has all of its columns.
Family FamilyOf(const json& row, bool declared) {
  Family family;
  family.id = row["id"];
  family.declared = declared;
  family.source = TextOf(row, "source");
  const Comment about = ParseComment(TextOf(row, "comment"));
  family.title = about.label.empty() ? family.id : about.label;
  RollupTable table = TableOf(row, nullptr);
  for (const json& column : row["columns"]) {
    const std::string name = column["name"], role = column["role"];
    const Comment comment = ParseComment(TextOf(column, "comment"));
    if (role != "bucket" && role != "average") table.columns[name] = column["quoted"];
    if (role == "key") {
      Dimension dimension;
      dimension.name = name;
      dimension.type = column["type"];
      dimension.description = comment.description;
      dimension.label = comment.label;
      family.dimensions.push_back(dimension);
      continue;
    }
    const auto kind = KindOf(role);
    if (!kind) continue;
    Measure measure;
    measure.name = name;
    measure.kind = *kind;
    measure.label = comment.label;
    measure.unit = comment.unit;
    measure.description = comment.description;
    if (*kind == MeasureKind::kCount && column["filter"].is_string()) measure.goal = name;
    measure.text =
        (*kind == MeasureKind::kMin || *kind == MeasureKind::kMax) && column["text"].get<bool>();
    if (*kind == MeasureKind::kAllTrue || *kind == MeasureKind::kAnyTrue) measure.text = true;
    if (*kind == MeasureKind::kAverage) {
      measure.numerator = name + "_sum";
      measure.denominator = name + "_count";
    }
    family.measures.push_back(measure);
  }
  // What an average is made of is not shown beside it.
  for (const Measure& average : std::vector<Measure>(family.measures)) {
    if (average.kind != MeasureKind::kAverage) continue;
    for (Measure& each : family.measures) {
      if (each.name == average.numerator || each.name == average.denominator) each.hidden = true;
    }
  }
  family.tables.push_back(std::move(table));
  return family;
}

// Whether a column with this role merges the values of a measure of the table below.
bool Merges(const std::string& role, MeasureKind below) {
  if (below == MeasureKind::kCount) return role == "sum";
  const auto kind = KindOf(role);
  return kind && *kind == below && IsStored(below);
}

// Adds a rollup over a table of the family to it. False if it is no summary of that table: it has a
// filter, or keys that the table does not have.
bool AddSummary(const json& row, const RollupTable& below, Family* family) {
  if (row["filtered"].get<bool>()) return false;
  RollupTable table = TableOf(row, &below);
  if (table.bucket.empty()) return false;
  // The family's names of the columns below.
  std::map<std::string, std::string> names;
  for (const auto& [name, own] : below.columns) names[own] = name;
  for (const json& column : row["columns"]) {
    const std::string role = column["role"], reads = TextOf(column, "below");
    if (role == "bucket") {
      if (reads != below.bucket) return false;
      continue;
    }
    const auto found = names.find(reads);
    if (role == "key") {
      if (found == names.end() || family->dimension(found->second) == nullptr) return false;
      table.columns[found->second] = column["quoted"];
      continue;
    }
    const Measure* measure = found == names.end() ? nullptr : family->measure(found->second);
    if (measure != nullptr && Merges(role, measure->kind)) {
      table.columns[measure->name] = column["quoted"];
    }
  }
  family->tables.push_back(std::move(table));
  return true;
}

// The rollups over events, each with those over it that are summaries; others are families of their
// own.
Families DeclaredFamilies(const json& rows) {
  Families families;
  // The family and the table in it of each rollup, by oid.
  std::map<std::string, std::pair<std::size_t, std::size_t>> places;
  // A rollup is declared after the one it reads, but its oid may still be lower.
  std::vector<const json*> waiting;
  for (const json& row : rows) {
    if (row["readable"].get<bool>() && row["columns"].is_array()) waiting.push_back(&row);
  }
  for (bool more = true; more;) {
    more = false;
    for (const json*& row : waiting) {
      if (row == nullptr) continue;
      const auto below = places.find(TextOf(*row, "parent"));
      const bool is_root = TextOf(*row, "parent").empty();
      if (!is_root && below == places.end()) continue;
      const std::string oid = (*row)["oid"];
      if (below != places.end()) {
        Family& family = families[below->second.first];
        // A copy: adding a table moves the others.
        const RollupTable table = family.tables[below->second.second];
        if (AddSummary(*row, table, &family)) {
          places[oid] = {below->second.first, family.tables.size() - 1};
          row = nullptr;
          more = true;
          continue;
        }
      }
      Family family = FamilyOf(*row, true);
      if (!family.tables[0].bucket.empty()) {
        places[oid] = {families.size(), 0};
        families.push_back(std::move(family));
        more = true;
      }
      row = nullptr;
    }
  }
  return families;
}

// Tables of the same columns, apart from their buckets, are one family.
Families OtherFamilies(const json& rows) {
  std::map<std::string, Families> alike;
  for (const json& row : rows) {
    if (!row["readable"].get<bool>()) continue;
    Family family = FamilyOf(row, false);
    if (family.tables[0].bucket.empty()) continue;
    std::string signature;
    for (const auto& [name, own] : family.tables[0].columns) signature += own + "\n";
    alike[signature].push_back(std::move(family));
  }
  Families families;
  for (auto& [signature, same] : alike) {
    std::stable_sort(same.begin(), same.end(), [](const Family& a, const Family& b) {
      return a.tables[0].width < b.tables[0].width;
    });
    for (std::size_t i = 1; i < same.size(); ++i) {
      // Two of the same width are not the same rollup.
      if (same[i].tables[0].width == same[0].tables.back().width) {
        families.push_back(std::move(same[i]));
      } else {
        same[0].tables.push_back(std::move(same[i].tables[0]));
      }
    }
    families.push_back(std::move(same[0]));
  }
  return families;
}

// The rates of goals.
void AddRates(Family* family) {
  const Measure* events = family->events();
  if (events == nullptr || !events->goal.empty()) return;
  const std::string all = events->name;
  for (const Measure& goal : std::vector<Measure>(family->measures)) {
    const std::string name = goal.name + "_rate";
    if (goal.goal.empty() || goal.kind != MeasureKind::kCount || family->measure(name)) continue;
    Measure rate;
    rate.name = name;
    rate.kind = MeasureKind::kRatio;
    rate.numerator = goal.name;
    rate.denominator = all;
    rate.goal = goal.name;
    rate.unit = "%";
    rate.hidden = goal.hidden;
    family->measures.push_back(rate);
  }
}

void AddRatios(Database::Snapshot& snapshot, Family* family) {
  for (const json& row : snapshot.Rows(
           "SELECT name, numerator, denominator FROM millrace.ratio WHERE rollup = to_regclass($1) "
           "ORDER BY name",
           {family->tables[0].name.c_str()})) {
    Measure ratio;
    ratio.name = row["name"];
    ratio.kind = MeasureKind::kRatio;
    ratio.numerator = row["numerator"];
    ratio.denominator = row["denominator"];
    const auto usable = [&](const std::string& name) {
      const Measure* part = family->measure(name);
      return part != nullptr && !part->text && IsStored(part->kind) &&
             part->kind != MeasureKind::kTop;
    };
    if (usable(ratio.numerator) && usable(ratio.denominator) &&
        family->measure(ratio.name) == nullptr) {
      family->measures.push_back(ratio);
    }
  }
}

// What somebody has written about the columns of a family; the order that follows from it.
struct Order {
  std::map<std::string, int> positions;
  int of(const std::string& name) const {
    const auto found = positions.find(name);
    return found == positions.end() ? INT32_MAX : found->second;
  }
};

void ApplyLabels(Database::Snapshot& snapshot, Family* family) {
  Order order;
  bool tenant_given = false;
  for (const json& row : snapshot.Rows("SELECT name, value, label, unit, \"position\", hidden, "
                                       "tenant FROM millrace.label WHERE "
                                       "rollup = to_regclass($1)",
                                       {family->tables[0].name.c_str()})) {
    const std::string name = row["name"], label = TextOf(row, "label");
    if (row["value"].is_string()) {
      if (!label.empty()) family->value_labels[name][row["value"].get<std::string>()] = label;
      continue;
    }
    if (row["position"].is_number()) order.positions[name] = row["position"];
    for (Dimension& each : family->dimensions) {
      if (each.name != name) continue;
      if (!label.empty()) each.label = label;
      each.hidden = row["hidden"];
      each.tenant = row["tenant"];
      tenant_given |= each.tenant;
    }
    for (Measure& each : family->measures) {
      if (each.name != name) continue;
      if (!label.empty()) each.label = label;
      if (row["unit"].is_string()) each.unit = row["unit"];
      each.hidden = row["hidden"];
    }
  }
  if (tenant_given) {
    for (Dimension& each : family->dimensions) each.tenant = each.tenant && tenant_given;
  }
  const auto by_order = [&](const auto& a, const auto& b) {
    return order.of(a.name) < order.of(b.name);
  };
  std::stable_sort(family->dimensions.begin(), family->dimensions.end(), by_order);
  std::stable_sort(family->measures.begin(), family->measures.end(), by_order);
}

// Names for what nobody has named, and the tenant if nobody said which key it is.
void NameTheRest(Family* family) {
  if (family->tenant() == nullptr) {
    for (Dimension& each : family->dimensions) {
      if (!NamesTenant(each.name)) continue;
      each.tenant = true;
      break;
    }
  }
  for (Dimension& each : family->dimensions) {
    if (each.label.empty()) each.label = each.tenant ? "Tenant" : LabelOfDimension(each.name);
    each.plural = Plural(each.label);
  }
  for (Measure& each : family->measures) {
    if (!each.label.empty()) continue;
    const Measure* goal = each.kind == MeasureKind::kRatio ? family->measure(each.goal) : nullptr;
    each.label = goal != nullptr ? goal->label + " rate" : LabelOfMeasure(each.name, each.kind);
  }
}

Families Read(Database::Snapshot& snapshot) {
  const json declared = ReadDeclaredTables(snapshot);
  Families families = DeclaredFamilies(declared);
  for (Family& other : OtherFamilies(ReadOtherTables(snapshot, declared))) {
    families.push_back(std::move(other));
  }
  const bool has_labels = Holds(snapshot, "to_regclass('millrace.label') IS NOT NULL");
  for (Family& family : families) {
    AddRates(&family);
    if (has_labels) {
      AddRatios(snapshot, &family);
      ApplyLabels(snapshot, &family);
    }
    NameTheRest(&family);
  }
  std::stable_sort(families.begin(), families.end(), [](const Family& a, const Family& b) {
    return std::tuple(!a.declared, -static_cast<long>(a.tables.size()), a.id) <
           std::tuple(!b.declared, -static_cast<long>(b.tables.size()), b.id);
  });
  return families;
}

// The family that has this table; npos if none does.
std::size_t FamilyWith(const Families& families, const std::string& table) {
  for (std::size_t i = 0; i < families.size(); ++i) {
    for (const RollupTable& each : families[i].tables) {
      if (each.name == table) return i;
    }
  }
  return std::string::npos;
}

// The full name of a table; empty if there is none.
std::string FullName(Database::Snapshot& snapshot, const std::string& named) {
  const json rows = snapshot.Rows(
      "SELECT format('%I.%I', n.nspname, c.relname) AS name FROM pg_class c JOIN pg_namespace n ON "
      "n.oid = c.relnamespace WHERE c.oid = to_regclass($1)",
      {named.c_str()});
  return rows.empty() ? "" : rows[0]["name"].get<std::string>();
}

// Why a table that was named cannot be shown.
std::string WhyNot(Database::Snapshot& snapshot, const std::string& named) {
  if (FullName(snapshot, named).empty()) return fmt::format("there is no table {}", named);
  const bool readable = snapshot.Row(
      "SELECT has_schema_privilege(c.relnamespace, 'USAGE') AND has_table_privilege(c.oid, "
      "'SELECT') AS readable FROM pg_class c WHERE c.oid = to_regclass($1)",
      {named.c_str()})["readable"];
  if (!readable) return fmt::format("the dashboard's role may not read {}", named);
  return fmt::format(
      "{} is no rollup: it has no unique index over one time and its other keys, or no column of "
      "type hll",
      named);
}

}  // namespace

void FamilyFinder::Check(Database::Snapshot& snapshot) {
  for (const std::string& named : rollups_) {
    const std::string name = FullName(snapshot, named);
    if (!name.empty() && FamilyWith(Read(snapshot), name) != std::string::npos) continue;
    throw ApiError(503, "failed", WhyNot(snapshot, named),
                   "Name another rollup, or none: the dashboard finds them.");
  }
  const auto families = Find(snapshot);
  if (families->empty()) {
    // There may be some, but we may not read them.
    const json declared = ReadDeclaredTables(snapshot);
    const json others = ReadOtherTables(snapshot, declared);
    for (const json* rows : {&declared, &others}) {
      for (const json& row : *rows) {
        if (row["readable"].get<bool>()) continue;
        throw ApiError(
            503, "failed", "the dashboard's role may not read " + row["id"].get<std::string>(),
            "GRANT SELECT on it and on its live view, or log in as a role that may read.");
      }
    }
  }
  for (const Family& family : *families) {
    for (const RollupTable& table : family.tables) {
      for (const std::string& source : {table.name, table.live}) {
        if (!source.empty()) {
          (void)snapshot.Rows(fmt::format("SELECT {} FROM {} WHERE false", table.bucket, source));
        }
      }
    }
  }
}

std::shared_ptr<const Families> FamilyFinder::Find(Database::Snapshot& snapshot) {
  const std::lock_guard lock(mutex_);
  const auto now = std::chrono::steady_clock::now();
  if (found_ != nullptr && now < expires_) return found_;
  Families all = Read(snapshot);
  Families wanted;
  for (const std::string& named : rollups_) {
    const std::size_t place = FamilyWith(all, FullName(snapshot, named));
    if (place == std::string::npos) {
      throw ApiError(503, "failed", WhyNot(snapshot, named), "");
    }
    const bool known = std::any_of(wanted.begin(), wanted.end(),
                                   [&](const Family& each) { return each.id == all[place].id; });
    if (!known) wanted.push_back(all[place]);
  }
  found_ = std::make_shared<const Families>(rollups_.empty() ? std::move(all) : std::move(wanted));
  expires_ = now + kLookAgain;
  return found_;
}

}  // namespace millrace::dashboard
