// millrace.refresh_rollup, drop_rollup, pause_rollup, resume_rollup.

#include "pg/base/fault_point.h"
#include "pg/base/spi.h"
#include "pg/rollup/log/source_check.h"
#include "pg/rollup/refresh/edits.h"
#include "pg/rollup/refresh/refresh.h"
#include "pg/rollup/refresh/set_aside.h"
#include "pg/rollup/registry/worker_registry.h"
#include "pg/rollup/sql/statements.h"

using namespace millrace::pg;

namespace {

void SetPausedFor(Oid relation, bool paused) {
  WithSpi([&] {
    const Rollup* rollup = GetRollup(relation);
    CheckOwner(*rollup);
    if (OidIsValid(rollup->parent)) {
      ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                      errmsg("rollup %s is refreshed together with %s", rollup->name,
                             QualifiedName(rollup->parent)),
                      errhint("Pause or resume that one.")));
    }
    SetPaused(relation, paused);
  });
  NotifyWorker();
}

void RefuseWithChildren(const Rollup& rollup) {
  const List* children = RollupsOf(rollup.relation);
  if (children == NIL) return;
  ereport(ERROR, (errcode(ERRCODE_DEPENDENT_OBJECTS_STILL_EXIST),
                  errmsg("cannot drop rollup %s: rollup %s is declared over it", rollup.name,
                         QualifiedName(linitial_oid(children))),
                  errhint("Drop that one first.")));
}

// Raises 42501 unless the current user may drop this relation: owns it, or is a superuser. Works
// also when the definition is damaged or the relation is gone.
void CheckMayDrop(Oid relation) {
  if (get_rel_name(relation) == nullptr || !pg_class_ownercheck(relation, GetUserId())) {
    if (!superuser()) {
      aclcheck_error(ACLCHECK_NOT_OWNER, OBJECT_TABLE, QualifiedName(relation));
    }
  }
}

void DropRelation(Oid relation, const char* kind) {
  if (!OidIsValid(relation) || get_rel_name(relation) == nullptr) return;
  // PostgreSQL's hint is to use CASCADE, which drop_rollup does not have.
  ErrorContextCallback callback;
  callback.callback = [](void*) {
    if (geterrcode() != ERRCODE_DEPENDENT_OBJECTS_STILL_EXIST) return;
    errhint(
        "Drop the objects that depend on it first; drop_rollup(..., keep_table => true) keeps the "
        "table itself.");
  };
  callback.arg = nullptr;
  callback.previous = error_context_stack;
  error_context_stack = &callback;
  RunSql(psprintf("DROP %s %s", kind, QualifiedName(relation)));
  error_context_stack = callback.previous;
}

}  // namespace

// millrace.refresh_rollup(rollup regclass) returns bigint: how far the watermark moved, in ids.
MILLRACE_FUNCTION(refresh_rollup) {
  RequireReadCommitted("millrace.refresh_rollup");
  PG_RETURN_INT64(WithSpi([&] {
    Rollup* root = LoadFamily(PG_GETARG_OID(0));
    CheckOwner(*root);
    return RefreshFamily(root, {}).ids;
  }));
}

// millrace.refresh_statement(rollup regclass) returns text: the statement by which a refresh brings
// the rollup's family from the id $1 to the id $2.
MILLRACE_FUNCTION(refresh_statement) {
  PG_RETURN_TEXT_P(WithSpi([&] {
    const Rollup* root = LoadFamily(PG_GETARG_OID(0));
    CheckOwner(*root);
    const IdSource ids = FindIdSource(root->source, root->id_column);
    return TextOutsideSpi(RefreshSql(*root, ids.column));
  }));
}

// millrace.drop_rollup(rollup regclass, keep_table boolean) returns void.
MILLRACE_FUNCTION(drop_rollup) {
  const Oid relation = PG_GETARG_OID(0);
  const bool keep_table = PG_GETARG_BOOL(1);
  WithSpi([&] {
    CheckMayDrop(relation);
    RollupViews views;
    if (!FindViews(relation, &views)) GetRollup(relation);
    PreventCommandIfReadOnly("millrace.drop_rollup");
    // The locks in the order in which refreshes, verifications and readers take them: the relations
    // before the rows of the catalog. In the other order they could wait for one another.
    for (const Oid dropped : {views.live, views.definition, keep_table ? InvalidOid : relation}) {
      if (OidIsValid(dropped)) LockRelationOid(dropped, AccessExclusiveLock);
    }
    Rollup bare = {};
    bare.relation = relation;
    bare.name = QualifiedName(relation);
    RefuseWithChildren(bare);
    // Waits for a running refresh.
    if (ReadWatermarks(relation).count > 0) LockWatermarks(relation, true);
    DeleteRollup(relation);
    DropRelation(views.live, "VIEW");
    DropRelation(views.definition, "VIEW");
    DropRelation(views.watermark_copy, "TABLE");
    if (!keep_table) {
      DropRelation(relation, "TABLE");
    } else if (get_rel_name(relation) != nullptr) {
      StopWatching(bare);
    }
    FaultPoint("drop: dropped");
  });
  NotifyWorker();
  PG_RETURN_VOID();
}

// millrace.retry_failed_events(rollup regclass) returns bigint: how many events are no longer set
// aside.
MILLRACE_FUNCTION(retry_failed_events) {
  RequireReadCommitted("millrace.retry_failed_events");
  PG_RETURN_INT64(WithSpi([&] {
    Rollup* root = LoadFamily(PG_GETARG_OID(0));
    CheckOwner(*root);
    Watermarks watermarks;
    LockWatermarks(*root, true, &watermarks);
    const IdSource ids = FindIdSource(root->source, root->id_column);
    CheckFamily(*root, ids, true);
    CheckNotWriting(root->source);
    int64 counted = 0;
    InsideRefresh(root->relation, [&] { counted = RetryFailedEvents(*root, ids.column); });
    return counted;
  }));
}

// millrace.no_watermark(rollup regclass) returns bigint: a live view calls it when its watermark is
// missing. Raises 55000.
MILLRACE_FUNCTION(no_watermark) {
  const char* name = get_rel_name(PG_GETARG_OID(0));
  if (name == nullptr) name = "...";
  ereport(ERROR,
          (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
           errmsg("%s is not declared as a rollup in this database, so its live view does not know "
                  "which events are in it",
                  QualifiedName(PG_GETARG_OID(0))),
           errdetail("It was restored without the rows of Millrace's own tables: from a dump of "
                     "one schema, or by a role that may not write to them."),
           errhint("Drop its views %s_live and %s_definition, and declare it again: "
                   "millrace.create_rollup(..., start_after => ...), or over an empty table.",
                   name, name)));
  PG_RETURN_NULL();
}

MILLRACE_FUNCTION(pause_rollup) {
  SetPausedFor(PG_GETARG_OID(0), true);
  PG_RETURN_VOID();
}

MILLRACE_FUNCTION(resume_rollup) {
  SetPausedFor(PG_GETARG_OID(0), false);
  PG_RETURN_VOID();
}
