#include "ingest/target_table.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "client/error.h"
#include "client/text.h"

namespace millrace::cli {
namespace {

std::string Lower(std::string text) {
  for (char& c : text) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return text;
}

bool Has(Connection& connection, const char* condition) {
  return connection.Execute(std::string("SELECT ") + condition).Value(0, 0) == "t";
}

// Columns of the table, or of a table that it is a partition of, which rollups follow. For declared
// rollups the extension's catalog names them; for those of the workshop the sequence does.
std::string FollowedColumns(Connection& connection) {
  std::string sql =
      "SELECT NULL::pg_catalog.name AS col, NULL::pg_catalog.text AS rollup WHERE false";
  if (Has(connection, "pg_catalog.to_regclass('millrace.rollup') IS NOT NULL")) {
    // If no id_column is given, it is the only column of the events that is filled by a sequence.
    sql +=
        " UNION ALL SELECT coalesce(id_column, a.attname), relation::pg_catalog.text FROM "
        "millrace.rollup JOIN tables ON relid = source::pg_catalog.oid LEFT JOIN "
        "(pg_catalog.pg_attribute a LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid "
        "AND "
        "d.adnum = a.attnum) ON a.attrelid = relid AND NOT a.attisdropped AND (a.attidentity <> '' "
        "OR "
        "pg_catalog.pg_get_expr(d.adbin, d.adrelid) LIKE '%nextval(%') WHERE parent IS NULL";
  }
  if (Has(connection,
          "pg_catalog.count(*) = 3 AND coalesce(pg_catalog.bool_and("
          "pg_catalog.has_column_privilege(attrelid, attnum, 'SELECT')), false) FROM "
          "pg_catalog.pg_attribute WHERE attrelid = pg_catalog.to_regclass('public.rollups') AND "
          "NOT "
          "attisdropped AND attname IN ('name', 'event_table_name', 'event_id_sequence_name')")) {
    sql +=
        " UNION ALL SELECT a.attname, r.name::pg_catalog.text FROM public.rollups r JOIN tables ON "
        "relid = pg_catalog.to_regclass(r.event_table_name)::pg_catalog.oid JOIN "
        "(pg_catalog.pg_attribute a LEFT JOIN pg_catalog.pg_attrdef f ON f.adrelid = a.attrelid "
        "AND "
        "f.adnum = a.attnum) ON a.attrelid = relid WHERE EXISTS (SELECT FROM pg_catalog.pg_depend "
        "d "
        "WHERE d.objid = pg_catalog.to_regclass(r.event_id_sequence_name)::pg_catalog.oid AND "
        "d.refobjid = a.attrelid AND d.refobjsubid = a.attnum AND d.deptype IN ('a', 'i') OR "
        "d.classid = 'pg_catalog.pg_attrdef'::pg_catalog.regclass AND d.objid = f.oid AND "
        "d.refobjid = "
        "pg_catalog.to_regclass(r.event_id_sequence_name)::pg_catalog.oid)";
  }
  return sql;
}

void FindIdColumn(Connection& connection, const std::string& quoted, TargetTable* table) {
  const QueryResult found = connection.Execute(
      "WITH tables AS (SELECT relid::pg_catalog.oid FROM "
      "pg_catalog.pg_partition_ancestors(pg_catalog.to_regclass($1)) UNION SELECT "
      "pg_catalog.to_regclass($1)::pg_catalog.oid), followed AS (" +
          FollowedColumns(connection) +
          "), always AS (SELECT attname FROM pg_catalog.pg_attribute JOIN tables ON relid = "
          "attrelid "
          "WHERE attidentity = 'a' AND NOT attisdropped) SELECT a.attname, (SELECT "
          "pg_catalog.string_agg(DISTINCT rollup, ', ') FROM followed f WHERE f.col = a.attname) "
          "FROM "
          "pg_catalog.pg_attribute a WHERE a.attrelid = pg_catalog.to_regclass($1) AND a.attnum > "
          "0 AND "
          "NOT a.attisdropped AND a.attname IN (SELECT attname FROM always UNION SELECT col FROM "
          "followed) ORDER BY 2 NULLS LAST LIMIT 1",
      {quoted.c_str()});
  if (found.rows() == 0) return;
  table->id_column = found.Value(0, 0);
  table->id_followers = found.Value(0, 1);
}

// Defaults that call nothing whose result may change, such as now() or nextval().
// As a row would have them: of the column's type, which the expression's text does not show, and in
// a form that means the same in every session.
void FindConstantDefaults(Connection& connection, const std::string& quoted, TargetTable* table) {
  connection.Execute(
      "BEGIN; SET LOCAL DateStyle = ISO; SET LOCAL TimeZone = 'UTC'; SET LOCAL IntervalStyle = "
      "iso_8601; SET LOCAL bytea_output = hex; SET LOCAL extra_float_digits = 1");
  const QueryResult found = connection.Execute(
      "SELECT a.attname, pg_catalog.pg_get_expr(d.adbin, d.adrelid), "
      "pg_catalog.format_type(a.atttypid, -1) FROM pg_catalog.pg_attrdef d "
      "JOIN pg_catalog.pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum WHERE "
      "d.adrelid = pg_catalog.to_regclass($1) AND a.attgenerated = '' AND d.adbin::text !~ "
      "'SQLVALUEFUNCTION|NEXTVALUEEXPR|COERCEVIAIO' AND NOT EXISTS (SELECT FROM "
      "pg_catalog.regexp_matches(d.adbin::text, ':(?:op)?funcid (\\d+)', 'g') m LEFT JOIN "
      "pg_catalog.pg_proc p ON p.oid = m[1]::pg_catalog.oid WHERE p.provolatile IS DISTINCT FROM "
      "'i')",
      {quoted.c_str()});
  for (int row = 0; row < found.rows(); ++row) {
    const std::size_t index = table->IndexOf(std::string(found.Value(row, 0)));
    if (index == table->columns.size()) continue;
    connection.Execute("SAVEPOINT millrace_default");
    try {
      const QueryResult value = connection.Execute(fmt::format(
          "SELECT ({})::{}::pg_catalog.text", found.Value(row, 1), found.Value(row, 2)));
      if (!value.IsNull(0, 0)) table->info[index].constant_default = std::string(value.Value(0, 0));
    } catch (const CliError&) {
      // It may call what this role may not call. The server decides when rows are loaded.
      if (!connection.alive()) throw;
      connection.Execute("ROLLBACK TO millrace_default");
    }
  }
  connection.Execute("ROLLBACK");
}

// The columns of $1 with their types, of domains those below them, and defaults. Of these the
// expression as it is stored: as text it would depend on the session's settings.
constexpr const char* kLayout =
    "SELECT pg_catalog.string_agg(pg_catalog.format('%I %s %s', a.attname, CASE WHEN t.typtype = "
    "'d' THEN t.typbasetype ELSE t.oid END, pg_catalog.hashtextextended(coalesce("
    "d.adbin::pg_catalog.text, t.typdefault), 0)), ',' ORDER BY a.attnum), "
    "pg_catalog.current_setting('transaction_isolation') FROM pg_catalog.pg_attribute a JOIN "
    "pg_catalog.pg_type t ON t.oid = a.atttypid LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = "
    "a.attrelid AND d.adnum = a.attnum WHERE a.attrelid = pg_catalog.to_regclass($1) AND a.attnum "
    "> 0 AND NOT a.attisdropped AND a.attgenerated = ''";

ColumnInfo::Time TimeOf(BinaryType type) {
  switch (type) {
    case BinaryType::kTimestampTz:
      return ColumnInfo::Time::kWithZone;
    case BinaryType::kTimestamp:
      return ColumnInfo::Time::kWithoutZone;
    case BinaryType::kDate:
      return ColumnInfo::Time::kDate;
    default:
      return ColumnInfo::Time::kNone;
  }
}

}  // namespace

std::size_t TargetTable::IndexOf(const std::string& column) const {
  return static_cast<std::size_t>(std::find(columns.begin(), columns.end(), column) -
                                  columns.begin());
}

std::string TargetTable::Match(const std::string& name) const {
  if (IndexOf(name) < columns.size()) return name;
  std::string match;
  const std::string lower = Lower(name);
  for (const std::string& column : columns) {
    if (Lower(column) != lower) continue;
    if (!match.empty()) {
      throw CliError(
          fmt::format("{} may be column {} or {} of the table {}", QuoteIdentifier(name),
                      QuoteIdentifier(match), QuoteIdentifier(column), this->name.Quoted()),
          fmt::format("Say which: millrace load --map {}={}", ShellWord(name), ShellWord(match)));
    }
    match = column;
  }
  return match;
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

bool HasSameLayout(Connection& connection, const TargetTable& table) {
  const QueryResult found = connection.Execute(kLayout, {table.name.Quoted().c_str()});
  return found.Value(0, 0) == table.layout && found.Value(0, 1) == "read committed";
}

TargetTable FindTargetTable(Connection& connection, const QualifiedName& name) {
  const std::string quoted = name.Quoted();
  // First: if the table changes before the rest is read, HasSameLayout says so.
  const std::string layout(connection.Execute(kLayout, {quoted.c_str()}).Value(0, 0));
  const QueryResult found = connection.Execute(
      "SELECT c.relname, a.attname, CASE WHEN t.typtype = 'd' THEN t.typbasetype ELSE t.oid END,"
      " t.typcategory IN ('N', 'D', 'T', 'B', 'I') OR t.typname IN ('uuid', 'json', 'jsonb'),"
      " a.atthasdef OR a.attidentity <> '' OR t.typdefault IS NOT NULL"
      " FROM pg_catalog.pg_class c"
      " LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0"
      " AND NOT a.attisdropped AND a.attgenerated = ''"
      " LEFT JOIN pg_catalog.pg_type t ON t.oid = a.atttypid"
      " WHERE c.oid = pg_catalog.to_regclass($1) AND c.relkind IN ('r', 'p', 'f', 'v')"
      " ORDER BY a.attnum",
      {quoted.c_str()});
  if (found.rows() == 0) {
    throw CliError(
        fmt::format("the database {} has no table {}", PQdb(connection.get()), quoted),
        "`millrace init FILE` makes a table for the events of a file, `millrace workshop` the "
        "workshop's table \"events\"; --table names another.");
  }
  TargetTable table{name, std::string(found.Value(0, 0)), {}, {}, "", "", layout};
  for (int row = 0; row < found.rows(); ++row) {
    if (found.IsNull(row, 1)) continue;
    table.columns.emplace_back(found.Value(row, 1));
    ColumnInfo& info = table.info.emplace_back();
    info.binary =
        BinaryTypeOf(static_cast<std::uint32_t>(std::stoul(std::string(found.Value(row, 2)))));
    info.time = TimeOf(info.binary);
    info.never_empty = found.Value(row, 3) == "t";
    info.has_default = found.Value(row, 4) == "t";
  }
  FindIdColumn(connection, quoted, &table);
  FindConstantDefaults(connection, quoted, &table);
  return table;
}

}  // namespace millrace::cli
