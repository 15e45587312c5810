#include "pg/rollup/catalog.h"

#include "pg/cluster/citus.h"
#include "pg/rollup/distribution.h"
#include "pg/rollup/key_index.h"
#include "pg/spi.h"

namespace millrace::pg {
namespace {

Oid CatalogTable() {
  const Oid schema = get_namespace_oid("millrace", false);
  const Oid table = get_relname_relid("rollup", schema);
  if (!OidIsValid(table)) elog(ERROR, "table millrace.rollup is missing");
  return table;
}

RoleScope Become(Oid role, int flags) {
  RoleScope before;
  GetUserIdAndSecContext(&before.role, &before.context);
  SetUserIdAndSecContext(role, before.context | flags);
  return before;
}

// Runs a statement on the catalog as its owner. The search path is set each time: a trigger of a
// rollup's table may have changed it a moment ago.
uint64 RunOnCatalog(const char* sql, std::initializer_list<SpiArgument> arguments) {
  const int level = BeginSettings();
  SetSettingInScope("search_path", kSearchPath);
  const RoleScope before = BecomeCatalogOwner();
  const uint64 rows = RunSql(sql, arguments);
  RestoreRole(before);
  EndSettings(level);
  return rows;
}

Oid OidAt(uint64 row, int column) {
  bool is_null;
  const Datum value = SpiValue(row, column, &is_null);
  return is_null ? InvalidOid : DatumGetObjectId(value);
}

// The cluster, the database and the rollup's table: what a dump carries to another place, or back
// into the same database, is not true there.
const char* Home(Oid relation) {
  return psprintf(UINT64_FORMAT "/%u/%u", GetSystemIdentifier(), MyDatabaseId, relation);
}

RollupDefinition* DefinitionOf(const Rollup& rollup) {
  if (get_rel_relkind(rollup.definition_view) != RELKIND_VIEW) {
    ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                    errmsg("the definition of rollup %s is gone", rollup.name),
                    errhint("Its view was dropped. Call millrace.drop_rollup and declare the "
                            "rollup again; its table may stay.")));
  }
  Relation view = relation_open(rollup.definition_view, AccessShareLock);
  const Query* query = CopyNode(get_view_query(view));
  relation_close(view, NoLock);
  return AnalyzeRollupQuery(query, rollup.name);
}

[[noreturn]] void RaiseChanged(const Rollup& rollup, const char* what) {
  ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                  errmsg("rollup %s was changed since it was declared: %s", rollup.name, what),
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
  ListCell* cell;
  foreach (cell, rollup.definition->columns) {
    const auto* column = static_cast<RollupColumn*>(lfirst(cell));
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
                    errdetail("A crash would empty it, and its watermark would stay."),
                    errhint("ALTER TABLE %s SET LOGGED.", rollup.name)));
  }
}

void LoadChildren(Rollup* rollup) {
  ListCell* cell;
  foreach (cell, RollupsOf(rollup->relation)) {
    Rollup* child = GetRollup(lfirst_oid(cell));
    LoadChildren(child);
    rollup->children = lappend(rollup->children, child);
  }
}

}  // namespace

Oid OwnerOf(Oid relation) {
  HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relation));
  if (!HeapTupleIsValid(tuple)) elog(ERROR, "cache lookup failed for relation %u", relation);
  const Oid owner = reinterpret_cast<Form_pg_class>(GETSTRUCT(tuple))->relowner;
  ReleaseSysCache(tuple);
  return owner;
}

const char* QualifiedName(Oid relation) {
  const char* name = get_rel_name(relation);
  if (name == nullptr) return psprintf("%u", relation);
  return quote_qualified_identifier(get_namespace_name(get_rel_namespace(relation)), name);
}

RoleScope BecomeCatalogOwner() {
  return Become(OwnerOf(CatalogTable()), SECURITY_LOCAL_USERID_CHANGE);
}

RoleScope BecomeOwner(Oid owner) {
  return Become(owner, SECURITY_LOCAL_USERID_CHANGE | SECURITY_RESTRICTED_OPERATION);
}

void RestoreRole(RoleScope scope) { SetUserIdAndSecContext(scope.role, scope.context); }

Rollup* FindRollup(Oid relation) {
  const uint64 rows = RunOnCatalog(
      "SELECT source, parent, definition, live, id_column, paused, start_after, node_watermark, "
      "topn_counters FROM millrace.rollup WHERE relation = $1",
      {OidArgument(relation)});
  if (rows == 0 || get_rel_name(relation) == nullptr) return nullptr;
  auto* rollup = static_cast<Rollup*>(palloc0(sizeof(Rollup)));
  rollup->relation = relation;
  rollup->owner = OwnerOf(relation);
  rollup->source = OidAt(0, 1);
  rollup->parent = OidAt(0, 2);
  rollup->definition_view = OidAt(0, 3);
  rollup->live_view = OidAt(0, 4);
  bool is_null;
  const Datum id_column = SpiValue(0, 5, &is_null);
  if (!is_null) rollup->id_column = pstrdup(NameStr(*DatumGetName(id_column)));
  rollup->paused = DatumGetBool(SpiValue(0, 6, &is_null));
  rollup->start_after = DatumGetInt64(SpiValue(0, 7, &is_null));
  rollup->node_watermark = OidAt(0, 8);
  const Datum counters = SpiValue(0, 9, &is_null);
  rollup->topn_counters = is_null ? 0 : DatumGetInt32(counters);
  rollup->name = QualifiedName(relation);
  rollup->definition = DefinitionOf(*rollup);
  CheckFits(*rollup);
  // Notes which keys the index has by their digest.
  (void)FindKeyIndex(*rollup);
  return rollup;
}

bool FindViews(Oid relation, RollupViews* views) {
  const uint64 rows = RunOnCatalog(
      "SELECT parent, definition, live, node_watermark, paused FROM millrace.rollup WHERE "
      "relation = $1",
      {OidArgument(relation)});
  if (rows == 0) return false;
  bool is_null;
  *views = {OidAt(0, 1), OidAt(0, 2), OidAt(0, 3), OidAt(0, 4),
            DatumGetBool(SpiValue(0, 5, &is_null))};
  return true;
}

Rollup* GetRollup(Oid relation) {
  Rollup* rollup = FindRollup(relation);
  if (rollup == nullptr) {
    ereport(ERROR,
            (errcode(ERRCODE_UNDEFINED_OBJECT),
             errmsg("%s is not a declared rollup", QualifiedName(relation)),
             errhint("SELECT relation FROM millrace.rollup lists them; millrace.create_rollup "
                     "declares one.")));
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
  for (uint64 i = 0; i < rows; ++i) relations = lappend_oid(relations, OidAt(i, 1));
  return relations;
}

void InsertRollup(const Rollup& rollup, Datum refresh_interval, int64 position) {
  // What a table that was kept has left.
  DeleteRollup(rollup.relation);
  const SpiArgument no_parent = {REGCLASSOID, 0, true};
  const SpiArgument no_name = {NAMEOID, 0, true};
  const SpiArgument no_table = {REGCLASSOID, 0, true};
  RunOnCatalog(
      "INSERT INTO millrace.rollup (relation, source, parent, definition, live, id_column, "
      "refresh_interval, start_after, node_watermark, topn_counters) VALUES ($1, $2, $3, $4, $5, "
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
       OidIsValid(rollup.node_watermark) ? OidArgument(rollup.node_watermark) : no_table,
       {INT4OID, Int32GetDatum(rollup.topn_counters), rollup.topn_counters == 0}});
  if (OidIsValid(rollup.parent)) return;
  RunOnCatalog("INSERT INTO millrace.watermark (relation, position) VALUES ($1, $2)",
               {OidArgument(rollup.relation), Int64Argument(position)});
}

void DeleteRollup(Oid relation) {
  for (const char* table :
       {"watermark", "node_watermark", "refresh_error", "failed_refreshes", "failed_event_message",
        "failed_event", "verification", "difference", "rollup"}) {
    RunOnCatalog(psprintf("DELETE FROM millrace.%s WHERE relation = $1", table),
                 {OidArgument(relation)});
  }
}

const char* FailedEventsSql(Oid root) {
  RunOnCatalog(
      "SELECT string_agg(event_id::text, ',' ORDER BY event_id) FROM millrace.failed_event WHERE "
      "relation = $1",
      {OidArgument(root)});
  bool is_null;
  const Datum ids = SpiValue(0, 1, &is_null);
  return is_null ? nullptr : psprintf("'{%s}'::int8[]", TextDatumGetCString(ids));
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

namespace {

// The families that this session is changing, the innermost last.
constexpr int kMostInside = 16;
Oid inside[kMostInside];
int inside_count = 0;

void CheckNotInside(Oid root) {
  for (int i = 0; i < inside_count; ++i) {
    if (inside[i] != root) continue;
    ereport(ERROR,
            (errcode(ERRCODE_OBJECT_IN_USE),
             errmsg("rollup %s is being refreshed by this very session", QualifiedName(root)),
             errdetail("A trigger on its table, or a function in its query, calls for a "
                       "refresh of the same events."),
             errhint("Take the call out of the trigger: the refresh that runs brings the "
                     "rollup up to date.")));
  }
}

}  // namespace

void EnterRefresh(Oid root) {
  CheckNotInside(root);
  if (inside_count == kMostInside) {
    ereport(ERROR,
            (errcode(ERRCODE_STATEMENT_TOO_COMPLEX),
             errmsg("refreshes of rollups call one another more than %d deep", kMostInside)));
  }
  inside[inside_count++] = root;
}

void LeaveRefresh(Oid) { --inside_count; }

void SetPaused(Oid relation, bool paused) {
  RunOnCatalog("UPDATE millrace.rollup SET paused = $2 WHERE relation = $1",
               {OidArgument(relation), {BOOLOID, BoolGetDatum(paused)}});
}

void ForgetStart(Oid relation) {
  RunOnCatalog("UPDATE millrace.rollup SET start_after = 0 WHERE relation = $1",
               {OidArgument(relation)});
}

bool LockWatermark(Oid relation, bool wait, Watermark* watermark) {
  CheckNotInside(relation);
  const uint64 rows = RunOnCatalog(
      wait
          ? "SELECT position, sequence_file, home = $2 FROM millrace.watermark WHERE relation = $1 "
            "FOR UPDATE"
          : "SELECT position, sequence_file, home = $2 FROM millrace.watermark WHERE relation = $1 "
            "FOR UPDATE SKIP LOCKED",
      {OidArgument(relation), TextArgument(Home(relation))});
  if (rows == 0 && !wait) return false;
  if (rows == 0) elog(ERROR, "rollup %s has no watermark", QualifiedName(relation));
  bool is_null;
  watermark->position = DatumGetInt64(SpiValue(0, 1, &is_null));
  const bool same_home = DatumGetBool(SpiValue(0, 3, &is_null)) && !is_null;
  watermark->sequence_file = same_home ? OidAt(0, 2) : InvalidOid;
  return true;
}

bool LockWatermark(const Rollup& root, bool wait, Watermark* watermark) {
  if (!LockWatermark(root.relation, wait, watermark)) return false;
  if (!HasCitus()) return true;
  // By a statement of its own: one that waited for the lock has the snapshot of before.
  RollupViews now;
  if (FindViews(root.relation, &now) && now.node_watermark == root.node_watermark) return true;
  ereport(ERROR, (errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
                  errmsg("rollup %s was distributed or dropped at the same moment", root.name),
                  errhint("Try again.")));
  pg_unreachable();
}

bool ReadWatermark(Oid relation, Watermark* watermark) {
  const uint64 rows = RunOnCatalog("SELECT position FROM millrace.watermark WHERE relation = $1",
                                   {OidArgument(relation)});
  if (rows == 0) return false;
  bool is_null;
  watermark->position = DatumGetInt64(SpiValue(0, 1, &is_null));
  return true;
}

NodeWatermark* ReadNodeWatermarks(Oid relation, int* count) {
  const uint64 rows = RunOnCatalog(
      "SELECT node_group, position, sequence FROM millrace.node_watermark WHERE relation = $1 "
      "ORDER "
      "BY 1",
      {OidArgument(relation)});
  auto* nodes = static_cast<NodeWatermark*>(palloc(Max(rows, 1) * sizeof(NodeWatermark)));
  for (uint64 i = 0; i < rows; ++i) {
    bool is_null;
    nodes[i].group = DatumGetInt32(SpiValue(i, 1, &is_null));
    nodes[i].position = DatumGetInt64(SpiValue(i, 2, &is_null));
    const Datum sequence = SpiValue(i, 3, &is_null);
    nodes[i].sequence = is_null ? nullptr : text_to_cstring(DatumGetTextPP(sequence));
  }
  *count = static_cast<int>(rows);
  return nodes;
}

void WriteNodeWatermark(Oid relation, const NodeWatermark& watermark) {
  RunOnCatalog(
      "INSERT INTO millrace.node_watermark (relation, node_group, position, sequence) VALUES ($1, "
      "$2, $3, $4) ON CONFLICT (relation, node_group) DO UPDATE SET position = excluded.position, "
      "sequence = excluded.sequence",
      {OidArgument(relation),
       {INT4OID, Int32GetDatum(watermark.group)},
       Int64Argument(watermark.position),
       TextArgument(watermark.sequence)});
}

void SetNodeWatermarkTable(Oid relation, Oid table) {
  RunOnCatalog("UPDATE millrace.rollup SET node_watermark = $2 WHERE relation = $1",
               {OidArgument(relation), OidArgument(table)});
}

void WriteRetention(Oid source, Interval* keep) {
  RunOnCatalog("DELETE FROM millrace.retention WHERE source = $1", {OidArgument(source)});
  if (keep == nullptr) return;
  RunOnCatalog("INSERT INTO millrace.retention (source, keep) VALUES ($1, $2)",
               {OidArgument(source), {INTERVALOID, IntervalPGetDatum(keep)}});
}

bool ReadRetention(Oid source, Interval* keep) {
  if (RunOnCatalog("SELECT keep FROM millrace.retention WHERE source = $1",
                   {OidArgument(source)}) == 0) {
    return false;
  }
  bool is_null;
  *keep = *DatumGetIntervalP(SpiValue(0, 1, &is_null));
  return true;
}

Oid FileOf(Oid relation) {
  HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relation));
  if (!HeapTupleIsValid(tuple)) elog(ERROR, "cache lookup failed for relation %u", relation);
  const Oid file = reinterpret_cast<Form_pg_class>(GETSTRUCT(tuple))->relfilenode;
  ReleaseSysCache(tuple);
  return file;
}

void MoveWatermark(Oid relation, int64 position, Oid sequence, TimestampTz complete_through,
                   int64 events, TimestampTz started) {
  // Whoever has refreshed it, the error of an earlier refresh is over.
  RunOnCatalog(
      "WITH over AS (DELETE FROM millrace.refresh_error WHERE relation = $1) "
      "UPDATE millrace.watermark SET position = $2, complete_through = $3, refreshed_at = "
      "clock_timestamp(), ids = $4, duration = clock_timestamp() - $5, sequence_file = $6, home = "
      "$7 "
      "WHERE relation = $1",
      {OidArgument(relation),
       Int64Argument(position),
       {TIMESTAMPTZOID, TimestampTzGetDatum(complete_through)},
       Int64Argument(events),
       {TIMESTAMPTZOID, TimestampTzGetDatum(started)},
       {OIDOID, ObjectIdGetDatum(FileOf(sequence))},
       TextArgument(Home(relation))});
}

}  // namespace millrace::pg
