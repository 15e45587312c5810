#include "cli/loader/target_table.h"

#include <fmt/format.h>

#include <algorithm>

#include "cli/error.h"

namespace millrace::cli {
namespace {

std::string Lower(std::string text) {
  for (char& c : text) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return text;
}

}  // namespace

std::string TargetTable::Match(const std::string& name) const {
  for (const std::string& candidate : {name, Lower(name)}) {
    if (std::find(columns.begin(), columns.end(), candidate) != columns.end()) {
      return candidate;
    }
  }
  return "";
}

std::vector<std::string> TargetTable::MatchAll(const std::vector<std::string>& names,
                                               const std::string& where) const {
  std::vector<std::string> matched;
  for (const std::string& name : names) {
    const std::string column = Match(name);
    if (column.empty()) {
      throw CliError(fmt::format("{}: the table {} has no column {}", where, this->name.Quoted(),
                                 QuoteIdentifier(name)),
                     fmt::format("Its columns are: {}", fmt::join(columns, ", ")));
    }
    if (std::find(matched.begin(), matched.end(), column) != matched.end()) {
      throw CliError(fmt::format("{}: column {} is named twice", where, column));
    }
    matched.push_back(column);
  }
  return matched;
}

TargetTable FindTargetTable(Connection& connection, const QualifiedName& name) {
  const std::string quoted = name.Quoted();
  const QueryResult found = connection.Execute(
      "SELECT c.relname, a.attname FROM pg_catalog.pg_class c"
      " LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0"
      " AND NOT a.attisdropped AND a.attgenerated = ''"
      " WHERE c.oid = pg_catalog.to_regclass($1) AND c.relkind IN ('r', 'p', 'f', 'v')"
      " ORDER BY a.attnum",
      {quoted.c_str()});
  if (found.rows() == 0) {
    throw CliError(fmt::format("the database {} has no table {}", PQdb(connection.get()), quoted),
                   "`millrace workshop` creates the workshop's events; --table names another.");
  }
  TargetTable table{name, std::string(found.Value(0, 0)), {}};
  for (int row = 0; row < found.rows(); ++row) {
    if (!found.IsNull(row, 1)) table.columns.emplace_back(found.Value(row, 1));
  }
  return table;
}

}  // namespace millrace::cli
