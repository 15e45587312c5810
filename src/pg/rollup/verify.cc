// millrace.verify_rollup: the groups of a rollup computed once more from the events that are in it,
// and compared.

#include "pg/guc.h"
#include "pg/rollup/refresh.h"
#include "pg/rollup/statements.h"
#include "pg/spi.h"

using namespace millrace::pg;

namespace {

// Whether two values of a column are the same, given that they may both be NULL.
const char* SameSql(const RollupColumn& column) {
  const char* name = quote_identifier(column.name);
  switch (column.type) {
    case FLOAT4OID:
    case FLOAT8OID:
      // Sums of floats depend on the order of their terms.
      return psprintf(
          "(e.%s IS NOT DISTINCT FROM a.%s OR COALESCE(abs(e.%s) < 'Infinity' AND abs(a.%s) < "
          "'Infinity' AND abs(e.%s - a.%s) <= 1e-6 * greatest(abs(e.%s), abs(a.%s)), false))",
          name, name, name, name, name, name, name, name);
    default:
      break;
  }
  const char* same = psprintf("e.%s::text IS NOT DISTINCT FROM a.%s::text", name, name);
  if (column.role != ColumnRole::kTopN) return same;
  // A full summary is an estimate, and which it is depends on the order of the events.
  const char* full = "(SELECT count(*) FROM jsonb_object_keys(%s.%s)) >= %d";
  return psprintf("(%s OR (%s AND %s))", same, psprintf(full, "e", name, NumberOfCounters()),
                  psprintf(full, "a", name, NumberOfCounters()));
}

const char* VerifySql(const Rollup& rollup, const Rollup& root, const char* id_column,
                      bool spanned) {
  const char* columns = StoredColumnsSql(rollup, "");
  const char* range = "";
  if (spanned) {
    const char* bucket = quote_identifier(rollup.definition->bucket);
    range = psprintf("WHERE ($1 IS NULL OR q.%s >= %s) AND ($2 IS NULL OR q.%s < %s)", bucket,
                     BucketTimeSql(rollup, "$1"), bucket, BucketTimeSql(rollup, "$2"));
  }
  StringInfoData keys, values;
  initStringInfo(&keys);
  initStringInfo(&values);
  ListCell* cell;
  foreach (cell, rollup.definition->columns) {
    const auto* column = static_cast<RollupColumn*>(lfirst(cell));
    const char* name = quote_identifier(column->name);
    const char* literal = quote_literal_cstr(column->name);
    if (column->role == ColumnRole::kKey) {
      appendStringInfo(&keys, "%s%s, CASE WHEN e.millrace_key IS NULL THEN a.%s ELSE e.%s END",
                       keys.len > 0 ? ", " : "", literal, name, name);
    } else if (IsStored(*column)) {
      appendStringInfo(&values, ", (%s, e.%s::text, a.%s::text, %s)", literal, name, name,
                       SameSql(*column));
    }
  }
  const char* key = psprintf("ROW(%s)::text COLLATE \"C\" AS millrace_key", KeysSql(rollup, "q."));
  const IdRange settled = {nullptr, WatermarkSql(root)};
  return psprintf(
      "WITH e AS (SELECT %s, q.* FROM (%s) AS q (%s) %s), a AS (SELECT %s, q.* FROM (SELECT %s "
      "FROM %s) AS q %s) SELECT jsonb_build_object(%s), c.name, c.expected, c.actual FROM e FULL "
      "JOIN a USING (millrace_key) CROSS JOIN LATERAL (VALUES ('(row)', CASE WHEN e.millrace_key "
      "IS NULL THEN 'absent' ELSE 'present' END, CASE WHEN a.millrace_key IS NULL THEN 'absent' "
      "ELSE 'present' END, (e.millrace_key IS NULL) = (a.millrace_key IS NULL))%s) AS c (name, "
      "expected, actual, same) WHERE NOT c.same AND (c.name = '(row)' OR (e.millrace_key IS NOT "
      "NULL AND a.millrace_key IS NOT NULL))",
      key, SelectSql(rollup, root, id_column, settled), columns, range, key, columns, rollup.name,
      range, keys.data, values.data);
}

}  // namespace

// millrace.verify_rollup(rollup regclass, since timestamptz, until timestamptz) returns table (keys
// jsonb, column_name text, expected text, actual text): a row a difference.
MILLRACE_FUNCTION(verify_rollup) {
  InitMaterializedSRF(fcinfo, 0);
  auto* results = reinterpret_cast<ReturnSetInfo*>(fcinfo->resultinfo);
  if (PG_ARGISNULL(0)) return static_cast<Datum>(0);
  const int settings = ConnectSpi();
  const Oid relation = PG_GETARG_OID(0);
  const Rollup* rollup = GetRollup(relation);
  CheckOwner(*rollup);
  const bool spanned = !PG_ARGISNULL(1) || !PG_ARGISNULL(2);
  if (spanned && rollup->definition->bucket == nullptr) {
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                    errmsg("rollup %s has no time among its keys", rollup->name),
                    errhint("Verify all of it: leave the times out.")));
  }
  const Rollup* root = LoadFamily(relation);
  const IdSource ids = FindIdSource(root->source, root->id_column);
  // As a refresh: what the query calls is its owner's.
  const int level = BeginRefreshSettings();
  const RoleScope before = BecomeOwner(rollup->owner);
  const uint64 rows = RunSql(VerifySql(*rollup, *root, ids.column, spanned),
                             {{TIMESTAMPTZOID, PG_GETARG_DATUM(1), PG_ARGISNULL(1)},
                              {TIMESTAMPTZOID, PG_GETARG_DATUM(2), PG_ARGISNULL(2)}});
  RestoreRole(before);
  EndSettings(level);
  for (uint64 i = 0; i < rows; ++i) {
    Datum values[4];
    bool nulls[4];
    for (int j = 0; j < 4; ++j) values[j] = SpiValue(i, j + 1, &nulls[j]);
    tuplestore_putvalues(results->setResult, results->setDesc, values, nulls);
  }
  DisconnectSpi(settings);
  return static_cast<Datum>(0);
}
