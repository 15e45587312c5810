#include "ingest/init/event_table.h"

#include <fmt/format.h>

#include <charconv>

#include "client/error.h"
#include "ingest/init/plain_names.h"
#include "ingest/init/rollups.h"

namespace millrace::cli {
namespace {

constexpr const char* kTable = R"(
  SELECT n.nspname, c.relname, c.relkind, c.relpersistence, c.relispartition,
         (SELECT pg_catalog.sum(greatest(l.reltuples, 0))::bigint
          FROM (SELECT c.oid AS relid UNION SELECT relid FROM pg_catalog.pg_partition_tree(c.oid)) t
          JOIN pg_catalog.pg_class l ON l.oid = t.relid AND l.relkind = 'r'),
         (SELECT pg_catalog.sum(n_tup_upd + n_tup_del) > 0 FROM pg_catalog.pg_stat_all_tables s
          WHERE s.relid = c.oid OR s.relid IN (SELECT relid FROM pg_catalog.pg_partition_tree(c.oid))),
         pg_catalog.pg_partition_root(c.oid)
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  WHERE c.oid = pg_catalog.to_regclass($1))";

constexpr const char* kColumns = R"(
  SELECT a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod), t.typtype = 'e', a.attnotnull,
         (SELECT s.n_distinct FROM pg_catalog.pg_stats s
          WHERE s.schemaname = n.nspname AND s.tablename = c.relname AND s.attname = a.attname
          ORDER BY s.inherited DESC LIMIT 1),
         a.attidentity <> '' OR coalesce(pg_catalog.pg_get_expr(d.adbin, d.adrelid), '') LIKE '%nextval(%',
         q.oid::pg_catalog.regclass, q.relpersistence, s.seqcache, s.seqincrement, s.seqcycle, s.seqmin,
         c.oid::pg_catalog.regclass
  FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
  JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
  LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
  LEFT JOIN LATERAL (
    SELECT p.objid AS oid FROM pg_catalog.pg_depend p
    WHERE p.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND p.refobjid = c.oid
      AND p.refobjsubid = a.attnum AND p.deptype = 'i'
    UNION ALL
    SELECT p.refobjid FROM pg_catalog.pg_depend p
    JOIN pg_catalog.pg_class r ON r.oid = p.refobjid AND r.relkind = 'S'
    WHERE p.classid = 'pg_catalog.pg_attrdef'::pg_catalog.regclass AND p.objid = d.oid
    LIMIT 1) x ON true
  LEFT JOIN pg_catalog.pg_class q ON q.oid = x.oid AND q.relkind = 'S'
  LEFT JOIN pg_catalog.pg_sequence s ON s.seqrelid = q.oid
  WHERE c.oid = pg_catalog.to_regclass($1)
  ORDER BY a.attnum)";

std::int64_t Integer(std::string_view text) {
  std::int64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

std::string ShortType(std::string_view type) {
  if (type.starts_with("timestamp") && type.ends_with("with time zone")) return "timestamptz";
  if (type.starts_with("timestamp") && type.ends_with("without time zone")) return "timestamp";
  return std::string(type);
}

void CheckKind(const QueryResult& found, const std::string& name) {
  const std::string_view kind = found.Value(0, 2);
  if (kind == "v" || kind == "m") {
    throw CliError(name + " is a view: rollups follow the rows of a table",
                   "Name the table that it reads.");
  }
  if (kind != "r" && kind != "p") {
    throw CliError(name + " is no ordinary table, and rollups cannot follow it");
  }
  if (found.Value(0, 4) == "t") {
    throw CliError(
        name + " is a partition",
        fmt::format("Name the table that it belongs to: --from-table {}.", found.Value(0, 7)));
  }
  if (found.Value(0, 3) == "t") {
    throw CliError(name + " is a temporary table: a rollup over it could not be refreshed");
  }
}

void Mend(EventTable* table, const std::string& reason, const std::string& statement) {
  table->reasons.push_back(reason);
  table->mending.push_back(statement);
}

// What rollups need of a column that a sequence fills, and of the sequence.
void CheckId(const QueryResult& found, int row, EventTable* table) {
  const std::string column = SqlName(std::string(found.Value(row, 0)));
  const std::string sequence(found.Value(row, 6));
  const std::string relation(found.Value(row, 12));
  if (found.Value(row, 3) != "t") {
    Mend(table, column + " may be NULL",
         fmt::format("ALTER TABLE {} ALTER COLUMN {} SET NOT NULL;", relation, column));
  }
  if (sequence.empty()) return;
  if (Integer(found.Value(row, 8)) != 1) {
    Mend(table,
         fmt::format("{} caches ids, so they do not come in order; sessions that have used it "
                     "must end",
                     sequence),
         fmt::format("ALTER SEQUENCE {} CACHE 1;", sequence));
  }
  if (Integer(found.Value(row, 9)) < 1 || found.Value(row, 10) == "t") {
    Mend(table, sequence + " counts down or begins again",
         fmt::format("ALTER SEQUENCE {} INCREMENT 1 NO CYCLE;", sequence));
  }
  if (Integer(found.Value(row, 11)) < 1) {
    Mend(table, sequence + " may draw ids below 1",
         fmt::format("ALTER SEQUENCE {} MINVALUE 1;", sequence));
  }
}

void ReadColumns(Connection& connection, const std::string& quoted, EventTable* table) {
  const QueryResult found = connection.Execute(kColumns, {quoted.c_str()});
  for (int row = 0; row < found.rows(); ++row) {
    if (found.Value(row, 5) == "t") {
      table->id_columns.emplace_back(found.Value(row, 0));
      CheckId(found, row, table);
      continue;
    }
    EventColumn column;
    column.name = found.Value(row, 0);
    column.type = ShortType(found.Value(row, 1));
    column.enumeration = found.Value(row, 2) == "t";
    column.not_null = found.Value(row, 3) == "t";
    const std::string_view distinct = found.Value(row, 4);
    std::from_chars(distinct.data(), distinct.data() + distinct.size(), column.distinct);
    table->columns.push_back(std::move(column));
  }
}

// Rollups over the table; throws CliError if it is a rollup itself.
void ReadRollups(Connection& connection, const std::string& quoted, EventTable* table) {
  if (connection
          .Execute("SELECT FROM pg_catalog.to_regclass('millrace.rollup') t WHERE t IS NOT NULL")
          .rows() == 0) {
    return;
  }
  const QueryResult found = connection.Execute(
      "SELECT relation, relation = pg_catalog.to_regclass($1) FROM millrace.rollup WHERE relation "
      "= "
      "pg_catalog.to_regclass($1) OR source = pg_catalog.to_regclass($1) ORDER BY relation::text",
      {quoted.c_str()});
  for (int row = 0; row < found.rows(); ++row) {
    if (found.Value(row, 1) == "t") {
      throw CliError(SqlName(table->name) + " is a rollup",
                     "Name the table of its events; or declare a rollup over it by "
                     "millrace.create_rollup.");
    }
    table->rollups.emplace_back(found.Value(row, 0));
  }
}

}  // namespace

EventTable FindEventTable(Connection& connection, const QualifiedName& name) {
  const std::string quoted = name.Quoted();
  const QueryResult found = connection.Execute(kTable, {quoted.c_str()});
  if (found.rows() == 0) {
    throw CliError(fmt::format("the database {} has no table {}", PQdb(connection.get()), quoted),
                   "`millrace init FILE` makes one for the events of a file.");
  }
  EventTable table;
  table.name = {std::string(found.Value(0, 0)), std::string(found.Value(0, 1))};
  const std::string sql_name = SqlName(table.name);
  CheckKind(found, sql_name);
  table.partitioned = found.Value(0, 2) == "p";
  table.rows = Integer(found.Value(0, 5));
  table.changed = found.Value(0, 6) == "t";
  if (found.Value(0, 3) == "u") {
    Mend(&table, sql_name + " is unlogged, and empty after a crash",
         fmt::format("ALTER TABLE {} SET LOGGED;", sql_name));
  }
  ReadRollups(connection, quoted, &table);
  ReadColumns(connection, quoted, &table);
  return table;
}

}  // namespace millrace::cli
