#include "pg/rollup/catalog/catalog.h"

#include "pg/base/list.h"
#include "pg/base/spi.h"
#include "pg/cluster/citus.h"
#include "pg/rollup/catalog/extension.h"
#include "pg/rollup/catalog/key_index.h"
#include "pg/rollup/catalog/placement.h"

namespace millrace::pg {
namespace {

Oid CatalogTable() {
  CheckExtensionVersion();
  const Oid schema = get_namespace_oid("millrace", false);
  const Oid table = get_relname_relid("rollup", schema);
  if (!OidIsValid(table)) elog(ERROR, "table millrace.rollup is missing");
  return table;
}

RollupDefinition* DefinitionOf(const Rollup& rollup) {
  if (get_rel_relkind(rollup.definition_view) != RELKIND_VIEW) {
    ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                    errmsg("the definition of rollup %s is gone", rollup.name),
                    errhint("Its view was dropped. Call millrace.drop_rollup and declare the "
                            "rollup again; its table may be kept.")));
  }
  // Waits for whoever drops the rollup just now.
  Relation view = try_relation_open(rollup.definition_view, AccessShareLock);
  if (view == nullptr) {
    ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT),
                    errmsg("rollup %s was dropped while this waited", rollup.name),
                    errhint("SELECT relation FROM millrace.rollup lists those that there are.")));
  }
  const Query* query = CopyNode(get_view_query(view));
  relation_close(view, NoLock);
  return AnalyzeRollupQuery(query, rollup.name);
}

[[noreturn]] void RaiseChanged(const Rollup& rollup, const char* what) {
  ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                  errmsg("rollup %s has been changed since it was declared: %s", rollup.name, what),
                  errhint("Change it back, or call millrace.drop_rollup and declare it again.")));
  pg_unreachable();
}

// The definition may have been replaced, and columns of the table renamed, dropped or retyped.
void CheckFits(const Rollup& rollup) {
  if (rollup.definition->source != rollup.source) {
    RaiseChanged(rollup,
                 psprintf("its definition reads %s, not %s",
                          QualifiedName(rollup.definition->source), QualifiedName(rollup.source)));
  }
  for (const RollupColumn* column : Each<RollupColumn>(rollup.definition->columns)) {
    const AttrNumber attribute = get_attnum(rollup.relation, column->name);
    if (attribute == InvalidAttrNumber) {
      RaiseChanged(rollup, psprintf("its table has no column \"%s\"", column->name));
    }
    const Oid type = get_atttype(rollup.relation, attribute);
    if (type != column->type) {
      RaiseChanged(rollup, psprintf("column \"%s\" is of type %s, not %s", column->name,
                                    format_type_be(type), format_type_be(column->type)));
    }
  }
  if (get_rel_persistence(rollup.relation) != RELPERSISTENCE_PERMANENT) {
    ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                    errmsg("rollup %s is unlogged", rollup.name),
                    errdetail("A crash would empty its table but not move its watermark back."),
                    errhint("Run ALTER TABLE %s SET LOGGED.", rollup.name)));
  }
}

void LoadChildren(Rollup* rollup) {
  for (const Oid each : EachOid(RollupsOf(rollup->relation))) {
    Rollup* child = GetRollup(each);
    LoadChildren(child);
    rollup->children = lappend(rollup->children, child);
  }
}

}  // namespace

Oid CatalogOwner() { return OwnerOf(CatalogTable()); }

uint64 RunOnCatalog(const char* sql, std::initializer_list<SpiArgument> arguments) {
  return WithSettings([&] {
    SetSettingInScope("search_path", kSearchPath);
    return AsCatalogOwner([&] { return RunSql(sql, arguments); });
  });
}

Rollup* FindRollup(Oid relation) {
  const uint64 rows = RunOnCatalog(
      "SELECT source, parent, definition, live, id_column, paused, start_after, watermark_copy, "
      "topn_counters FROM millrace.rollup WHERE relation = $1",
      {OidArgument(relation)});
  if (rows == 0 || get_rel_name(relation) == nullptr) return nullptr;
  auto* rollup = static_cast<Rollup*>(palloc0(sizeof(Rollup)));
  const SpiRow row(0);
  rollup->relation = relation;
  rollup->owner = OwnerOf(relation);
  rollup->source = row.ObjectId(1);
  rollup->parent = row.ObjectId(2);
  rollup->definition_view = row.ObjectId(3);
  rollup->live_view = row.ObjectId(4);
  rollup->id_column = row.NameText(5);
  rollup->paused = row.Bool(6);
  rollup->start_after = row.Int64(7);
  rollup->watermark_copy = row.ObjectId(8);
  rollup->topn_counters = row.Int32(9);
  rollup->name = QualifiedName(relation);
  rollup->definition = DefinitionOf(*rollup);
  CheckFits(*rollup);
  // Notes which keys the index has by their digest.
  (void)FindKeyIndex(*rollup);
  return rollup;
}

bool FindViews(Oid relation, RollupViews* views) {
  const uint64 rows = RunOnCatalog(
      "SELECT parent, definition, live, watermark_copy, paused FROM millrace.rollup WHERE "
      "relation = $1",
      {OidArgument(relation)});
  if (rows == 0) return false;
  *views = {SpiRow(0).ObjectId(1), SpiRow(0).ObjectId(2), SpiRow(0).ObjectId(3),
            SpiRow(0).ObjectId(4), SpiRow(0).Bool(5)};
  return true;
}

Rollup* GetRollup(Oid relation) {
  Rollup* rollup = FindRollup(relation);
  if (rollup == nullptr) {
    ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT),
                    errmsg("%s is not a declared rollup", QualifiedName(relation)),
                    errhint("SELECT relation FROM millrace.rollup lists the declared rollups; "
                            "millrace.create_rollup declares one.")));
  }
  return rollup;
}

Rollup* LoadFamilyAsDeclared(Oid relation) {
  Rollup* rollup = GetRollup(relation);
  while (OidIsValid(rollup->parent)) rollup = GetRollup(rollup->parent);
  LoadChildren(rollup);
  return rollup;
}

Rollup* LoadFamily(Oid relation) {
  Rollup* root = LoadFamilyAsDeclared(relation);
  CheckDistribution(*root);
  return root;
}

void CheckOwner(const Rollup& rollup) {
  if (!pg_class_ownercheck(rollup.relation, GetUserId())) {
    aclcheck_error(ACLCHECK_NOT_OWNER, OBJECT_TABLE, get_rel_name(rollup.relation));
  }
}

List* RollupsOf(Oid source) {
  const uint64 rows =
      RunOnCatalog("SELECT relation FROM millrace.rollup WHERE source = $1 ORDER BY relation::oid",
                   {OidArgument(source)});
  List* relations = NIL;
  for (uint64 i = 0; i < rows; ++i) relations = lappend_oid(relations, SpiRow(i).ObjectId(1));
  return relations;
}

void InsertRollup(const Rollup& rollup, Datum refresh_interval) {
  const SpiArgument no_parent = {REGCLASSOID, 0, true};
  const SpiArgument no_name = {NAMEOID, 0, true};
  const SpiArgument no_table = {REGCLASSOID, 0, true};
  RunOnCatalog(
      "INSERT INTO millrace.rollup (relation, source, parent, definition, live, id_column, "
      "refresh_interval, start_after, watermark_copy, topn_counters) VALUES ($1, $2, $3, $4, $5, "
      "$6, $7, $8, $9, $10)",
      {OidArgument(rollup.relation),
       OidArgument(rollup.source),
       OidIsValid(rollup.parent) ? OidArgument(rollup.parent) : no_parent,
       OidArgument(rollup.definition_view),
       OidArgument(rollup.live_view),
       rollup.id_column == nullptr
           ? no_name
           : SpiArgument{NAMEOID, DirectFunctionCall1(namein, CStringGetDatum(rollup.id_column))},
       {INTERVALOID, refresh_interval},
       Int64Argument(rollup.start_after),
       IsDistributed(rollup) ? OidArgument(rollup.watermark_copy) : no_table,
       {INT4OID, Int32GetDatum(rollup.topn_counters), rollup.topn_counters == 0}});
}

void DeleteRollup(Oid relation) {
  // The rollup first: its row is what the worker locks before it records a failure.
  for (const char* table : {"rollup", "watermark", "refresh_error", "failed_refreshes",
                            "failed_event_message", "failed_event", "verification", "difference"}) {
    RunOnCatalog(psprintf("DELETE FROM millrace.%s WHERE relation = $1", table),
                 {OidArgument(relation)});
  }
}

const char* FailedEventsSql(Oid root) {
  RunOnCatalog(
      "SELECT string_agg(event_id::text, ',' ORDER BY event_id) FROM millrace.failed_event WHERE "
      "relation = $1",
      {OidArgument(root)});
  const char* ids = SpiRow(0).Text(1);
  return ids == nullptr ? nullptr : psprintf("'{%s}'::int8[]", ids);
}

uint64 ReadFailedEvents(Oid root) {
  return RunOnCatalog(
      "SELECT event_id FROM millrace.failed_event WHERE relation = $1 ORDER BY event_id",
      {OidArgument(root)});
}

void WriteFailedEvent(Oid root, int64 id, const char* sqlstate, const char* message) {
  RunOnCatalog(
      "INSERT INTO millrace.failed_event (relation, event_id, sqlstate) VALUES ($1, $2, $3) ON "
      "CONFLICT (relation, event_id) DO UPDATE SET sqlstate = excluded.sqlstate, failed_at = "
      "excluded.failed_at",
      {OidArgument(root), Int64Argument(id), TextArgument(sqlstate)});
  RunOnCatalog(
      "INSERT INTO millrace.failed_event_message (relation, event_id, message) VALUES ($1, $2, $3) "
      "ON CONFLICT (relation, event_id) DO UPDATE SET message = excluded.message",
      {OidArgument(root), Int64Argument(id), TextArgument(message)});
}

void DeleteFailedEvents(Oid root, int64 from, int64 to) {
  RunOnCatalog(
      "DELETE FROM millrace.failed_event WHERE relation = $1 AND event_id > $2 AND event_id <= $3",
      {OidArgument(root), Int64Argument(from), Int64Argument(to)});
}

void SetPaused(Oid relation, bool paused) {
  RunOnCatalog("UPDATE millrace.rollup SET paused = $2 WHERE relation = $1",
               {OidArgument(relation), {BOOLOID, BoolGetDatum(paused)}});
}

void ForgetStart(Oid relation) {
  RunOnCatalog("UPDATE millrace.rollup SET start_after = 0 WHERE relation = $1",
               {OidArgument(relation)});
}

void SetWatermarkCopy(Oid relation, Oid table) {
  RunOnCatalog("UPDATE millrace.rollup SET watermark_copy = $2 WHERE relation = $1",
               {OidArgument(relation), OidArgument(table)});
}

namespace {

// An interval for each of some tables, kept in a table of the catalog.
void WriteInterval(const char* table, const char* column, Oid source, Interval* interval) {
  RunOnCatalog(psprintf("DELETE FROM millrace.%s WHERE source = $1", table), {OidArgument(source)});
  if (interval == nullptr) return;
  RunOnCatalog(psprintf("INSERT INTO millrace.%s (source, %s) VALUES ($1, $2)", table, column),
               {OidArgument(source), {INTERVALOID, IntervalPGetDatum(interval)}});
}

bool ReadInterval(const char* table, const char* column, Oid source, Interval* interval) {
  if (RunOnCatalog(psprintf("SELECT %s FROM millrace.%s WHERE source = $1", column, table),
                   {OidArgument(source)}) == 0) {
    return false;
  }
  bool is_null;
  *interval = *DatumGetIntervalP(SpiRow(0).Value(1, &is_null));
  return true;
}

}  // namespace

void WriteRetention(Oid source, Interval* keep) {
  WriteInterval("retention", "keep", source, keep);
}

bool ReadRetention(Oid source, Interval* keep) {
  return ReadInterval("retention", "keep", source, keep);
}

void WriteSealing(Oid source, Interval* age) { WriteInterval("sealing", "age", source, age); }

bool ReadSealing(Oid source, Interval* age) { return ReadInterval("sealing", "age", source, age); }

}  // namespace millrace::pg
