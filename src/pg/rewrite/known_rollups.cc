#include "pg/rewrite/known_rollups.h"

#include "pg/base/list.h"
#include "pg/rewrite/compose.h"
#include "pg/rewrite/cut.h"
#include "pg/rewrite/known_columns.h"
#include "pg/rollup/catalog/extension.h"

namespace millrace::pg {
namespace {

struct Entry {
  Oid relation;  // a table or a live view
  KnownRollup* rollup;
};

// All of it is in `memory`, and is replaced as a whole.
struct Known {
  MemoryContext memory;
  HTAB* by_relation;  // Entry
  HTAB* watched;      // Oid: the relations it was made from
  Oid catalog;
  List* rollups;  // KnownRollup*
  List* events;   // KnownRollup*
};
Known known;
// Which rollups there are is read first, and what they are only when a query names one.
bool is_listed = false;
bool is_complete = false;
bool is_current = false;  // nothing has changed since they were listed

// PostgreSQL calls it when the definition of a relation may have changed; InvalidOid: of any.
void RelationChanged(Datum, Oid relation) {
  // Without a catalog, any change may be the one that creates it.
  if (!is_listed || !OidIsValid(relation) || !OidIsValid(known.catalog) ||
      relation == known.catalog ||
      hash_search(known.watched, &relation, HASH_FIND, nullptr) != nullptr) {
    is_current = false;
  }
}

void Watch(Oid relation) { hash_search(known.watched, &relation, HASH_ENTER, nullptr); }

void Register(Oid relation, KnownRollup* rollup) {
  if (!OidIsValid(relation)) return;
  static_cast<Entry*>(hash_search(known.by_relation, &relation, HASH_ENTER, nullptr))->rollup =
      rollup;
}

// A row of a table of the catalog.
class CatalogRow {
 public:
  CatalogRow(Relation table, HeapTuple tuple) : table_(table), tuple_(tuple) {}

  // 0 for NULL.
  Datum Value(const char* column) const {
    bool is_null;
    const AttrNumber attribute = get_attnum(RelationGetRelid(table_), column);
    if (attribute == InvalidAttrNumber) return 0;
    const Datum value = heap_getattr(tuple_, attribute, RelationGetDescr(table_), &is_null);
    return is_null ? 0 : value;
  }
  Oid ObjectId(const char* column) const { return DatumGetObjectId(Value(column)); }

 private:
  Relation table_;
  HeapTuple tuple_;
};

// Calls `body` for each row that the snapshot sees (nullptr: the newest). False if the table is
// locked.
template <typename Body>
bool ForEachRow(Oid table, Snapshot snapshot, Body body) {
  // Never waits: whoever changes the extension may be waiting for this session.
  if (!ConditionalLockRelationOid(table, AccessShareLock)) return false;
  Relation relation = try_relation_open(table, NoLock);
  if (relation == nullptr) {
    UnlockRelationOid(table, AccessShareLock);
    return false;
  }
  SysScanDesc scan = systable_beginscan(relation, InvalidOid, false, snapshot, 0, nullptr);
  HeapTuple tuple;
  while (HeapTupleIsValid(tuple = systable_getnext(scan))) {
    CHECK_FOR_INTERRUPTS();
    body(CatalogRow(relation, tuple));
  }
  systable_endscan(scan);
  relation_close(relation, AccessShareLock);
  return true;
}

Oid TableOfCatalog(const char* name) {
  const Oid schema = get_namespace_oid("millrace", true);
  return OidIsValid(schema) ? get_relname_relid(name, schema) : InvalidOid;
}

KnownRollup* Find(Oid relation) {
  auto* entry = static_cast<Entry*>(hash_search(known.by_relation, &relation, HASH_FIND, nullptr));
  return entry == nullptr ? nullptr : entry->rollup;
}

void AddSummaries(KnownRollup* rollup, const Summary& below) {
  for (KnownRollup* child : Each<KnownRollup>(known.rollups)) {
    if (child->parent != below.rollup || child->unusable != nullptr) continue;
    // A measure of this one is the argument of a measure over it.
    Summary* summary = Compose(below, *child);
    if (summary == nullptr) continue;
    rollup->summaries = lappend(rollup->summaries, summary);
    AddSummaries(rollup, *summary);
  }
}

void ListRollups() {
  const bool read = ForEachRow(known.catalog, nullptr, [](const CatalogRow& row) {
    auto* rollup = static_cast<KnownRollup*>(palloc0(sizeof(KnownRollup)));
    rollup->relation = row.ObjectId("relation");
    rollup->source = row.ObjectId("source");
    rollup->live_view = row.ObjectId("live");
    rollup->root = row.ObjectId("parent");  // completed below
    rollup->definition = row.ObjectId("definition");
    rollup->lacks_events = DatumGetInt64(row.Value("start_after")) != 0;
    if (DatumGetBool(row.Value("paused"))) rollup->unusable = "it is paused";
    if (OidIsValid(row.ObjectId("watermark_copy"))) rollup->unusable = "Citus distributes it";
    if (row.Value("edited_at") != 0) {
      rollup->unusable = "its rows were changed by hand; millrace.rebuild_rollup makes them again";
    }
    if (get_rel_name(rollup->relation) == nullptr) return;
    Watch(rollup->relation);
    Watch(rollup->definition);
    known.rollups = lappend(known.rollups, rollup);
    Register(rollup->relation, rollup);
    Register(rollup->live_view, rollup);
  });
  // Somebody changes the extension: the next query looks again.
  if (!read) is_current = false;
}

// A table of events.
void AddEvents(const CatalogRow& row) {
  auto* events = static_cast<KnownRollup*>(palloc0(sizeof(KnownRollup)));
  events->is_events = true;
  events->relation = row.ObjectId("source");
  if (row.Value("changed_at") != 0) events->unusable = "rows of it were changed or deleted";
  const Datum id = row.Value("id_column");
  if (get_rel_name(events->relation) == nullptr || id == 0) return;
  events->id = get_attnum(events->relation, NameStr(*DatumGetName(id)));
  if (events->id == InvalidAttrNumber) return;
  Watch(events->relation);
  known.events = lappend(known.events, events);
  Register(events->relation, events);
}

// Its rollups answer for it as those over a rollup do.
void ReadEvents(KnownRollup* events) {
  if (!ReadEventColumns(events)) return;
  for (KnownRollup* root : Each<KnownRollup>(known.rollups)) {
    const bool complete = root->parent == nullptr && root->source == events->relation &&
                          root->unusable == nullptr && !root->lacks_events;
    if (!complete) continue;
    auto* summary = static_cast<Summary*>(palloc0(sizeof(Summary)));
    summary->rollup = root;
    summary->columns = root->columns;
    summary->where = root->where;
    const KnownColumn* bucket = ColumnAt(root->columns, root->bucket);
    // Conditions of time are on the column that the first rollup cuts.
    const FuncExpr* cut = bucket == nullptr ? nullptr : AsCut(bucket->expression);
    const auto* time = cut == nullptr ? nullptr : reinterpret_cast<Var*>(TimeOf(cut));
    if (events->bucket == InvalidAttrNumber && time != nullptr && IsA(time, Var)) {
      events->bucket = time->varattno;
    }
    events->summaries = lappend(events->summaries, summary);
    AddSummaries(events, *summary);
  }
}

// Links each rollup with the one that it reads, and hands down what makes a root unusable.
void LinkFamilies() {
  for (KnownRollup* rollup : Each<KnownRollup>(known.rollups)) {
    rollup->parent = OidIsValid(rollup->root) ? Find(rollup->root) : nullptr;
  }
  for (KnownRollup* rollup : Each<KnownRollup>(known.rollups)) {
    const KnownRollup* root = rollup;
    while (root->parent != nullptr) root = root->parent;
    rollup->root = root->relation;
    if (root->unusable != nullptr) rollup->unusable = root->unusable;
  }
}

// Marks the rollups that a table of the catalog names: all of a family, if it names the root.
void MarkUnusable(const char* table, const char* why) {
  const Oid relation = TableOfCatalog(table);
  if (!OidIsValid(relation)) return;
  Watch(relation);
  const bool read = ForEachRow(relation, nullptr, [why](const CatalogRow& row) {
    const Oid named = row.ObjectId("relation");
    for (KnownRollup* rollup : Each<KnownRollup>(known.rollups)) {
      if ((rollup->relation == named || rollup->root == named) && rollup->unusable == nullptr) {
        rollup->unusable = why;
      }
    }
  });
  if (!read) is_current = false;
}

// The rollups that have set events aside: questions to all events cannot be answered from them.
void MarkLacking() {
  const Oid relation = TableOfCatalog("failed_event");
  if (!OidIsValid(relation)) return;
  Watch(relation);
  const bool read = ForEachRow(relation, nullptr, [](const CatalogRow& row) {
    if (KnownRollup* rollup = Find(row.ObjectId("relation"))) rollup->lacks_events = true;
  });
  if (!read) is_current = false;
}

void ListEvents() {
  const Oid relation = TableOfCatalog("watched_source");
  if (!OidIsValid(relation)) return;
  Watch(relation);
  if (!ForEachRow(relation, nullptr, AddEvents)) is_current = false;
}

HTAB* MakeTable(const char* name, Size size, MemoryContext memory) {
  HASHCTL control = {};
  control.keysize = sizeof(Oid);
  control.entrysize = size;
  control.hcxt = memory;
  return hash_create(name, 64, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

void ListAll() {
  // A query that is being planned may still use what is there.
  if (known.memory != nullptr) MemoryContextSetParent(known.memory, TopTransactionContext);
  known = {};
  is_listed = is_complete = false;
  is_current = true;
  MemoryContext memory =
      AllocSetContextCreate(CurrentMemoryContext, "millrace rollups", ALLOCSET_DEFAULT_SIZES);
  known.by_relation = MakeTable("millrace rollups", sizeof(Entry), memory);
  known.watched = MakeTable("millrace watched relations", sizeof(Oid), memory);
  MemoryContext previous = MemoryContextSwitchTo(memory);
  if (ExtensionIsReady()) {
    known.catalog = TableOfCatalog("rollup");
    ListRollups();
    ListEvents();
  }
  MemoryContextSwitchTo(previous);
  // Only now does it outlive an error.
  MemoryContextSetParent(memory, CacheMemoryContext);
  known.memory = memory;
  is_listed = true;
}

void Complete() {
  // After an error it is listed anew.
  is_listed = false;
  MemoryContext previous = MemoryContextSwitchTo(known.memory);
  for (KnownRollup* rollup : Each<KnownRollup>(known.rollups)) {
    if (rollup->unusable == nullptr) rollup->unusable = LookAtTable(rollup->relation);
    bool is_locked;
    const char* why = ReadDefinition(rollup, &is_locked);
    if (is_locked) is_current = false;
    if (rollup->unusable == nullptr) rollup->unusable = why;
  }
  LinkFamilies();
  MarkUnusable("refresh_error", "its last refresh has failed");
  MarkUnusable("difference", "verification has found differences");
  for (KnownRollup* rollup : Each<KnownRollup>(known.rollups)) {
    if (rollup->unusable == nullptr) AddSummaries(rollup, *Itself(*rollup));
  }
  MarkLacking();
  for (KnownRollup* events : Each<KnownRollup>(known.events)) ReadEvents(events);
  MemoryContextSwitchTo(previous);
  is_listed = is_complete = true;
}

void MakeListCurrent() {
  if (!is_listed || !is_current) ListAll();
}

}  // namespace

const KnownRollup* FindKnownRollup(Oid relation_or_view) {
  MakeListCurrent();
  const KnownRollup* found = Find(relation_or_view);
  if (found != nullptr && !is_complete) Complete();
  return found;
}

bool AnyKnownRollup() {
  MakeListCurrent();
  return known.rollups != NIL;
}

bool KnownRollupsAreCurrent() { return is_current; }

bool SnapshotKnows(const List* rollups) {
  if (!OidIsValid(known.catalog)) return false;
  int seen = 0;
  const bool read = ForEachRow(known.catalog, GetActiveSnapshot(), [&](const CatalogRow& row) {
    const Oid relation = row.ObjectId("relation");
    for (const KnownRollup* rollup : Each<KnownRollup>(rollups)) {
      seen += rollup->relation == relation && row.Value("edited_at") == 0;
    }
  });
  return read && seen == list_length(rollups);
}

bool SnapshotKnowsEvents(Oid source) {
  bool whole = false;
  const bool read =
      ForEachRow(TableOfCatalog("watched_source"), GetActiveSnapshot(), [&](const CatalogRow& row) {
        whole |= row.ObjectId("source") == source && row.Value("changed_at") == 0;
      });
  if (!read) return false;
  return ForEachRow(TableOfCatalog("failed_event"), GetActiveSnapshot(),
                    [&](const CatalogRow& row) {
                      const KnownRollup* rollup = Find(row.ObjectId("relation"));
                      whole &= rollup == nullptr || rollup->source != source;
                    }) &&
         whole;
}

void InstallKnownRollups() { CacheRegisterRelcacheCallback(RelationChanged, 0); }

}  // namespace millrace::pg
