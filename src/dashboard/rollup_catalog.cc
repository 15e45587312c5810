#include "dashboard/rollup_catalog.h"

#include <fmt/format.h>

#include <algorithm>

namespace millrace::dashboard {
namespace {

using nlohmann::json;

// What the catalogs say of a table, and of each of its columns. {0}: whether it is declared, its
// parent and live view, and its columns; {1}: which tables.
constexpr const char* kTables = R"(
  SELECT c.oid::text AS oid, c.oid::regclass::text AS id, format('%I.%I', n.nspname, c.relname) AS name,
         greatest(c.reltuples, 0)::float8 AS rows, obj_description(c.oid, 'pg_class') AS comment,
         has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT') AS readable,
         (SELECT a.attname FROM pg_index i JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = i.indkey[0]
          WHERE i.indrelid = c.oid AND i.indisvalid AND i.indpred IS NULL ORDER BY i.indisunique DESC LIMIT 1) AS leading,
         {0}
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace {1}
  ORDER BY c.oid)";

constexpr const char* kDeclaredColumns = R"(
         r.parent::oid::text AS parent, r.source::text AS source,
         (SELECT format('%I.%I', ln.nspname, l.relname) FROM pg_class l JOIN pg_namespace ln ON ln.oid = l.relnamespace
          WHERE l.oid = r.live) AS live,
         millrace.rollup_filter(r.relation) IS NOT NULL AS filtered,
         (SELECT json_agg(row_to_json(k)) FROM (
            SELECT k.name, quote_ident(k.name) AS quoted, k.role, format_type(k.type, NULL) AS type, k.filter, quote_ident(k.parent_column) AS below,
                   k.bucket_width IS NOT NULL OR k.type = 'date'::regtype AS cut,
                   CASE WHEN extract(year FROM k.bucket_width) = 0 AND extract(month FROM k.bucket_width) = 0
                             AND coalesce(upper(k.bucket_zone), 'UTC') IN ('UTC', 'GMT', 'ETC/UTC')
                        THEN extract(epoch FROM k.bucket_width)::bigint
                        WHEN k.bucket_width IS NULL AND k.type = 'date'::regtype THEN 86400 END AS width,
                   extract(epoch FROM k.bucket_origin)::bigint AS origin,
                   coalesce(extract(day FROM k.bucket_width) = 7 AND k.bucket_origin IS NULL, false) AS weekly,
                   t.typcategory NOT IN ('N', 'B') AS text, col_description(r.relation, a.attnum) AS comment
            FROM millrace.rollup_columns(r.relation) k
            JOIN pg_type t ON t.oid = k.type
            LEFT JOIN pg_attribute a ON a.attrelid = r.relation AND a.attname = k.name
            ORDER BY k.position) k) AS columns)";

// Tables that are rollups by their shape. `base` sees through domains.
constexpr const char* kOtherColumns = R"(
         NULL AS parent, NULL AS source, NULL AS live, false AS filtered,
         (SELECT json_agg(row_to_json(k)) FROM (
            SELECT a.attname AS name, quote_ident(a.attname) AS quoted,
                   CASE WHEN a.attnum = shape.bucket THEN 'bucket'
                        WHEN a.attnum = ANY (shape.keys) THEN 'key'
                        WHEN base.typname = 'hll' THEN 'hll'
                        WHEN base.typname = 'jsonb' AND a.attname LIKE 'top%' THEN 'topn'
                        WHEN base.typname IN ('int2', 'int4', 'int8', 'numeric') AND a.attname ~ '(^|_)(count|events|n)$' THEN 'count'
                        WHEN base.typcategory = 'N' THEN 'sum' END AS role,
                   format_type(base.oid, NULL) AS type, NULL AS filter, NULL AS below, true AS cut,
                   CASE WHEN base.typname = 'date' OR a.attname ~ 'day|date' THEN 86400
                        WHEN a.attname ~ 'hour' THEN 3600 WHEN a.attname ~ 'minute' THEN 300 END AS width,
                   0 AS origin, false AS weekly, false AS text, col_description(c.oid, a.attnum) AS comment
            FROM pg_attribute a
            CROSS JOIN LATERAL (
              WITH RECURSIVE below AS (
                SELECT a.atttypid AS type
                UNION ALL
                SELECT t.typbasetype FROM below JOIN pg_type t ON t.oid = below.type WHERE t.typtype = 'd')
              SELECT t.oid, t.typname, t.typcategory FROM below JOIN pg_type t ON t.oid = below.type WHERE t.typtype <> 'd') base
            WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
            ORDER BY a.attnum) k WHERE k.role IS NOT NULL) AS columns)";

constexpr const char* kOtherTables = R"(
  CROSS JOIN LATERAL (
    SELECT i.indkey::int2[] AS keys,
           (SELECT min(a.attnum) FROM pg_attribute a
            WHERE a.attrelid = c.oid AND a.attnum = ANY (i.indkey)
              AND a.atttypid IN ('timestamptz'::regtype, 'timestamp'::regtype, 'date'::regtype)
            HAVING count(*) = 1) AS bucket
    FROM pg_index i
    WHERE i.indrelid = c.oid AND i.indisunique AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL
    ORDER BY i.indisprimary DESC, i.indexrelid LIMIT 1) shape
  WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND shape.bucket IS NOT NULL
    AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'millrace')
    AND EXISTS (
      SELECT FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid LEFT JOIN pg_type d ON d.oid = t.typbasetype
      WHERE a.attrelid = c.oid AND NOT a.attisdropped AND 'hll' IN (t.typname, d.typname)))";

}  // namespace

bool Holds(Database::Snapshot& snapshot, const char* condition) {
  return snapshot.Row(fmt::format("SELECT {} AS there", condition))["there"];
}

std::string TextOf(const json& row, const char* name) {
  return row[name].is_string() ? row[name].get<std::string>() : "";
}

// The declared rollups. One whose definition is damaged is left out: then each is asked alone.
json ReadDeclaredTables(Database::Snapshot& snapshot) {
  if (!Holds(snapshot, "to_regclass('millrace.rollup') IS NOT NULL")) return json::array();
  if (!Holds(snapshot, "to_regprocedure('millrace.rollup_columns(regclass)') IS NOT NULL")) {
    throw ApiError(503, "failed", "the extension millrace in this database is of an older version",
                   "ALTER EXTENSION millrace UPDATE;");
  }
  const auto one = [](const char* which) {
    return fmt::format(fmt::runtime(kTables), kDeclaredColumns,
                       std::string("JOIN millrace.rollup r ON r.relation = c.oid ") + which);
  };
  if (const auto all = snapshot.TryRows(one(""))) return *all;
  json found = json::array();
  for (const json& row : snapshot.Rows("SELECT relation::oid::text AS oid FROM millrace.rollup")) {
    const std::string oid = row["oid"];
    const auto rows = snapshot.TryRows(one(("WHERE c.oid = " + oid).c_str()));
    if (rows && !rows->empty()) found.push_back(rows->at(0));
  }
  return found;
}

json ReadOtherTables(Database::Snapshot& snapshot, const json& declared) {
  json others = json::array();
  for (json& row : snapshot.Rows(fmt::format(fmt::runtime(kTables), kOtherColumns, kOtherTables))) {
    const bool known = std::any_of(declared.begin(), declared.end(), [&](const json& each) {
      return each["oid"].get<std::string>() == row["oid"].get<std::string>();
    });
    if (!known && row["columns"].is_array()) others.push_back(std::move(row));
  }
  return others;
}

}  // namespace millrace::dashboard
