// millrace.verify_rollup: computes the groups of a rollup again from the events that are in it, and
// compares.

#include "pg/rollup/verify/verify.h"

#include "pg/base/guc.h"
#include "pg/base/list.h"
#include "pg/base/spi.h"
#include "pg/rollup/refresh/refresh.h"
#include "pg/rollup/sql/statements.h"

namespace millrace::pg {
namespace {

// The nth stored column of one side: what is expected, or what is there.
const char* Value(const char* side, int number) { return psprintf("%s.c%d", side, number); }

const char* OperatorSql(Oid id) {
  HeapTuple tuple = SearchSysCache1(OPEROID, ObjectIdGetDatum(id));
  if (!HeapTupleIsValid(tuple)) elog(ERROR, "cache lookup failed for operator %u", id);
  const auto* form = reinterpret_cast<Form_pg_operator>(GETSTRUCT(tuple));
  const char* sql =
      psprintf("OPERATOR(%s.%s)", quote_identifier(get_namespace_name(form->oprnamespace)),
               NameStr(form->oprname));
  ReleaseSysCache(tuple);
  return sql;
}

// Whether two values of a column are the same; both may be NULL.
const char* SameSql(const RollupColumn& column, const char* e, const char* a) {
  if (column.type == FLOAT4OID || column.type == FLOAT8OID) {
    // Sums of floats depend on the order of their terms.
    return psprintf(
        "(%s IS NOT DISTINCT FROM %s OR COALESCE(abs(%s) < 'Infinity' AND abs(%s) < 'Infinity' AND "
        "abs(%s - %s) <= %s * greatest(abs(%s), abs(%s), 1e-6), false))",
        e, a, e, a, e, a, column.type == FLOAT4OID ? "1e-4" : "1e-6", e, a);
  }
  const Oid equals = column.role == ColumnRole::kHll
                         ? InvalidOid
                         : lookup_type_cache(column.type, TYPECACHE_EQ_OPR)->eq_opr;
  if (!OidIsValid(equals)) return psprintf("%s::text IS NOT DISTINCT FROM %s::text", e, a);
  // Equal values may be written differently: 1.0 and 1.00.
  const char* same =
      psprintf("COALESCE(%s %s %s, %s IS NULL AND %s IS NULL)", e, OperatorSql(equals), a, e, a);
  if (column.role != ColumnRole::kTopN) return same;
  // A full summary is an estimate, which depends on the order of the events.
  const char* full = "(SELECT count(*) FROM jsonb_object_keys(%s)) >= %d";
  return psprintf("(%s OR (%s AND %s))", same, psprintf(full, e, NumberOfCounters()),
                  psprintf(full, a, NumberOfCounters()));
}

struct ColumnLists {
  StringInfoData columns;  // c1, c2, ...: the stored columns, under names that cannot clash
  StringInfoData keys;     // those of the columns that are keys
  StringInfoData pairs;    // name and value of each key
  StringInfoData values;   // one row per measure
  const char* bucket;
};

ColumnLists ListColumns(const Rollup& rollup) {
  ColumnLists lists = {};
  initStringInfo(&lists.columns);
  initStringInfo(&lists.keys);
  initStringInfo(&lists.pairs);
  initStringInfo(&lists.values);
  int number = 0;
  for (const RollupColumn* column : Each<RollupColumn>(rollup.definition->columns)) {
    if (!IsStored(*column)) continue;
    ++number;
    const char* literal = quote_literal_cstr(column->name);
    const char* e = Value("e", number);
    const char* a = Value("a", number);
    appendStringInfo(&lists.columns, "%sc%d", number > 1 ? ", " : "", number);
    if (column->role == ColumnRole::kKey) {
      appendStringInfo(&lists.keys, "%sc%d", lists.keys.len > 0 ? ", " : "", number);
      appendStringInfo(&lists.pairs, "%s%s, CASE WHEN p.expected = 0 THEN %s ELSE %s END",
                       lists.pairs.len > 0 ? ", " : "", literal, a, e);
      if (rollup.definition->bucket != nullptr &&
          strcmp(column->name, rollup.definition->bucket) == 0) {
        lists.bucket = psprintf("c%d", number);
      }
    } else {
      appendStringInfo(&lists.values, ", (%s, %s::text, %s::text, %s)", literal, e, a,
                       SameSql(*column, e, a));
    }
  }
  return lists;
}

// Pairs the groups of both sides by their keys, with equality as in GROUP BY: all rows that have
// equal keys get the same number, and the numbers are joined.
const char* VerifySql(const Rollup& rollup, const Rollup& root, const char* id_column,
                      const char* since, const char* until) {
  const ColumnLists lists = ListColumns(rollup);
  const char* columns = lists.columns.data;
  const char* keys = lists.keys.data;
  const char* range = "WHERE true";
  if (since != nullptr) {
    range = psprintf("%s AND q.%s >= %s", range, lists.bucket, BucketTimeSql(rollup, since));
  }
  if (until != nullptr) {
    range = psprintf("%s AND q.%s < %s", range, lists.bucket, BucketTimeSql(rollup, until));
  }
  auto numbered = [&](const char* select) {
    return psprintf(
        "(number, %s) AS MATERIALIZED (SELECT row_number() OVER (), q.* FROM (%s) AS q (%s) %s)",
        columns, select, columns, range);
  };
  constexpr const char* kCount =
      "CASE p.%s WHEN 0 THEN 'absent' WHEN 1 THEN 'present' ELSE "
      "p.%s || ' times' END";
  StringInfoData sql;
  initStringInfo(&sql);
  appendStringInfo(
      &sql, "WITH e %s, a %s",
      numbered(
          SelectSql(rollup, root, id_column,
                    EventsIn(rollup, root, SettledRanges(root, WatermarkSql(root)), since, until))),
      numbered(psprintf("SELECT %s FROM %s", StoredColumnsSql(rollup, ""), rollup.name)));
  appendStringInfo(&sql,
                   ", p AS (SELECT count(e) AS expected, count(a) AS actual, max(e) AS e, max(a) "
                   "AS a FROM (SELECT number, NULL::bigint, %s FROM e UNION ALL SELECT NULL, "
                   "number, %s FROM a) AS rows (e, a, %s) GROUP BY %s)",
                   keys, keys, keys, keys);
  appendStringInfo(
      &sql,
      " SELECT jsonb_build_object(%s), v.name, v.expected, v.actual FROM p LEFT JOIN e ON e.number "
      "= p.e LEFT JOIN a ON a.number = p.a CROSS JOIN LATERAL (VALUES ('(row)', %s, %s, p.expected "
      "= 1 AND p.actual = 1)%s) AS v (name, expected, actual, same) WHERE NOT v.same AND (v.name = "
      "'(row)' OR (p.expected > 0 AND p.actual > 0))",
      lists.pairs.data, psprintf(kCount, "expected", "expected"),
      psprintf(kCount, "actual", "actual"), lists.values.data);
  return sql.data;
}

}  // namespace

uint64 CompareWithEvents(const Rollup& rollup, const Rollup& root, const char* since,
                         const char* until) {
  const IdSource ids = FindIdSource(root.source, root.id_column);
  CheckFamily(root, ids, true);
  // Settings as for a refresh, because the query may call functions of the rollup's owner. But the
  // engine is off: PostgreSQL's own plans are used.
  return WithRefreshSettings(root.topn_counters, [&] {
    SetSettingInScope("millrace.enable_vector_agg", "off");
    const char* sql = VerifySql(rollup, root, ids.column, since, until);
    return AsOwner(rollup.owner, [&] { return RunSql(sql); });
  });
}

}  // namespace millrace::pg

using namespace millrace::pg;

// millrace.verify_rollup(rollup regclass, since timestamptz, until timestamptz) returns table (keys
// jsonb, column_name text, expected text, actual text): one row per difference.
MILLRACE_FUNCTION(verify_rollup) {
  InitMaterializedSRF(fcinfo, 0);
  auto* results = reinterpret_cast<ReturnSetInfo*>(fcinfo->resultinfo);
  if (PG_ARGISNULL(0)) return static_cast<Datum>(0);
  WithSpi([&] {
    const Oid relation = PG_GETARG_OID(0);
    const Rollup* rollup = GetRollup(relation);
    CheckOwner(*rollup);
    const char* since = PG_ARGISNULL(1) ? nullptr : TimeLiteral(PG_GETARG_TIMESTAMPTZ(1));
    const char* until = PG_ARGISNULL(2) ? nullptr : TimeLiteral(PG_GETARG_TIMESTAMPTZ(2));
    if ((since != nullptr || until != nullptr) && rollup->definition->bucket == nullptr) {
      ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                      errmsg("rollup %s has no time among its keys", rollup->name),
                      errhint("Verify all of it: leave the times out.")));
    }
    const Rollup* root = LoadFamily(relation);
    // The events, rows and watermarks of several nodes have no common snapshot, so nobody may
    // change them meanwhile.
    if (IsDistributed(*root)) {
      Watermarks watermarks;
      LockWatermarks(*root, true, &watermarks);
    }
    const uint64 rows = CompareWithEvents(*rollup, *root, since, until);
    for (uint64 i = 0; i < rows; ++i) {
      Datum values[4];
      bool nulls[4];
      for (int j = 0; j < 4; ++j) values[j] = SpiRow(i).Value(j + 1, &nulls[j]);
      tuplestore_putvalues(results->setResult, results->setDesc, values, nulls);
    }
  });
  return static_cast<Datum>(0);
}
