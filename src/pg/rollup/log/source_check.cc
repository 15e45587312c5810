// Checking thousands of partitions takes longer than a small refresh. So each table that passed is
// remembered until PostgreSQL says that something about it has changed, and a whole tree until
// something about one of its tables has changed. A new partition changes its parent too: PostgreSQL
// says so of both. If only leaves have changed, only these are checked again.

#include "pg/rollup/log/source_check.h"

#include "pg/base/list.h"
#include "pg/rollup/catalog/catalog.h"
#include "pg/tail/ancestors.h"
#include "pg/tail/publish.h"

namespace millrace::pg {
namespace {

// Counts changes of any table with tables below it, and of those that subscriptions write to.
uint64 changes = 0;

// Tables in the tree of a source that passed: they take their ids from this sequence.
struct CheckedTable {
  Oid table;
  Oid sequence;
  bool has_below;  // there may be tables below it
};
HTAB* checked_tables = nullptr;

// Checked tables without others below them that have changed since.
constexpr int kMostChanged = 64;
Oid changed_leaves[kMostChanged];
int changed_count = 0;

// Sources whose whole tree passed, and at which count of changes.
struct CheckedSource {
  Oid source;
  Oid sequence;
  uint64 changes;
};
HTAB* checked_sources = nullptr;

void ForgetTable(Datum, Oid table) {
  if (OidIsValid(table)) {
    const auto* known =
        static_cast<CheckedTable*>(hash_search(checked_tables, &table, HASH_FIND, nullptr));
    if (known == nullptr) return;
    if (known->has_below || changed_count == kMostChanged) {
      ++changes;
      changed_count = 0;
    } else {
      changed_leaves[changed_count++] = table;
    }
    (void)hash_search(checked_tables, &table, HASH_REMOVE, nullptr);
    return;
  }
  ++changes;
  changed_count = 0;
  HASH_SEQ_STATUS status;
  hash_seq_init(&status, checked_tables);
  while (auto* entry = static_cast<CheckedTable*>(hash_seq_search(&status))) {
    (void)hash_search(checked_tables, &entry->table, HASH_REMOVE, nullptr);
  }
}

void NoteSubscription(Datum, int, uint32) { ++changes; }

void StartRemembering() {
  if (checked_sources != nullptr) return;
  HASHCTL control = {};
  control.keysize = sizeof(Oid);
  control.entrysize = sizeof(CheckedTable);
  checked_tables = hash_create("millrace checked tables", 256, &control, HASH_ELEM | HASH_BLOBS);
  control.entrysize = sizeof(CheckedSource);
  HTAB* sources = hash_create("millrace checked sources", 16, &control, HASH_ELEM | HASH_BLOBS);
  CacheRegisterRelcacheCallback(ForgetTable, 0);
  CacheRegisterSyscacheCallback(SUBSCRIPTIONRELMAP, NoteSubscription, 0);
  checked_sources = sources;
}

constexpr const char* kOneSequence =
    "A rollup follows its events by the ids of one sequence, so rows with other ids would be "
    "missed.";

[[noreturn]] void RefuseTable(Oid table, Oid source, const char* what, const char* hint) {
  ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                  errmsg("%s %s, so no rollup can follow %s", QualifiedName(table), what,
                         QualifiedName(source)),
                  errdetail("%s", kOneSequence), errhint("%s", hint)));
  pg_unreachable();
}

// Checks a table below the source. It may have a default of its own, which gives the ids of rows
// that are written directly to it. REQUIRES: the table is locked.
void CheckTableBelow(Oid table, Oid source, const IdSource& ids) {
  const AttrNumber attribute = get_attnum(table, ids.column);
  if (attribute == InvalidAttrNumber) return;
  Relation relation = try_relation_open(table, NoLock);
  if (relation == nullptr) return;
  Node* expression = build_column_default(relation, attribute);
  const bool not_null =
      IsNeverNull(table, *TupleDescAttr(RelationGetDescr(relation), attribute - 1));
  const char persistence = relation->rd_rel->relpersistence;
  const char kind = relation->rd_rel->relkind;
  relation_close(relation, NoLock);
  const char* column = quote_identifier(ids.column);
  const Oid sequence = SequenceOfDefault(expression);
  if (OidIsValid(sequence) && sequence != ids.sequence) {
    RefuseTable(
        table, source,
        psprintf("takes ids for \"%s\" from a sequence of its own, %s", ids.column,
                 QualifiedName(sequence)),
        psprintf("Run ALTER TABLE %s ALTER COLUMN %s DROP IDENTITY IF EXISTS, then ALTER COLUMN %s "
                 "SET DEFAULT nextval(%s). The rows in it need new ids.",
                 QualifiedName(table), column, column,
                 quote_literal_cstr(QualifiedName(ids.sequence))));
  }
  if (expression != nullptr && !OidIsValid(sequence)) {
    RefuseTable(
        table, source,
        psprintf("has another default for \"%s\" than the sequence %s", ids.column,
                 QualifiedName(ids.sequence)),
        psprintf("Run ALTER TABLE %s ALTER COLUMN %s SET DEFAULT nextval(%s).",
                 QualifiedName(table), column, quote_literal_cstr(QualifiedName(ids.sequence))));
  }
  if (!not_null) {
    RefuseTable(
        table, source, psprintf("lets \"%s\" be NULL", ids.column),
        psprintf("Run ALTER TABLE %s ALTER COLUMN %s SET NOT NULL.", QualifiedName(table), column));
  }
  if (kind == RELKIND_FOREIGN_TABLE) {
    RefuseTable(table, source, "is a foreign table, whose rows may get ids elsewhere",
                "Detach it, or declare the rollup where its rows are.");
  }
  if (kind == RELKIND_RELATION && persistence != RELPERSISTENCE_PERMANENT) {
    ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                    errmsg("%s is unlogged, so no rollup can follow %s", QualifiedName(table),
                           QualifiedName(source)),
                    errdetail("A crash would empty it, and the rollup would still count its rows."),
                    errhint("Run ALTER TABLE %s SET LOGGED.", QualifiedName(table))));
  }
}

// Rows that logical replication writes have the publisher's ids.
void CheckNoSubscription(const List* tables, Oid source) {
  Relation relation = table_open(SubscriptionRelRelationId, AccessShareLock);
  SysScanDesc scan = systable_beginscan(relation, InvalidOid, false, nullptr, 0, nullptr);
  while (HeapTuple tuple = systable_getnext(scan)) {
    const Oid table = reinterpret_cast<Form_pg_subscription_rel>(GETSTRUCT(tuple))->srrelid;
    if (!list_member_oid(tables, table)) continue;
    RefuseTable(table, source, "is written by a subscription, with the ids of its publisher",
                "Declare the rollup at the publisher, or copy the events into a table that numbers "
                "them itself.");
  }
  systable_endscan(scan);
  table_close(relation, AccessShareLock);
}

// A default may name a sequence that belongs to somebody else, and millrace.watermark shows
// everybody how far it has come.
void CheckMayReadSequence(Oid source, const IdSource& ids, Oid owner) {
  if (OwnerOf(ids.sequence) == OwnerOf(source) ||
      pg_class_aclcheck(ids.sequence, owner, ACL_SELECT | ACL_USAGE) == ACLCHECK_OK) {
    return;
  }
  ereport(
      ERROR,
      (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
       errmsg("permission denied for sequence %s, which hands out ids of %s",
              QualifiedName(ids.sequence), QualifiedName(source)),
       errdetail("The watermark of a rollup shows everybody how far the sequence has come."),
       errhint("Have its owner run: GRANT SELECT ON SEQUENCE %s TO %s.",
               QualifiedName(ids.sequence), quote_identifier(GetUserNameFromId(owner, false)))));
}

}  // namespace

void CheckNoRowSecurity(Oid table, Oid role) {
  if (check_enable_rls(table, role, true) != RLS_ENABLED) return;
  ereport(ERROR,
          (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
           errmsg("row security of %s applies to role %s, which refreshes the rollup",
                  QualifiedName(table), quote_identifier(GetUserNameFromId(role, false))),
           errdetail("Rows that a policy hides would never be counted."),
           errhint("Let the rollup belong to a role that row security does not apply to: the owner "
                   "of the table if it has no FORCE ROW LEVEL SECURITY, or a role with BYPASSRLS. "
                   "Views over the rollup can then limit what readers see.")));
}

namespace {

// Checks one table of the tree, unless it is known to be right. False if somebody has locked it.
bool CheckOne(Oid table, Oid source, const IdSource& ids, bool wait) {
  bool found;
  const auto* checked =
      static_cast<CheckedTable*>(hash_search(checked_tables, &table, HASH_FIND, nullptr));
  if (checked != nullptr && checked->sequence == ids.sequence) return true;
  if (wait) {
    LockRelationOid(table, AccessShareLock);
  } else if (!ConditionalLockRelationOid(table, AccessShareLock)) {
    return false;
  }
  CheckTableBelow(table, source, ids);
  // A partition that is not partitioned itself can have no tables below it.
  const bool has_below =
      !get_rel_relispartition(table) || get_rel_relkind(table) == RELKIND_PARTITIONED_TABLE;
  auto* entry = static_cast<CheckedTable*>(hash_search(checked_tables, &table, HASH_ENTER, &found));
  *entry = {table, ids.sequence, has_below};
  return true;
}

void CheckChangedLeaves(Oid source, const IdSource& ids, bool wait) {
  for (int i = changed_count - 1; i >= 0 && i < changed_count; --i) {
    const Oid leaf = changed_leaves[i];
    if (!IsInTree(leaf, source) || !CheckOne(leaf, source, ids, wait)) continue;
    // Looking at it may have noticed more changes; they come after it.
    if (i < changed_count && changed_leaves[i] == leaf) {
      changed_leaves[i] = changed_leaves[--changed_count];
    }
  }
}

}  // namespace

void CheckSource(Oid source, const IdSource& ids, Oid owner, bool wait) {
  CheckNoRowSecurity(source, owner);
  CheckMayReadSequence(source, ids, owner);
  StartRemembering();
  if (changed_count > 0) CheckChangedLeaves(source, ids, wait);
  bool found;
  auto* known =
      static_cast<CheckedSource*>(hash_search(checked_sources, &source, HASH_FIND, nullptr));
  const uint64 before = changes;
  if (known != nullptr && known->changes == before && known->sequence == ids.sequence) return;
  List* tables = find_all_inheritors(source, NoLock, nullptr);
  CheckNoSubscription(get_rel_relispartition(source)
                          ? list_concat_copy(tables, get_partition_ancestors(source))
                          : tables,
                      source);
  bool all = true;
  for (const Oid table : EachOid(tables)) {
    CHECK_FOR_INTERRUPTS();
    all &= CheckOne(table, source, ids, wait);
  }
  if (!all) return;
  known = static_cast<CheckedSource*>(hash_search(checked_sources, &source, HASH_ENTER, &found));
  *known = {source, ids.sequence, before};
}

void CheckNotWriting(Oid source) {
  int count;
  const Oid* locked = LockedForWriting(&count);
  for (int i = 0; i < count; ++i) {
    const Oid table = locked[i];
    if (!IsInTree(table, source) && !IsInTree(source, table)) continue;
    LOCKTAG tag;
    SET_LOCKTAG_RELATION(tag, MyDatabaseId, table);
    if (!HoldsLock(tag, RowExclusiveLock)) continue;
    Relation relation = try_relation_open(table, AccessShareLock);
    if (relation == nullptr) continue;
    CheckTableNotInUse(relation, "refresh a rollup of");
    relation_close(relation, AccessShareLock);
  }
}

}  // namespace millrace::pg
