#include "dashboard/family.h"

#include <algorithm>
#include <cctype>
#include <string_view>

#include "dashboard/database.h"

namespace millrace::dashboard {
namespace {

using nlohmann::json;

const char* NameOf(MeasureKind kind) {
  switch (kind) {
    case MeasureKind::kCount:
      return "count";
    case MeasureKind::kSum:
      return "sum";
    case MeasureKind::kMin:
      return "min";
    case MeasureKind::kMax:
      return "max";
    case MeasureKind::kAllTrue:
    case MeasureKind::kAnyTrue:
      return "flag";
    case MeasureKind::kDistinct:
      return "distinct";
    case MeasureKind::kAverage:
      return "average";
    case MeasureKind::kRatio:
      return "ratio";
    case MeasureKind::kTop:
      return "top";
  }
  return "";
}

bool RemoveSuffix(std::string& text, std::string_view suffix) {
  if (!text.ends_with(suffix)) return false;
  text.resize(text.size() - suffix.size());
  return true;
}

bool RemovePrefix(std::string& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.erase(0, prefix.size());
  return true;
}

// Underscores become blanks.
std::string Words(std::string name) {
  std::replace(name.begin(), name.end(), '_', ' ');
  const std::size_t first = name.find_first_not_of(' ');
  const std::size_t last = name.find_last_not_of(' ');
  return first == std::string::npos ? "" : name.substr(first, last - first + 1);
}

std::string Capitalised(std::string text) {
  if (!text.empty()) text[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(text[0])));
  return text;
}

json OrNull(const std::string& text) { return text.empty() ? json(nullptr) : json(text); }

}  // namespace

std::string Plural(const std::string& label) {
  const auto ends = [&](std::string_view end) { return label.ends_with(end); };
  if (label.empty() || (ends("s") && !ends("ss") && !ends("us"))) return label;
  if (ends("ss") || ends("us") || ends("x") || ends("ch") || ends("sh")) return label + "es";
  const bool vowel_y = ends("ay") || ends("ey") || ends("oy") || ends("uy");
  if (ends("y") && !vowel_y) return label.substr(0, label.size() - 1) + "ies";
  return label + "s";
}

std::string LabelOfDimension(const std::string& name) { return Capitalised(Words(name)); }

std::string LabelOfMeasure(const std::string& name, MeasureKind kind) {
  std::string stem = name;
  switch (kind) {
    case MeasureKind::kCount:
      if (RemoveSuffix(stem, "_count") || RemovePrefix(stem, "count_")) {
        return Capitalised(Plural(Words(stem)));
      }
      return name == "count" || name == "n" ? "Events" : Capitalised(Words(name));
    case MeasureKind::kDistinct: {
      for (const char* end :
           {"_distinct_count", "_count_distinct", "_distinct", "_hll", "_count"}) {
        if (RemoveSuffix(stem, end)) break;
      }
      for (const char* begin : {"distinct_", "unique_", "hll_"}) RemovePrefix(stem, begin);
      RemoveSuffix(stem, "_id");
      return "Distinct " + Plural(Words(stem));
    }
    case MeasureKind::kTop: {
      // "top_devices_1000": the number is how many it keeps.
      while (!stem.empty() && std::isdigit(static_cast<unsigned char>(stem.back()))) {
        stem.pop_back();
      }
      RemovePrefix(stem, "top_");
      RemoveSuffix(stem, "_topn");
      stem = Words(stem);
      return "Top " + Plural(stem);
    }
    case MeasureKind::kSum:
      if (!RemoveSuffix(stem, "_sum")) RemovePrefix(stem, "sum_");
      return Capitalised(Words(stem));
    default:
      return Capitalised(Words(name));
  }
}

std::string Literal(const std::string& text) {
  if (text.find('\0') != std::string::npos) {
    throw ApiError(400, "bad_request", "a value has a zero byte", "No text in PostgreSQL has one.");
  }
  // standard_conforming_strings is on (Database::Connect), so a backslash is itself.
  std::string literal = "'";
  for (const char c : text) {
    if (c == '\'') literal += '\'';
    literal += c;
  }
  return literal + "'";
}

bool RollupTable::Has(const std::set<std::string>& names) const {
  return std::all_of(names.begin(), names.end(),
                     [this](const std::string& name) { return columns.contains(name); });
}

const Dimension* Family::dimension(const std::string& wanted) const {
  const auto found = std::find_if(dimensions.begin(), dimensions.end(),
                                  [&](const Dimension& one) { return one.name == wanted; });
  return found == dimensions.end() ? nullptr : &*found;
}

const Measure* Family::measure(const std::string& wanted) const {
  const auto found = std::find_if(measures.begin(), measures.end(),
                                  [&](const Measure& one) { return one.name == wanted; });
  return found == measures.end() ? nullptr : &*found;
}

const Dimension* Family::tenant() const {
  const auto found = std::find_if(dimensions.begin(), dimensions.end(),
                                  [](const Dimension& one) { return one.tenant; });
  return found == dimensions.end() ? nullptr : &*found;
}

const Measure* Family::events() const {
  const Measure* first = nullptr;
  for (const Measure& each : measures) {
    if (each.kind != MeasureKind::kCount) continue;
    if (each.goal.empty()) return &each;
    if (first == nullptr) first = &each;
  }
  return first;
}

json Family::LabelOf(const std::string& name, const json& value) const {
  if (!value.is_string()) return nullptr;
  const auto labels = value_labels.find(name);
  if (labels == value_labels.end()) return nullptr;
  const auto found = labels->second.find(value.get<std::string>());
  return found == labels->second.end() ? json(nullptr) : json(found->second);
}

json Family::ToJson() const {
  json made = {{"rollup", id},
               {"title", title},
               {"source", OrNull(source)},
               {"declared", declared},
               {"tenant", tenant() == nullptr ? json(nullptr) : json(tenant()->name)},
               {"dimensions", json::array()},
               {"measures", json::array()},
               {"tops", json::array()}};
  for (const Dimension& each : dimensions) {
    made["dimensions"].push_back({{"name", each.name},
                                  {"label", each.label},
                                  {"plural", each.plural},
                                  {"type", each.type},
                                  {"tenant", each.tenant},
                                  {"description", OrNull(each.description)},
                                  {"hidden", each.hidden}});
  }
  for (const Measure& each : measures) {
    if (each.kind == MeasureKind::kTop) {
      made["tops"].push_back({{"name", each.name},
                              {"label", each.label},
                              {"description", OrNull(each.description)},
                              {"hidden", each.hidden}});
      continue;
    }
    made["measures"].push_back({{"name", each.name},
                                {"label", each.label},
                                {"description", OrNull(each.description)},
                                {"kind", NameOf(each.kind)},
                                {"unit", OrNull(each.unit)},
                                {"goal", OrNull(each.goal)},
                                {"type", each.text ? "text" : "number"},
                                {"hidden", each.hidden}});
  }
  return made;
}

}  // namespace millrace::dashboard
