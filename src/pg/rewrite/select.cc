#include "pg/rewrite/select.h"

#include "pg/base/list.h"

namespace millrace::pg {
namespace {

RangeTblEntry* TableEntry(const KnownRollup& rollup) {
  RangeTblEntry* entry = makeNode(RangeTblEntry);
  entry->rtekind = RTE_RELATION;
  entry->relid = rollup.relation;
  entry->relkind = get_rel_relkind(rollup.relation);
  entry->rellockmode = AccessShareLock;
  entry->inh = true;
  entry->inFromCl = true;
  // The lock is held.
  Relation table = relation_open(rollup.relation, NoLock);
  entry->eref = makeAlias(RelationGetRelationName(table), NIL);
  const TupleDesc columns = RelationGetDescr(table);
  for (int i = 0; i < columns->natts; ++i) {
    const FormData_pg_attribute* column = TupleDescAttr(columns, i);
    const char* name = column->attisdropped ? "" : NameStr(column->attname);
    entry->eref->colnames = lappend(entry->eref->colnames, makeString(pstrdup(name)));
  }
  relation_close(table, NoLock);
  return entry;
}

RangeTblEntry* SubqueryEntry(Query* query, const char* name) {
  RangeTblEntry* entry = makeNode(RangeTblEntry);
  entry->rtekind = RTE_SUBQUERY;
  entry->subquery = query;
  entry->alias = makeAlias(name, NIL);
  entry->eref = makeAlias(name, NIL);
  for (const TargetEntry* column : Each<TargetEntry>(query->targetList)) {
    entry->eref->colnames = lappend(entry->eref->colnames, makeString(pstrdup(column->resname)));
  }
  entry->inFromCl = true;
  return entry;
}

Query* MakeSelect(const Question& question) {
  Query* query = makeNode(Query);
  query->commandType = CMD_SELECT;
  query->querySource = question.query->querySource;
  query->canSetTag = true;
  query->hasRowSecurity = question.query->hasRowSecurity;
  return query;
}

RangeTblRef* Reference(int index) {
  RangeTblRef* reference = makeNode(RangeTblRef);
  reference->rtindex = index;
  return reference;
}

// Groups the events that a query selects by those of its columns that are keys.
void GroupByKeys(const Question& question, Query* query) {
  query->hasAggs = false;
  for (int i = 0; i < list_length(question.items); ++i) {
    auto* target = static_cast<TargetEntry*>(list_nth(query->targetList, i));
    if (static_cast<const Item*>(list_nth(question.items, i))->key == nullptr) {
      query->hasAggs = true;
      continue;
    }
    SortGroupClause* clause = makeNode(SortGroupClause);
    get_sort_group_operators(exprType(reinterpret_cast<Node*>(target->expr)), false, true, false,
                             &clause->sortop, &clause->eqop, nullptr, &clause->hashable);
    clause->tleSortGroupRef = target->ressortgroupref = static_cast<Index>(i + 1);
    query->groupClause = lappend(query->groupClause, clause);
  }
  query->hasSubLinks = checkExprHasSubLink(query->jointree->quals);
}

}  // namespace

Query* SelectPart(const Question& question, const Part& part, const Query* tail) {
  Query* query = MakeSelect(question);
  if (part.fit->rollup != nullptr) {
    RangeTblEntry* entry = TableEntry(*part.fit->rollup);
    entry->securityQuals = CopyNode(part.fit->security);
    query->rtable = list_make1(entry);
    AskForNoRights(query, entry);
  } else {
    query->rtable = list_make1(SubqueryEntry(CopyNode(tail), "tail"));
    query->hasRowSecurity = tail->hasRowSecurity;
  }
  List* conditions = list_concat(CopyNode(part.fit->conditions), CopyNode(part.conditions));
  query->jointree = makeFromExpr(
      list_make1(Reference(1)),
      conditions == NIL ? nullptr : reinterpret_cast<Node*>(make_ands_explicit(conditions)));
  for (int i = 0; i < list_length(question.items); ++i) {
    const auto* item = static_cast<const Item*>(list_nth(question.items, i));
    Node* value = CopyNode(static_cast<Node*>(list_nth(part.fit->values, i)));
    if (exprType(value) != item->type) {
      value = coerce_to_target_type(nullptr, value, exprType(value), item->type, -1,
                                    COERCION_EXPLICIT, COERCE_IMPLICIT_CAST, -1);
      if (value == nullptr) elog(ERROR, "a part of the answer is of another type");
    }
    query->targetList = lappend(query->targetList, makeTargetEntry(reinterpret_cast<Expr*>(value),
                                                                   static_cast<AttrNumber>(i + 1),
                                                                   psprintf("c%d", i + 1), false));
  }
  if (IsOfEvents(*part.fit)) GroupByKeys(question, query);
  return query;
}

Query* UnionAll(const Question& question, const List* queries) {
  if (list_length(queries) == 1) return static_cast<Query*>(linitial(queries));
  Query* query = MakeSelect(question);
  query->jointree = makeFromExpr(NIL, nullptr);
  Node* tree = nullptr;
  for (auto* each : Each<Query>(queries)) {
    query->rtable = lappend(
        query->rtable, SubqueryEntry(each, psprintf("part_%d", list_length(query->rtable) + 1)));
    auto* leaf = reinterpret_cast<Node*>(Reference(list_length(query->rtable)));
    if (tree == nullptr) {
      tree = leaf;
      continue;
    }
    SetOperationStmt* both = makeNode(SetOperationStmt);
    both->op = SETOP_UNION;
    both->all = true;
    both->larg = tree;
    both->rarg = leaf;
    for (const Item* item : Each<Item>(question.items)) {
      both->colTypes = lappend_oid(both->colTypes, item->type);
      both->colTypmods = lappend_int(both->colTypmods, item->typmod);
      both->colCollations = lappend_oid(both->colCollations, item->collation);
    }
    tree = reinterpret_cast<Node*>(both);
  }
  query->setOperations = tree;
  int number = 0;
  for (const Item* item : Each<Item>(question.items)) {
    ++number;
    Var* column =
        makeVar(1, static_cast<AttrNumber>(number), item->type, item->typmod, item->collation, 0);
    query->targetList = lappend(query->targetList, makeTargetEntry(reinterpret_cast<Expr*>(column),
                                                                   static_cast<AttrNumber>(number),
                                                                   psprintf("c%d", number), false));
  }
  return query;
}

}  // namespace millrace::pg
