#include "pg/rewrite/known_columns.h"

#include "pg/base/list.h"
#include "pg/rollup/catalog/aggregates.h"
#include "pg/rollup/catalog/definition_parts.h"
#include "pg/rollup/refresh/edits.h"

namespace millrace::pg {
namespace {

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

const char* ReadDefinition(KnownRollup* rollup, bool* is_locked) {
  const Oid view = rollup->definition;
  *is_locked = !ConditionalLockRelationOid(view, AccessShareLock);
  if (*is_locked) return "its definition is locked";
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

bool ReadEventColumns(KnownRollup* events) {
  if (!ConditionalLockRelationOid(events->relation, AccessShareLock)) return false;
  Relation table = try_relation_open(events->relation, NoLock);
  if (table == nullptr) return false;
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
  return true;
}

}  // namespace millrace::pg
