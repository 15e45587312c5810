#include "pg/rewrite/known_rollups.h"

#include "pg/base/list.h"
#include "pg/rewrite/cut.h"
#include "pg/rollup/catalog/aggregates.h"
#include "pg/rollup/catalog/definition_parts.h"
#include "pg/rollup/catalog/extension.h"
#include "pg/rollup/refresh/edits.h"

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

KnownColumn* AddColumn(KnownRollup* rollup, const char* name, ColumnRole role) {
  const AttrNumber attribute = get_attnum(rollup->relation, name);
  if (attribute == InvalidAttrNumber) return nullptr;
  auto* column = static_cast<KnownColumn*>(palloc0(sizeof(KnownColumn)));
  column->attribute = attribute;
  column->role = role;
  get_atttypetypmodcoll(rollup->relation, attribute, &column->type, &column->typmod,
                        &column->collation);
  rollup->columns = lappend(rollup->columns, column);
  return column;
}

// The aggregate that unites sketches of a type; it is in the schema of the one that makes them. The
// user need not have rights on that schema: any query of theirs may be the one that asks first.
Oid UnionAggregate(const Aggref* made_by, const char* name, Oid type) {
  return GetSysCacheOid3(PROCNAMEARGSNSP, Anum_pg_proc_oid, CStringGetDatum(name),
                         PointerGetDatum(buildoidvector(&type, 1)),
                         ObjectIdGetDatum(get_func_namespace(made_by->aggfnoid)));
}

// Adds the column of one output of the definition. Returns why it does not fit, or nullptr.
const char* AddOutput(KnownRollup* rollup, const Query* query, TargetEntry* entry) {
  constexpr const char* kChanged = "it has been changed since it was declared";
  bool is_key = false;
  for (const SortGroupClause* clause : Each<SortGroupClause>(query->groupClause)) {
    is_key |= entry->ressortgroupref != 0 && clause->tleSortGroupRef == entry->ressortgroupref;
  }
  auto* node = reinterpret_cast<Node*>(entry->expr);
  if (is_key) {
    KnownColumn* column = AddColumn(rollup, entry->resname, ColumnRole::kKey);
    if (column == nullptr || column->type != exprType(node)) return kChanged;
    column->expression = Simplified(node);
    column->exact = EqualMeansSame(column->type, column->collation);
    return nullptr;
  }
  Aggref* aggref = AggregateBelowCasts(entry->expr);
  const KnownAggregate* aggregate = aggref == nullptr ? nullptr : FindAggregate(aggref);
  if (aggregate == nullptr) return kChanged;
  if (aggregate->role == ColumnRole::kAverage) {
    const bool found =
        AddColumn(rollup, psprintf("%s_sum", entry->resname), ColumnRole::kSum) != nullptr &&
        AddColumn(rollup, psprintf("%s_count", entry->resname), ColumnRole::kCount) != nullptr;
    return found ? nullptr : kChanged;
  }
  KnownColumn* column = AddColumn(rollup, entry->resname, aggregate->role);
  if (column == nullptr || column->type != exprType(node)) return kChanged;
  if (aggref->args != NIL) {
    column->expression = Simplified(
        reinterpret_cast<Node*>(static_cast<TargetEntry*>(linitial(aggref->args))->expr));
  }
  column->aggref = aggref;
  column->filter = Simplified(reinterpret_cast<Node*>(aggref->aggfilter));
  column->input_collation = aggref->inputcollid;
  if (column->role == ColumnRole::kHll) {
    column->merge = UnionAggregate(aggref, "hll_union_agg", column->type);
  } else if (column->role == ColumnRole::kTopN) {
    column->merge = UnionAggregate(aggref, "topn_union_agg", column->type);
  }
  return nullptr;
}

// Whether changes of its rows by hand are noted, also in a session that replicates.
bool IsWatched(const TriggerDesc* triggers) {
  for (int i = 0; triggers != nullptr && i < triggers->numtriggers; ++i) {
    const Trigger& trigger = triggers->triggers[i];
    if (strcmp(trigger.tgname, kEditTrigger) == 0) {
      return trigger.tgenabled == TRIGGER_FIRES_ALWAYS;
    }
  }
  return false;
}

// Whether anything but a refresh may decide what is in the table's rows.
const char* LookAtTable(Oid relation) {
  if (!ConditionalLockRelationOid(relation, AccessShareLock)) return "it is locked";
  Relation table = try_relation_open(relation, NoLock);
  if (table == nullptr) return "it was dropped";
  const char* why = nullptr;
  const TriggerDesc* triggers = table->trigdesc;
  if (table->rd_rel->relkind != RELKIND_RELATION || table->rd_rel->relhassubclass) {
    why = "it is not an ordinary table";
  } else if (table->rd_rules != nullptr) {
    why = "it has rules";
  } else if (triggers != nullptr &&
             (triggers->trig_insert_before_row || triggers->trig_update_before_row)) {
    why = "it has triggers that may change its rows";
  } else if (!IsWatched(triggers)) {
    why =
        "changes of its rows by hand are not noted, as its trigger millrace_note_edit is not "
        "enabled always";
  }
  relation_close(table, AccessShareLock);
  return why;
}

// Reads the query of a definition view: what the rollup's columns are.
const char* ReadDefinition(KnownRollup* rollup, Oid view) {
  if (!ConditionalLockRelationOid(view, AccessShareLock)) {
    is_current = false;
    return "its definition is locked";
  }
  Relation relation = try_relation_open(view, NoLock);
  if (relation == nullptr || relation->rd_rel->relkind != RELKIND_VIEW) {
    if (relation != nullptr) relation_close(relation, NoLock);
    UnlockRelationOid(view, AccessShareLock);
    return "its definition is gone";
  }
  auto* query = CopyNode(get_view_query(relation));
  relation_close(relation, AccessShareLock);
  FlattenGroupEntry(query);
  constexpr const char* kOther = "its definition was replaced";
  const List* from = query->jointree->fromlist;
  if (list_length(from) != 1 || !IsA(linitial(from), RangeTblRef) || query->hasSubLinks ||
      query->havingQual != nullptr || query->distinctClause != NIL || query->cteList != NIL ||
      query->groupingSets != NIL || query->hasTargetSRFs || query->hasWindowFuncs ||
      query->limitCount != nullptr || query->limitOffset != nullptr ||
      query->setOperations != nullptr) {
    return kOther;
  }
  const int table = static_cast<RangeTblRef*>(linitial(from))->rtindex;
  const RangeTblEntry* entry = rt_fetch(table, query->rtable);
  if (entry->rtekind != RTE_RELATION || entry->relid != rollup->source) return kOther;
  if (table != 1) {
    ChangeVarNodes(reinterpret_cast<Node*>(query->targetList), table, 1, 0);
    ChangeVarNodes(query->jointree->quals, table, 1, 0);
  }
  rollup->where = make_ands_implicit(reinterpret_cast<Expr*>(Simplified(query->jointree->quals)));
  for (auto* output : Each<TargetEntry>(query->targetList)) {
    if (output->resjunk) continue;
    if (const char* why = AddOutput(rollup, query, output)) return why;
  }
  for (const KnownColumn* column : Each<KnownColumn>(rollup->columns)) {
    const bool time = column->role == ColumnRole::kKey && IsTime(column->type);
    // As definition.cc has it: the first key that cuts a time, else the first time.
    const bool cuts = time && IsA(column->expression, FuncExpr);
    if (!time || (rollup->bucket != InvalidAttrNumber && !cuts)) continue;
    rollup->bucket = column->attribute;
    if (cuts) break;
  }
  return nullptr;
}

struct Replacement {
  const List* columns;  // KnownColumn*: what stands for each column
  bool failed;
};

// Replaces columns of a rollup by what its keys are in terms of the rows below.
Node* ReplaceColumns(Node* node, void* context) {
  auto* replacement = static_cast<Replacement*>(context);
  if (node == nullptr) return nullptr;
  if (!IsA(node, Var)) return MutateExpressionTree(node, ReplaceColumns, context);
  const KnownColumn* column =
      ColumnAt(replacement->columns, reinterpret_cast<Var*>(node)->varattno);
  if (column == nullptr || column->role != ColumnRole::kKey) {
    replacement->failed = true;
    return node;
  }
  return CopyNode(column->expression);
}

Node* And(Node* a, Node* b) {
  if (a == nullptr || b == nullptr) return a == nullptr ? b : a;
  return reinterpret_cast<Node*>(make_andclause(list_make2(a, b)));
}

// `rollup`, which reads the rows of `below`, in terms of the rows that `below` is made from;
// nullptr if that cannot be said.
Summary* Compose(const Summary& below, const KnownRollup& rollup) {
  Replacement replacement = {below.columns, false};
  auto replaced = [&](Node* node) {
    return node == nullptr ? nullptr : Simplified(ReplaceColumns(node, &replacement));
  };
  auto* summary = static_cast<Summary*>(palloc0(sizeof(Summary)));
  summary->rollup = &rollup;
  summary->where = list_copy(below.where);
  for (auto* condition : Each<Node>(rollup.where)) {
    summary->where = lappend(summary->where, replaced(condition));
  }
  for (const KnownColumn* each : Each<KnownColumn>(rollup.columns)) {
    auto* column = static_cast<KnownColumn*>(palloc(sizeof(KnownColumn)));
    *column = *each;
    column->filter = replaced(each->filter);
    const auto* var = reinterpret_cast<const Var*>(each->expression);
    const KnownColumn* measure = each->role != ColumnRole::kKey && var != nullptr && IsA(var, Var)
                                     ? ColumnAt(below.columns, var->varattno)
                                     : nullptr;
    if (measure != nullptr && measure->role != ColumnRole::kKey) {
      column->expression = measure->expression;
      column->aggref = measure->aggref;
      // A sum of counts is a count.
      if (measure->role == ColumnRole::kCount) column->role = ColumnRole::kCount;
      column->filter = And(column->filter, measure->filter);
    } else {
      column->expression = CutOnce(replaced(each->expression));
    }
    summary->columns = lappend(summary->columns, column);
  }
  return replacement.failed ? nullptr : summary;
}

// The rollup in terms of its own rows: keys are columns, and so are the arguments of measures.
Summary* Itself(const KnownRollup& rollup) {
  auto* summary = static_cast<Summary*>(palloc0(sizeof(Summary)));
  summary->rollup = &rollup;
  for (const KnownColumn* each : Each<KnownColumn>(rollup.columns)) {
    auto* column = static_cast<KnownColumn*>(palloc(sizeof(KnownColumn)));
    *column = *each;
    column->filter = nullptr;
    column->expression = reinterpret_cast<Node*>(
        makeVar(1, each->attribute, each->type, each->typmod, each->collation, 0));
    summary->columns = lappend(summary->columns, column);
  }
  return summary;
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
  if (!ConditionalLockRelationOid(events->relation, AccessShareLock)) return;
  Relation table = try_relation_open(events->relation, NoLock);
  if (table == nullptr) return;
  const TupleDesc columns = RelationGetDescr(table);
  for (int i = 0; i < columns->natts; ++i) {
    const FormData_pg_attribute* attribute = TupleDescAttr(columns, i);
    if (attribute->attisdropped) continue;
    auto* column = static_cast<KnownColumn*>(palloc0(sizeof(KnownColumn)));
    column->attribute = attribute->attnum;
    column->type = attribute->atttypid;
    column->typmod = attribute->atttypmod;
    column->collation = attribute->attcollation;
    column->role = ColumnRole::kKey;
    column->exact = true;
    events->columns = lappend(events->columns, column);
  }
  relation_close(table, AccessShareLock);
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
    const char* why = ReadDefinition(rollup, rollup->definition);
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

bool CallsUserFunction(Node* node, void*) {
  if (node == nullptr) return false;
  const auto is_users = [](Oid function, void*) { return function >= FirstNormalObjectId; };
  return check_functions_in_node(node, is_users, nullptr) ||
         WalkExpressionTree(node, CallsUserFunction, nullptr);
}

}  // namespace

Node* Simplified(Node* expression) {
  return CallsUserFunction(expression, nullptr) ? expression
                                                : eval_const_expressions(nullptr, expression);
}

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
