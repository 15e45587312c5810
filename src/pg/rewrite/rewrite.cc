#include "pg/rewrite/rewrite.h"

#include "pg/base/guc.h"
#include "pg/base/list.h"
#include "pg/cluster/citus.h"
#include "pg/rewrite/answer.h"
#include "pg/rewrite/known_rollups.h"
#include "pg/rewrite/question.h"

namespace millrace::pg {
namespace {

planner_hook_type previous_hook = nullptr;

// What the rewrite of one statement needs.
struct Statement {
  ParamListInfo parameters;
  // If it is set, the statement is not rewritten: what it asks of this rollup goes into
  // `questions`.
  Oid asked;
  List* questions;  // Question*
  const Query* query;
  // Whether Citus plans it; known from the first question on, before anything is changed.
  bool is_looked_at;
  bool citus_plans;
};

// Citus makes SQL of what it plans, and a rewritten query cannot be written as SQL: its joins with
// USING name the columns of the table that was replaced. What Citus plans by itself, such as a
// subquery over the tables of this node alone, comes back to the planner, and is rewritten then.
bool IsForCitus(Statement* statement) {
  if (!statement->is_looked_at) {
    statement->citus_plans = CitusPlans(statement->query);
    statement->is_looked_at = true;
  }
  return statement->citus_plans;
}

// -- Subqueries that only choose rows and columns

// Whether a subquery does nothing but that, so that it can be made a part of the query around it.
bool IsPlain(const Query* query) {
  return query->commandType == CMD_SELECT && !query->hasAggs && !query->hasWindowFuncs &&
         !query->hasTargetSRFs && !query->hasSubLinks && !query->hasDistinctOn &&
         !query->hasRecursive && !query->hasModifyingCTE && !query->hasForUpdate &&
         query->cteList == NIL && query->groupClause == NIL && query->groupingSets == NIL &&
         query->havingQual == nullptr && query->distinctClause == NIL && query->sortClause == NIL &&
         query->limitCount == nullptr && query->limitOffset == nullptr &&
         query->setOperations == nullptr && query->rowMarks == NIL &&
         list_length(query->jointree->fromlist) == 1 &&
         IsA(linitial(query->jointree->fromlist), RangeTblRef) &&
         !contain_volatile_functions(reinterpret_cast<Node*>(query->targetList)) &&
         !contain_vars_of_level(reinterpret_cast<Node*>(const_cast<Query*>(query)), 1);
}

int OnlyTable(const Query* query) {
  return static_cast<RangeTblRef*>(linitial(query->jointree->fromlist))->rtindex;
}

CommonTableExpr* FindCommonTable(const Query* query, const RangeTblEntry* entry) {
  if (entry->ctelevelsup != 0 || entry->self_reference) return nullptr;
  for (auto* table : Each<CommonTableExpr>(query->cteList)) {
    if (strcmp(table->ctename, entry->ctename) != 0) continue;
    const bool inlined = table->cterefcount == 1 && !table->cterecursive &&
                         table->ctematerialized != CTEMaterializeAlways &&
                         IsA(table->ctequery, Query);
    return inlined ? table : nullptr;
  }
  return nullptr;
}

// The query that an entry stands for, if PostgreSQL may make it a part of the one around it.
const Query* SubqueryOf(const Query* query, const RangeTblEntry* entry) {
  if (entry->rtekind == RTE_SUBQUERY) {
    return entry->lateral || entry->security_barrier ? nullptr : entry->subquery;
  }
  if (entry->rtekind != RTE_CTE) return nullptr;
  const CommonTableExpr* table = FindCommonTable(query, entry);
  return table == nullptr ? nullptr : reinterpret_cast<Query*>(table->ctequery);
}

// The rollup, unless the setting leaves questions to it alone.
const KnownRollup* IfOn(const KnownRollup* rollup) {
  if (rollup == nullptr) return nullptr;
  const RewriteMode mode = rollup->is_events ? rewrite_events : enable_rewrite;
  return mode == RewriteMode::kOff ? nullptr : rollup;
}

// The rollup whose table or live view the entry is, or the events; nullptr if it is none.
const KnownRollup* RollupOf(const RangeTblEntry* entry) {
  if (entry->rtekind == RTE_RELATION) {
    const bool table =
        (entry->relkind == RELKIND_RELATION || entry->relkind == RELKIND_PARTITIONED_TABLE) &&
        entry->inh && entry->tablesample == nullptr;
    return table ? IfOn(FindKnownRollup(entry->relid)) : nullptr;
  }
  if (entry->rtekind != RTE_SUBQUERY || entry->security_barrier || entry->lateral) return nullptr;
  const Oid view = ViewOf(entry);
  const KnownRollup* rollup = OidIsValid(view) ? FindKnownRollup(view) : nullptr;
  return rollup != nullptr && rollup->live_view == view ? IfOn(rollup) : nullptr;
}

// The rollup that an entry reads, through subqueries that only choose.
const KnownRollup* RollupBelow(const Query* query, const RangeTblEntry* entry) {
  if (const KnownRollup* rollup = RollupOf(entry)) return rollup;
  const Query* subquery = SubqueryOf(query, entry);
  if (subquery == nullptr || !IsPlain(subquery)) return nullptr;
  return RollupBelow(subquery, rt_fetch(OnlyTable(subquery), subquery->rtable));
}

// The tables of the FROM. `nullable`: an outer join may add rows of NULLs to it.
struct Place {
  int index;
  bool nullable;
};

void FindPlaces(const Node* node, bool nullable, List** places) {
  if (IsA(node, RangeTblRef)) {
    auto* place = static_cast<Place*>(palloc(sizeof(Place)));
    *place = {reinterpret_cast<const RangeTblRef*>(node)->rtindex, nullable};
    *places = lappend(*places, place);
  } else if (IsA(node, FromExpr)) {
    for (const Node* each : Each<Node>(reinterpret_cast<const FromExpr*>(node)->fromlist)) {
      FindPlaces(each, nullable, places);
    }
  } else if (IsA(node, JoinExpr)) {
    const auto* join = reinterpret_cast<const JoinExpr*>(node);
    const bool full = join->jointype == JOIN_FULL;
    FindPlaces(join->larg, nullable || full || join->jointype == JOIN_RIGHT, places);
    FindPlaces(join->rarg, nullable || full || join->jointype == JOIN_LEFT, places);
  }
}

void RenameTable(Node* node, int from, int to) {
  if (IsA(node, RangeTblRef)) {
    auto* reference = reinterpret_cast<RangeTblRef*>(node);
    if (reference->rtindex == from) reference->rtindex = to;
  } else if (IsA(node, FromExpr)) {
    for (auto* each : Each<Node>(reinterpret_cast<FromExpr*>(node)->fromlist)) {
      RenameTable(each, from, to);
    }
  } else if (IsA(node, JoinExpr)) {
    RenameTable(reinterpret_cast<JoinExpr*>(node)->larg, from, to);
    RenameTable(reinterpret_cast<JoinExpr*>(node)->rarg, from, to);
  }
}

// Makes the plain subquery at `place` a part of the query. The place is its table's then.
Query* Inline(Query* query, Place* place) {
  RangeTblEntry* entry = rt_fetch(place->index, query->rtable);
  if (entry->rtekind == RTE_CTE) {
    CommonTableExpr* table = FindCommonTable(query, entry);
    entry->rtekind = RTE_SUBQUERY;
    entry->subquery = CopyNode(reinterpret_cast<Query*>(table->ctequery));
    entry->ctename = nullptr;
    entry->ctelevelsup = 0;
    entry->coltypes = entry->coltypmods = entry->colcollations = NIL;
    table->cterefcount = 0;
  }
  auto* subquery = CopyNode(entry->subquery);
  const int old_table = OnlyTable(subquery);
  const int new_table = list_length(query->rtable) + 1;
  RangeTblEntry* inner = rt_fetch(old_table, subquery->rtable);
  ChangeVarNodes(reinterpret_cast<Node*>(inner->securityQuals), old_table, new_table, 0);
  AppendEntry(query, subquery, inner);
  KeepForPermissions(query, subquery, old_table);
  query->hasRowSecurity |= subquery->hasRowSecurity;
  ChangeVarNodes(reinterpret_cast<Node*>(subquery->targetList), old_table, new_table, 0);
  ChangeVarNodes(subquery->jointree->quals, old_table, new_table, 0);
  RenameTable(reinterpret_cast<Node*>(query->jointree), place->index, new_table);
  auto* replaced = reinterpret_cast<Query*>(
      ReplaceColumnsOf(reinterpret_cast<Node*>(query), place->index, entry, subquery->targetList));
  replaced->jointree->quals = make_and_qual(replaced->jointree->quals, subquery->jointree->quals);
  place->index = new_table;
  return replaced;
}

// -- One query

// Keeps a live view's entries, and those of the table that it reads, where rights are checked.
void KeepLiveView(Query* query, const Query* live) {
  KeepForPermissions(query, live, 0);
  const Query* rows = rt_fetch(OnlyTable(live), live->rtable)->subquery;
  const auto* both = reinterpret_cast<SetOperationStmt*>(rows->setOperations);
  const int inside = reinterpret_cast<RangeTblRef*>(both->larg)->rtindex;
  KeepForPermissions(query, rt_fetch(inside, rows->rtable)->subquery, 0);
}

// Tries to answer what the query asks of the rollup at `place`. Returns the query that does, or
// nullptr with `why`. In `answer` is where the rows come from then.
Query* Answer(const Query* original, Place place, Statement* statement, const char** why,
              int* answer) {
  auto* query = CopyNode(original);
  while (RollupOf(rt_fetch(place.index, query->rtable)) == nullptr) {
    if (place.nullable) {
      *why = "an outer join is above a subquery";
      return nullptr;
    }
    query = Inline(query, &place);
  }
  RangeTblEntry* entry = rt_fetch(place.index, query->rtable);
  Question question = {};
  question.query = query;
  question.target = static_cast<Index>(place.index);
  question.rollup = RollupOf(entry);
  question.nullable = place.nullable;
  if (question.rollup->unusable != nullptr) {
    *why = question.rollup->unusable;
    return nullptr;
  }
  if (IsForCitus(statement)) {
    *why = "the statement names a table that Citus knows, so Citus plans it";
    return nullptr;
  }
  if (entry->rtekind == RTE_SUBQUERY) {
    question.live = entry->subquery;
    const List* outputs = question.live->targetList;
    question.attributes =
        static_cast<AttrNumber*>(palloc0(sizeof(AttrNumber) * list_length(outputs)));
    for (const TargetEntry* output : Each<TargetEntry>(outputs)) {
      if (output->resjunk) continue;
      question.attributes[output->resno - 1] =
          get_attnum(question.rollup->relation, output->resname);
    }
  }
  List* used = NIL;
  Query* rows = nullptr;
  const bool taken = TakeApart(&question);
  if (OidIsValid(statement->asked)) {
    if (taken && question.rollup->relation == statement->asked) {
      auto* copy = static_cast<Question*>(palloc(sizeof(Question)));
      *copy = question;
      statement->questions = lappend(statement->questions, copy);
    }
    return nullptr;
  }
  if (taken) rows = MakeAnswer(&question, statement->parameters, &used);
  const bool of_events = question.rollup->is_events;
  if (!of_events) used = list_append_unique_ptr(used, const_cast<KnownRollup*>(question.rollup));
  if (rows != nullptr &&
      (!SnapshotKnows(used) || (of_events && !SnapshotKnowsEvents(question.rollup->relation)))) {
    question.why = "the snapshot is older than the rollups over it";
    rows = nullptr;
  }
  if (rows == nullptr) {
    *why = question.why;
    return nullptr;
  }
  PutAnswer(&question, rows);
  *answer = static_cast<int>(question.answer);
  if (question.live != nullptr) KeepLiveView(query, question.live);
  return query;
}

// Answers what the query asks of one of its tables, if that is a rollup for which others can
// answer. Returns the tables of its FROM that are still to be looked into.
List* AnswerOne(Query* query, List* places, Statement* statement) {
  const char* why = nullptr;
  const KnownRollup* asked = nullptr;
  for (const Place* place : Each<Place>(places)) {
    const KnownRollup* rollup = RollupBelow(query, rt_fetch(place->index, query->rtable));
    if (rollup == nullptr) continue;
    int rows;
    Query* answer = Answer(query, *place, statement, &why, &rows);
    if (answer == nullptr) {
      asked = rollup;
      continue;
    }
    *query = *answer;
    List *all = NIL, *others = NIL;
    FindPlaces(reinterpret_cast<Node*>(query->jointree), false, &all);
    for (auto* each : Each<Place>(all)) {
      if (each->index != rows) others = lappend(others, each);
    }
    return others;
  }
  if (asked != nullptr && log_fallback && !OidIsValid(statement->asked)) {
    const char* name = get_rel_name(asked->relation);
    ereport(LOG, (errmsg("millrace: a query of rollup \"%s\" is not answered from another: %s",
                         name == nullptr ? "" : name, why)));
  }
  return places;
}

bool Rewrite(Node* node, void* context);

// Rewrites what is below a query. Entries that nothing refers to any more are left alone.
void RewriteBelow(Query* query, const List* places, Statement* statement) {
  (void)WalkQueryTree(query, Rewrite, statement,
                      QTW_IGNORE_RANGE_TABLE | QTW_IGNORE_CTE_SUBQUERIES);
  for (auto* table : Each<CommonTableExpr>(query->cteList)) {
    if (table->cterefcount > 0) Rewrite(table->ctequery, statement);
  }
  auto below = [&](const RangeTblEntry* entry) {
    if (entry->rtekind == RTE_SUBQUERY) {
      Rewrite(reinterpret_cast<Node*>(entry->subquery), statement);
    }
    if (entry->rtekind == RTE_FUNCTION) {
      Rewrite(reinterpret_cast<Node*>(entry->functions), statement);
    }
    // Citus keeps numbers of its own there for tables, when it plans a part of a query.
    if (entry->rtekind == RTE_VALUES) {
      Rewrite(reinterpret_cast<Node*>(entry->values_lists), statement);
    }
  };
  if (query->setOperations != nullptr) {
    for (const RangeTblEntry* entry : Each<RangeTblEntry>(query->rtable)) below(entry);
    return;
  }
  for (const Place* place : Each<Place>(places)) below(rt_fetch(place->index, query->rtable));
}

bool Groups(const Query* query) {
  return query->commandType == CMD_SELECT && query->setOperations == nullptr &&
         (query->hasAggs || query->groupClause != NIL || query->distinctClause != NIL);
}

// Rewrites the query itself, if it groups the rows of a rollup, and what is below it.
void RewriteQuery(Query* query, Statement* statement) {
  List* places = NIL;
  if (query->jointree != nullptr) {
    FindPlaces(reinterpret_cast<Node*>(query->jointree), false, &places);
  }
  if (Groups(query)) places = AnswerOne(query, places, statement);
  RewriteBelow(query, places, statement);
}
bool Rewrite(Node* node, void* context) {
  if (node == nullptr) return false;
  if (IsA(node, Query)) {
    RewriteQuery(reinterpret_cast<Query*>(node), static_cast<Statement*>(context));
    return false;
  }
  return WalkExpressionTree(node, Rewrite, context);
}

PlannedStmt* Plan(Query* query, const char* text, int options, ParamListInfo parameters) {
  const bool on = enable_rewrite != RewriteMode::kOff || rewrite_events != RewriteMode::kOff;
  if (on && query->commandType != CMD_UTILITY && AnyKnownRollup()) {
    Statement statement = {parameters, InvalidOid, NIL, query, false, false};
    RewriteQuery(query, &statement);
  }
  return previous_hook != nullptr ? previous_hook(query, text, options, parameters)
                                  : standard_planner(query, text, options, parameters);
}

}  // namespace

List* QuestionsTo(Oid rollup, Query* query) {
  if (query->commandType == CMD_UTILITY || !AnyKnownRollup()) return NIL;
  Statement statement = {nullptr, rollup, NIL, query, false, false};
  RewriteQuery(query, &statement);
  return statement.questions;
}

void InstallRewrite() {
  InstallKnownRollups();
  previous_hook = planner_hook;
  planner_hook = Plan;
}

}  // namespace millrace::pg
