#include "dashboard/values.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <charconv>

#include "dashboard/choice.h"
#include "dashboard/link.h"
#include "dashboard/source.h"

namespace millrace::dashboard {
namespace {

using nlohmann::json;

// How long an answer is kept; if there are many values, ten times as long as looking takes.
constexpr std::chrono::seconds kKept{2};
// How long nobody tries again after a failure: many may be waiting, and each would wait as long as
// the last one.
constexpr std::chrono::seconds kFailureKept{1};
constexpr int kMost = 100'000;
constexpr std::size_t kMostLists = 32;
constexpr std::size_t kLongestSearch = 200;

// The table of a family in which the values are found soonest: one whose index begins with the
// dimension, else the one with the fewest rows.
const RollupTable* TableFor(const Family& family, const std::string& dimension,
                            const std::set<std::string>& needed) {
  const RollupTable* best = nullptr;
  const auto leads = [&](const RollupTable& table) {
    return Quoted(table.leading) == table.columns.at(dimension) ||
           table.leading == table.columns.at(dimension);
  };
  const auto rows = [](const RollupTable& table) { return table.rows > 0 ? table.rows : 1e18; };
  for (const RollupTable& table : family.tables) {
    if (!table.Has(needed)) continue;
    if (best == nullptr || leads(table) > leads(*best) ||
        (leads(table) == leads(*best) && rows(table) < rows(*best))) {
      best = &table;
    }
  }
  return best;
}

// Takes one step in the index per value, however many rows each value has. Citus does not accept
// such a query, and without an index it would read the table for each value.
std::string StepsSql(const std::string& column, const std::string& table) {
  return fmt::format(R"(
    WITH RECURSIVE v AS (
      (SELECT {0} FROM {1} ORDER BY {0} LIMIT 1)
      UNION ALL
      SELECT (SELECT {0} FROM {1} WHERE {0} > v.{0} ORDER BY {0} LIMIT 1)
      FROM v WHERE v.{0} IS NOT NULL)
    SELECT {0}::text AS value FROM v WHERE {0} IS NOT NULL
    UNION ALL SELECT NULL WHERE EXISTS (SELECT FROM {1} WHERE {0} IS NULL)
    LIMIT {2})",
                     column, table, kMost);
}

std::string ValuesSql(Database::Snapshot& snapshot, const Family& family,
                      const std::string& dimension, const Grant& grant) {
  std::set<std::string> needed = {dimension};
  std::string where;
  if (grant.limited) needed.insert(grant.dimension);
  const RollupTable* table = TableFor(family, dimension, needed);
  const std::string& column = table->columns.at(dimension);
  if (grant.limited) {
    for (const std::string& tenant : grant.tenants) {
      where += (where.empty() ? "" : ", ") + Literal(tenant);
    }
    where = fmt::format("WHERE {} IN ({})", table->columns.at(grant.dimension), where);
  }
  const bool steps =
      where.empty() && (table->leading == column || Quoted(table->leading) == column) &&
      !snapshot
           .Row("SELECT to_regclass('pg_catalog.pg_dist_partition') IS NOT NULL AS citus")["citus"]
           .get<bool>();
  if (steps) return StepsSql(column, table->name);
  return fmt::format("SELECT {0}::text AS value FROM {1} {2} GROUP BY {0} ORDER BY {0} LIMIT {3}",
                     column, table->name, where, kMost);
}

std::size_t LimitOf(const Parameters& parameters) {
  const std::string text = One(parameters, "limit");
  if (text.empty()) return 50;
  int limit = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), limit);
  if (error != std::errc() || end != text.data() + text.size() || limit < 1 || limit > 200) {
    throw ApiError(400, "bad_request", "limit is not a number from 1 to 200", "");
  }
  return static_cast<std::size_t>(limit);
}

// Letters of ASCII in lower case; others must be given as they are.
std::string Lower(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

}  // namespace

std::shared_ptr<Values::List> Values::ListFor(const std::string& key) {
  const std::lock_guard lock(mutex_);
  const auto found = lists_.find(key);
  if (found != lists_.end()) return found->second;
  if (lists_.size() >= kMostLists) lists_.clear();
  return lists_[key] = std::make_shared<List>();
}

void Values::Load(const std::string& rollup, const std::string& dimension, const Grant& grant,
                  List* list) {
  const auto start = std::chrono::steady_clock::now();
  auto snapshot = database_.Begin();
  const auto families = finder_.Find(snapshot);
  list->values.clear();
  const Family* family = ChooseFamily(*families, rollup, grant);
  if (family != nullptr) {
    const Dimension* wanted = dimension.empty() ? family->tenant() : family->dimension(dimension);
    if (wanted == nullptr) {
      throw ApiError(
          400, "bad_request",
          dimension.empty() ? family->id + " has no tenants" : "there is no dimension " + dimension,
          "Name a key of this rollup, or with rollup=NAME another rollup.");
    }
    for (const json& row : snapshot.Rows(ValuesSql(snapshot, *family, wanted->name, grant))) {
      const json& value = row["value"];
      const json label = family->LabelOf(wanted->name, value);
      list->values.emplace_back(value.is_null() ? Value() : Value(value.get<std::string>()),
                                label.is_null() ? "" : label.get<std::string>());
    }
  }
  const auto now = std::chrono::steady_clock::now();
  list->expires = now + std::max<std::chrono::steady_clock::duration>(kKept, 10 * (now - start));
}

json Values::Find(const Parameters& parameters, const Grant& grant) {
  for (const auto& [name, value] : parameters) {
    if (name == "rollup" || name == "dimension" || name == "search" || name == "limit") continue;
    throw ApiError(400, "bad_request", "there is no such parameter: " + name,
                   "/api/openapi.json lists them.");
  }
  const std::size_t limit = LimitOf(parameters);
  const std::string search = Lower(One(parameters, "search"));
  if (search.size() > kLongestSearch) {
    throw ApiError(400, "bad_request", "search is too long", "Give 200 bytes at most.");
  }
  const std::string rollup = One(parameters, "rollup"), dimension = One(parameters, "dimension");
  if (grant.limited) {
    // The lists are kept for longer than a revoked link may be used.
    auto snapshot = database_.Begin();
    CheckLink(snapshot, grant);
  }
  const auto list = ListFor(fmt::format("{}|{}:{}|{}", grant.id, rollup.size(), rollup, dimension));
  const std::lock_guard lock(list->mutex);
  if (std::chrono::steady_clock::now() >= list->expires) {
    list->failed.reset();
    try {
      Load(rollup, dimension, grant, list.get());
    } catch (const ApiError& e) {
      list->failed = e;
      list->expires = std::chrono::steady_clock::now() + kFailureKept;
    }
  }
  if (list->failed) throw ApiError(*list->failed);
  json found = json::array();
  bool more = false;
  // First those that begin with it.
  for (const bool begins : {true, false}) {
    for (const auto& [value, label] : list->values) {
      const std::size_t place = value ? Lower(*value).find(search) : std::string::npos;
      const bool in_label = Lower(label).find(search) != std::string::npos;
      const bool matches = search.empty() || place != std::string::npos || in_label;
      if (!matches || begins != (search.empty() || place == 0)) continue;
      if (found.size() == limit) {
        more = true;
        break;
      }
      found.push_back({{"value", value ? json(*value) : json(nullptr)},
                       {"label", label.empty() ? json(nullptr) : json(label)}});
    }
  }
  return {{"values", found}, {"more", more}};
}

}  // namespace millrace::dashboard
