#include "pg/rollup/refresh/edits.h"

#include <initializer_list>

#include "pg/base/list.h"
#include "pg/base/spi.h"
#include "pg/rollup/catalog/extension.h"
#include "pg/rollup/log/id_source.h"
#include "pg/rollup/log/watermark.h"

using namespace millrace::pg;

namespace millrace::pg {
namespace {

bool IsWatched(const Rollup& rollup) {
  return OidIsValid(get_trigger_oid(rollup.relation, kEditTrigger, true));
}

}  // namespace

void WatchForEdits(const Rollup& rollup) {
  if (IsWatched(rollup)) return;
  RunSql(
      psprintf("CREATE TRIGGER %s AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON %s FOR EACH "
               "STATEMENT EXECUTE FUNCTION millrace.note_edit()",
               kEditTrigger, rollup.name));
  RunSql(psprintf("ALTER TABLE %s ENABLE ALWAYS TRIGGER %s", rollup.name, kEditTrigger));
  // DROP EXTENSION takes it away without CASCADE.
  RunSql(
      psprintf("ALTER TRIGGER %s ON %s DEPENDS ON EXTENSION millrace", kEditTrigger, rollup.name));
}

void StopWatching(const Rollup& rollup) {
  if (IsWatched(rollup)) RunSql(psprintf("DROP TRIGGER %s ON %s", kEditTrigger, rollup.name));
}

void ForgetEdits(const Rollup& rollup) {
  RunOnCatalog(
      "UPDATE millrace.rollup SET edited_at = NULL WHERE relation = $1 AND edited_at IS NOT NULL",
      {OidArgument(rollup.relation)});
  for (const Rollup* child : Each<Rollup>(rollup.children)) ForgetEdits(*child);
}

namespace {

constexpr const char* kChangeTrigger = "millrace_note_change";
constexpr const char* kTruncateTrigger = "millrace_note_truncate";
ProcessUtility_hook_type previous_utility_hook = nullptr;

// Notes that rows of a table were changed: of every watched table that it is or is a part of.
void NoteChange(Oid relation) {
  List* tables = lappend_oid(get_partition_ancestors(relation), relation);
  WithSpi([&] {
    for (const Oid table : EachOid(tables)) {
      RunOnCatalog(
          "UPDATE millrace.watched_source SET changed_at = pg_catalog.clock_timestamp() WHERE "
          "source = $1 AND changed_at IS NULL",
          {OidArgument(table)});
    }
  });
}

void TruncateHook(PlannedStmt* statement, const char* text, bool read_only,
                  ProcessUtilityContext context, ParamListInfo parameters,
                  QueryEnvironment* environment, DestReceiver* destination,
                  QueryCompletion* completion) {
  const auto* truncate = reinterpret_cast<TruncateStmt*>(statement->utilityStmt);
  List* parts = NIL;
  if (IsA(truncate, TruncateStmt)) {
    for (const RangeVar* name : Each<RangeVar>(truncate->relations)) {
      const Oid relation = RangeVarGetRelid(name, NoLock, true);
      if (OidIsValid(relation) && get_rel_relispartition(relation)) {
        parts = lappend_oid(parts, relation);
      }
    }
  }
  const auto next =
      previous_utility_hook != nullptr ? previous_utility_hook : standard_ProcessUtility;
  next(statement, text, read_only, context, parameters, environment, destination, completion);
  if (parts == NIL || !ExtensionIsReady()) return;
  for (const Oid part : EachOid(parts)) NoteChange(part);
}

// Makes a trigger on watched events, unless it is there.
void MakeTrigger(Oid source, const char* trigger, const char* when) {
  if (OidIsValid(get_trigger_oid(source, trigger, true))) return;
  const char* name = QualifiedName(source);
  RunSql(
      psprintf("CREATE TRIGGER %s AFTER %s ON %s FOR EACH %s EXECUTE FUNCTION "
               "millrace.note_change()",
               trigger, when, name, strcmp(when, "TRUNCATE") == 0 ? "STATEMENT" : "ROW"));
  RunSql(psprintf("ALTER TRIGGER %s ON %s DEPENDS ON EXTENSION millrace", trigger, name));
  RunSql(psprintf("ALTER TABLE %s ENABLE ALWAYS TRIGGER %s", name, trigger));
}

void WatchEvents(Oid source) {
  const char* name = QualifiedName(source);
  const List* rollups = RollupsOf(source);
  const Rollup* root = rollups == NIL ? nullptr : FindRollup(linitial_oid(rollups));
  if (root == nullptr || OidIsValid(root->parent)) {
    ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                    errmsg("no rollup is declared over the events of %s", name),
                    errhint("Declare one first: millrace.create_rollup.")));
  }
  if (IsDistributed(*root)) {
    ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                    errmsg("Citus distributes %s, so its changes cannot be watched", name)));
  }
  const IdSource ids = FindIdSource(source, root->id_column);
  // Waits for whoever is changing rows just now.
  LockRelationOid(source, ShareRowExclusiveLock);
  MakeTrigger(source, kChangeTrigger, "UPDATE OR DELETE");
  MakeTrigger(source, kTruncateTrigger, "TRUNCATE");
  RunOnCatalog("DELETE FROM millrace.watched_source WHERE source = $1", {OidArgument(source)});
  NameData id_column;
  namestrcpy(&id_column, ids.column);
  RunOnCatalog("INSERT INTO millrace.watched_source (source, id_column) VALUES ($1, $2)",
               {OidArgument(source), {NAMEOID, NameGetDatum(&id_column)}});
}

}  // namespace

void StopWatchingEvents(Oid source) {
  for (const char* trigger : {kChangeTrigger, kTruncateTrigger}) {
    if (!OidIsValid(get_trigger_oid(source, trigger, true))) continue;
    RunSql(psprintf("DROP TRIGGER %s ON %s", trigger, QualifiedName(source)));
  }
  RunOnCatalog("DELETE FROM millrace.watched_source WHERE source = $1", {OidArgument(source)});
}

void InstallTruncateWatch() {
  previous_utility_hook = ProcessUtility_hook;
  ProcessUtility_hook = TruncateHook;
}

}  // namespace millrace::pg

// millrace.watch_events(source regclass, watch boolean) returns void. For the owner of the events.
// Raises 55000 if no rollup is declared over them.
MILLRACE_FUNCTION(watch_events) {
  const Oid source = PG_GETARG_OID(0);
  const bool watch = PG_GETARG_BOOL(1);
  WithSpi([&] {
    if (!pg_class_ownercheck(source, GetUserId())) {
      aclcheck_error(ACLCHECK_NOT_OWNER, OBJECT_TABLE, get_rel_name(source));
    }
    if (watch) {
      WatchEvents(source);
    } else {
      StopWatchingEvents(source);
    }
  });
  PG_RETURN_VOID();
}

// The triggers of watched events: millrace.note_change() returns trigger.
MILLRACE_FUNCTION(note_change) {
  if (!CALLED_AS_TRIGGER(fcinfo)) {
    ereport(ERROR, (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
                    errmsg("millrace.note_change is called by triggers only")));
  }
  const auto* trigger = reinterpret_cast<TriggerData*>(fcinfo->context);
  // Once per table and subtransaction, which may be rolled back by itself.
  static Oid noted;
  static TransactionId noted_in;
  const Oid relation = RelationGetRelid(trigger->tg_relation);
  const TransactionId transaction = GetCurrentTransactionId();
  if (noted != relation || noted_in != transaction) {
    NoteChange(relation);
    noted = relation;
    noted_in = transaction;
  }
  PG_RETURN_POINTER(nullptr);
}

// The trigger of each rollup's table: millrace.note_edit() returns trigger.
MILLRACE_FUNCTION(note_edit) {
  if (!CALLED_AS_TRIGGER(fcinfo)) {
    ereport(ERROR, (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
                    errmsg("millrace.note_edit is called by triggers only")));
  }
  if (!IsFiredByRefresh()) {
    const auto* trigger = reinterpret_cast<TriggerData*>(fcinfo->context);
    WithSpi([&] {
      RunOnCatalog(
          "UPDATE millrace.rollup SET edited_at = pg_catalog.clock_timestamp() WHERE relation = $1 "
          "AND edited_at IS NULL",
          {OidArgument(RelationGetRelid(trigger->tg_relation))});
    });
  }
  PG_RETURN_POINTER(nullptr);
}

// The trigger of those tables of the catalog from which the planner takes what it knows of rollups:
// millrace.rollups_changed() returns trigger. Plans over any rollup are made again.
MILLRACE_FUNCTION(rollups_changed) {
  if (!CALLED_AS_TRIGGER(fcinfo)) {
    ereport(ERROR, (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
                    errmsg("millrace.rollups_changed is called by triggers only")));
  }
  const Oid schema = get_namespace_oid("millrace", true);
  const Oid catalog = OidIsValid(schema) ? get_relname_relid("rollup", schema) : InvalidOid;
  if (OidIsValid(catalog)) {
    CacheInvalidateRelcacheByRelid(catalog);
    Relation table = table_open(catalog, AccessShareLock);
    const AttrNumber column = get_attnum(catalog, "relation");
    SysScanDesc scan = systable_beginscan(table, InvalidOid, false, nullptr, 0, nullptr);
    HeapTuple tuple;
    while (HeapTupleIsValid(tuple = systable_getnext(scan))) {
      bool is_null;
      const Datum relation = heap_getattr(tuple, column, RelationGetDescr(table), &is_null);
      if (is_null || get_rel_name(DatumGetObjectId(relation)) == nullptr) continue;
      CacheInvalidateRelcacheByRelid(DatumGetObjectId(relation));
    }
    systable_endscan(scan);
    table_close(table, AccessShareLock);
  }
  PG_RETURN_POINTER(nullptr);
}
