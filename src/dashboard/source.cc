#include "dashboard/source.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

namespace millrace::dashboard {
namespace {

// Whether reading `a` costs less than reading `b` for the same time: by the number of rows, and
// where that is not known, by the number of keys and the width of the buckets.
bool IsSmaller(const Family& family, const RollupTable& a, const RollupTable& b) {
  if (a.rows > 0 && b.rows > 0) return a.rows < b.rows;
  const auto keys = [&](const RollupTable& table) {
    return std::count_if(family.dimensions.begin(), family.dimensions.end(),
                         [&](const Dimension& each) { return table.columns.contains(each.name); });
  };
  if (keys(a) != keys(b)) return keys(a) < keys(b);
  return a.width > b.width;
}

// The smallest table of each width, widest first; the last has the narrowest buckets. Tables that
// are not smaller than one with narrower buckets are left out.
std::vector<const RollupTable*> Candidates(const Family& family, const Needs& needs,
                                           const Span& span) {
  const RollupTable& first = family.tables.front();
  std::map<std::int64_t, const RollupTable*> by_width;
  for (const RollupTable& table : family.tables) {
    const bool usable = table.width == first.width || (table.width > 0 && first.width > 0 &&
                                                       (!needs.bucketed || span.Fits(table)));
    if (!usable || !table.Has(needs.columns)) continue;
    const RollupTable*& best = by_width[table.width];
    if (best == nullptr || IsSmaller(family, table, *best)) best = &table;
  }
  std::vector<const RollupTable*> candidates;
  for (const auto& [width, table] : by_width) {
    if (candidates.empty() || IsSmaller(family, *table, *candidates.back())) {
      candidates.push_back(table);
    }
  }
  std::reverse(candidates.begin(), candidates.end());
  return candidates;
}

void Divide(const std::vector<const RollupTable*>& tables, std::size_t at, const Family& family,
            double now, std::int64_t from, std::int64_t to, std::vector<Piece>* pieces) {
  if (from >= to) return;
  const RollupTable& table = *tables[at];
  if (at + 1 == tables.size()) {
    pieces->push_back({&table, from, to});
    return;
  }
  std::int64_t end = to;
  // A table that nobody declared has the open bucket only in part.
  if (!family.declared) end = std::min(end, static_cast<std::int64_t>(now));
  const std::int64_t first = Ceil(table, from), last = Floor(table, end);
  if (first >= last) {
    Divide(tables, at + 1, family, now, from, to, pieces);
    return;
  }
  Divide(tables, at + 1, family, now, from, first, pieces);
  pieces->push_back({&table, first, last});
  Divide(tables, at + 1, family, now, last, to, pieces);
}

// "country IN ('DE', 'FR')"; NULL is a value like others.
std::string FilterSql(const Filter& filter, const std::string& column) {
  std::string values;
  bool null = false;
  for (const Value& value : filter.values) {
    if (!value) {
      null = true;
    } else {
      values += (values.empty() ? "" : ", ") + Literal(*value);
    }
  }
  if (filter.negated) {
    std::string sql;
    if (!values.empty()) {
      sql = fmt::format("{} NOT IN ({})", column, values);
      // NULL is not one of the values.
      sql = null ? sql : fmt::format("({} OR {} IS NULL)", sql, column);
    }
    if (null) sql += (sql.empty() ? "" : " AND ") + column + " IS NOT NULL";
    return sql;
  }
  std::string sql = values.empty() ? "" : fmt::format("{} IN ({})", column, values);
  if (null)
    sql = sql.empty() ? column + " IS NULL" : fmt::format("({} OR {} IS NULL)", sql, column);
  return sql;
}

}  // namespace

std::string Quoted(const std::string& name) {
  std::string quoted = "\"";
  for (const char c : name) {
    if (c == '"') quoted += '"';
    quoted += c;
  }
  return quoted + '"';
}

std::vector<Piece> ChoosePieces(const Family& family, const Needs& needs, const Span& span,
                                std::int64_t from, std::int64_t to) {
  std::vector<Piece> pieces;
  Divide(Candidates(family, needs, span), 0, family, span.now, from, to, &pieces);
  return pieces;
}

std::string Source::Where(const Piece& piece) const {
  const RollupTable& table = *piece.table;
  std::string where = fmt::format("WHERE {0} >= '{1}' AND {0} < '{2}'", table.bucket,
                                  Iso(piece.from), Iso(piece.to));
  for (const Filter& filter : filters_) {
    where += " AND " + FilterSql(filter, table.columns.at(filter.dimension));
  }
  return where;
}

Source::Rows Source::Find(Needs needs, const Span& span, std::int64_t from, std::int64_t to,
                          std::set<std::string>* read) const {
  const std::set<std::string> wanted = needs.columns;
  for (const Filter& filter : filters_) needs.columns.insert(filter.dimension);
  const std::vector<Piece> pieces = ChoosePieces(family_, needs, span, from, to);
  const auto name = [&](const RollupTable& table) {
    return live_ && !table.live.empty() ? table.live : table.name;
  };
  for (const Piece& piece : pieces) read->insert(name(*piece.table));
  Rows rows;
  if (pieces.size() == 1) {
    const RollupTable& table = *pieces[0].table;
    rows.from = fmt::format("FROM {} {}", name(table), Where(pieces[0]));
    rows.bucket = table.bucket_time();
    rows.columns = table.columns;
    return rows;
  }
  rows.bucket = wanted.contains("bucket") ? R"("bucket time")" : "bucket";
  std::string parts;
  for (const Piece& piece : pieces) {
    const RollupTable& table = *piece.table;
    std::string columns = table.bucket_time() + " AS " + rows.bucket;
    for (const std::string& each : wanted) {
      columns += fmt::format(", {} AS {}", table.columns.at(each), Quoted(each));
      rows.columns[each] = Quoted(each);
    }
    parts += fmt::format("{}SELECT {} FROM {} {}", parts.empty() ? "" : "\n      UNION ALL ",
                         columns, name(table), Where(piece));
  }
  rows.from = fmt::format("FROM ({}) pieces", parts);
  return rows;
}

}  // namespace millrace::dashboard
