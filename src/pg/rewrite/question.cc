#include "pg/rewrite/question.h"

#include "pg/base/list.h"
#include "pg/rewrite/clauses.h"
#include "pg/rewrite/conditions.h"
#include "pg/rewrite/items.h"
#include "pg/rewrite/keys.h"
#include "pg/rollup/catalog/aggregates.h"

namespace millrace::pg {
namespace {

// Walks the expressions of the query. The same walk finds the items and, later, puts columns of the
// answer in their places.
struct Taker {
  Question* question;
  const List* grouped;  // the expressions that the query groups by
  // Whether only these, and what is below aggregates, may read the rollup.
  bool is_grouped;
  bool put;
};

Node* Take(Node* node, void* context);

Node* Refuse(Taker* taker, Node* node, const char* why) {
  if (taker->question->why == nullptr) taker->question->why = why;
  return node;
}

Node* TakeKey(Taker* taker, Node* node) {
  const Item item = KeyItem(*taker->question, node);
  if (!taker->put) {
    Need(taker->question, item);
    return node;
  }
  Var* column = AnswerColumn(*taker->question, item);
  if (IsA(node, Var)) CopyNullingRelations(column, reinterpret_cast<Var*>(node));
  return reinterpret_cast<Node*>(column);
}

// An aggregate that gives the same however often it sees a value.
bool IsIdempotent(const Aggref* aggref) {
  if (aggref->aggkind != AGGKIND_NORMAL) return false;
  if (aggref->aggdistinct != NIL) return true;
  if (aggref->aggorder != NIL) return false;
  const KnownAggregate* known = FindAggregate(aggref);
  return known != nullptr && known->idempotent;
}

Node* TakeAggregate(Taker* taker, Aggref* aggref) {
  const Question& question = *taker->question;
  auto* node = reinterpret_cast<Node*>(aggref);
  Item item;
  if (FindMeasure(question, aggref, &item)) {
    if (taker->put) return MergeColumn(question, aggref, item);
    Need(taker->question, item);
    return node;
  }
  if (!IsIdempotent(aggref)) {
    return Refuse(taker, node,
                  aggref->aggstar
                      ? "it counts the rollup's rows"
                      : "it has an aggregate that does not merge the rollup's measures");
  }
  if (contain_volatile_functions(node)) {
    return Refuse(taker, node, "it aggregates a volatile expression");
  }
  // However many rows of a value there are, it gives the same.
  Taker below = *taker;
  below.is_grouped = false;
  below.grouped = NIL;
  return MutateExpressionTree(node, Take, &below);
}

Node* Take(Node* node, void* context) {
  auto* taker = static_cast<Taker*>(context);
  if (node == nullptr || taker->question->why != nullptr) return node;
  // That no subquery reads the rollup's columns was looked at before.
  if (IsA(node, Query)) return node;
  if (IsA(node, Aggref) && reinterpret_cast<Aggref*>(node)->agglevelsup == 0) {
    return TakeAggregate(taker, reinterpret_cast<Aggref*>(node));
  }
  if (taker->is_grouped) {
    if (list_member(taker->grouped, node)) {
      if (contain_volatile_functions(node)) {
        return Refuse(taker, node, "it groups by a volatile expression");
      }
      Taker below = *taker;
      below.is_grouped = false;
      return Take(node, &below);
    }
    if (IsTarget(*taker->question, node)) {
      return Refuse(taker, node, "it reads a column that it does not group by");
    }
    return MutateExpressionTree(node, Take, context);
  }
  // Below an outer join, only the columns themselves are the same.
  if ((!taker->question->nullable || IsA(node, Var)) && IsOfKeys(*taker->question, node)) {
    return TakeKey(taker, node);
  }
  if (IsTarget(*taker->question, node)) {
    return Refuse(taker, node, "it reads a measure other than through an aggregate that merges it");
  }
  return MutateExpressionTree(node, Take, context);
}

// The conditions that are ANDed, also in BETWEEN.
void Split(Node* quals, List** conditions) {
  if (quals == nullptr) return;
  if (!is_andclause(quals)) {
    *conditions = lappend(*conditions, quals);
    return;
  }
  for (auto* each : Each<Node>(reinterpret_cast<BoolExpr*>(quals)->args)) Split(each, conditions);
}

// The WHERE of the query: what is of the rollup's keys alone leaves it.
Node* TakeWhere(Taker* taker, Node* quals) {
  if (taker->question->nullable) return Take(quals, taker);
  List *conditions = NIL, *left = NIL;
  Split(quals, &conditions);
  for (auto* each : Each<Node>(conditions)) {
    if (IsOfKeys(*taker->question, each)) {
      if (!taker->put) AddCondition(taker->question, each);
      continue;
    }
    left = lappend(left, Take(each, taker));
  }
  return left == NIL ? nullptr : reinterpret_cast<Node*>(make_ands_explicit(left));
}

void TakeJoins(Taker* taker, Node* node) {
  if (IsA(node, RangeTblRef)) {
    auto* reference = reinterpret_cast<RangeTblRef*>(node);
    const bool target = reference->rtindex == static_cast<int>(taker->question->target);
    if (taker->put && target) reference->rtindex = static_cast<int>(taker->question->answer);
    return;
  }
  Node** quals = IsA(node, FromExpr) ? &reinterpret_cast<FromExpr*>(node)->quals
                                     : &reinterpret_cast<JoinExpr*>(node)->quals;
  const bool is_where = node == reinterpret_cast<Node*>(taker->question->query->jointree);
  Node* taken = is_where ? TakeWhere(taker, *quals) : Take(*quals, taker);
  if (taker->put) *quals = taken;
  if (IsA(node, FromExpr)) {
    for (auto* each : Each<Node>(reinterpret_cast<FromExpr*>(node)->fromlist)) {
      TakeJoins(taker, each);
    }
    return;
  }
  TakeJoins(taker, reinterpret_cast<JoinExpr*>(node)->larg);
  TakeJoins(taker, reinterpret_cast<JoinExpr*>(node)->rarg);
}

List* GroupedExpressions(const Query* query) {
  List* expressions = NIL;
  for (const TargetEntry* entry : Each<TargetEntry>(query->targetList)) {
    for (const SortGroupClause* clause : Each<SortGroupClause>(query->groupClause)) {
      if (entry->ressortgroupref != 0 && clause->tleSortGroupRef == entry->ressortgroupref) {
        expressions = lappend(expressions, entry->expr);
      }
    }
  }
  return expressions;
}

void TakeQuery(Question* question, bool put) {
  Query* query = question->query;
  const bool is_grouped = query->hasAggs || query->groupClause != NIL ||
                          query->groupingSets != NIL || query->havingQual != nullptr;
  Taker rows = {question, NIL, false, put};
  Taker groups = {question, is_grouped ? GroupedExpressions(query) : NIL, is_grouped, put};
  auto* targets =
      reinterpret_cast<List*>(Take(reinterpret_cast<Node*>(query->targetList), &groups));
  Node* having = Take(query->havingQual, &groups);
  if (put) {
    query->targetList = targets;
    query->havingQual = having;
  }
  // From 18 on, the query refers to these.
  if (List** expressions = GroupEntryExpressions(query)) {
    auto* taken = reinterpret_cast<List*>(Take(reinterpret_cast<Node*>(*expressions), &rows));
    if (put) *expressions = taken;
  }
  TakeJoins(&rows, reinterpret_cast<Node*>(query->jointree));
}

}  // namespace

bool TakeApart(Question* question) {
  Query* query = question->query;
  question->answer = static_cast<Index>(list_length(query->rtable) + 1);
  question->why = LookAtClauses(*question);
  if (question->why != nullptr) return false;
  OpenJoins(question);
  if (question->why == nullptr) TakeQuery(question, false);
  if (question->why == nullptr && question->items == NIL) question->why = "it reads no columns";
  return question->why == nullptr;
}

void PutAnswer(Question* question, Query* rows) {
  Query* query = question->query;
  TakeQuery(question, true);
  ForgetTarget(question);
  RangeTblEntry* entry = makeNode(RangeTblEntry);
  entry->rtekind = RTE_SUBQUERY;
  entry->subquery = rows;
  entry->alias = makeAlias("rollup", NIL);
  entry->eref = makeAlias("rollup", NIL);
  for (const TargetEntry* column : Each<TargetEntry>(rows->targetList)) {
    entry->eref->colnames = lappend(entry->eref->colnames, makeString(pstrdup(column->resname)));
  }
  entry->inFromCl = true;
  query->rtable = lappend(query->rtable, entry);
  if (question->why != nullptr) elog(ERROR, "the answer from a rollup: %s", question->why);
}

}  // namespace millrace::pg
