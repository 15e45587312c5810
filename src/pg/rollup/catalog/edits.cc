#include "pg/rollup/catalog/edits.h"

#include "pg/base/list.h"
#include "pg/base/spi.h"
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

}  // namespace millrace::pg

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
