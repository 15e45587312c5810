#include "pg/rewrite/clauses.h"

#include "pg/base/list.h"
#include "pg/rewrite/keys.h"

namespace millrace::pg {
namespace {

// Whether something below a subquery of the query reads the rollup's columns, or may do so through
// a column of a join.
struct Below {
  const Question* question;
  int depth;
};

bool ReadsFromBelow(Node* node, void* context) {
  auto* below = static_cast<Below*>(context);
  if (node == nullptr) return false;
  if (IsA(node, Var)) {
    const auto* var = reinterpret_cast<Var*>(node);
    if (below->depth == 0 || static_cast<int>(var->varlevelsup) != below->depth) return false;
    return var->varno == static_cast<int>(below->question->target) ||
           rt_fetch(var->varno, below->question->query->rtable)->rtekind == RTE_JOIN;
  }
  if (IsA(node, Query)) {
    ++below->depth;
    const bool found = WalkQueryTree(reinterpret_cast<Query*>(node), ReadsFromBelow, context, 0);
    --below->depth;
    return found;
  }
  return WalkExpressionTree(node, ReadsFromBelow, context);
}

// Whether the column of a join may be a column of the rollup, perhaps through another join.
bool ReadsTargetOrJoin(const Question& question, Node* column) {
  for (const Node* node : Each<Node>(pull_var_clause(column, 0))) {
    const auto* var = reinterpret_cast<const Var*>(node);
    if (IsTarget(question, node)) return true;
    if (rt_fetch(var->varno, question.query->rtable)->rtekind == RTE_JOIN) return true;
  }
  return false;
}

// Replaces columns of joins by the columns that they are. Sets `why` for those that may be either
// of two, or NULL.
Node* OpenJoinsIn(Node* node, void* context) {
  auto* question = static_cast<Question*>(context);
  if (node == nullptr) return nullptr;
  if (IsA(node, Query)) return node;
  if (!IsA(node, Var)) return MutateExpressionTree(node, OpenJoinsIn, context);
  const auto* var = reinterpret_cast<Var*>(node);
  if (var->varlevelsup != 0) return node;
  const RangeTblEntry* entry = rt_fetch(var->varno, question->query->rtable);
  if (entry->rtekind != RTE_JOIN) return node;
  if (var->varattno <= 0) {
    question->why = "it reads whole rows of a join";
    return node;
  }
  auto* column = static_cast<Node*>(list_nth(entry->joinaliasvars, var->varattno - 1));
  if (entry->jointype != JOIN_INNER || !IsA(column, Var) || question->nullable) {
    if (ReadsTargetOrJoin(*question, column))
      question->why = "it reads a column that a join has merged";
    return node;
  }
  return OpenJoinsIn(CopyNode(column), context);
}

// What is left in the list of a join's columns is read by nobody.
Node* ForgetTargetIn(Node* node, void* context) {
  if (node == nullptr) return nullptr;
  if (!IsTarget(*static_cast<Question*>(context), node)) {
    return MutateExpressionTree(node, ForgetTargetIn, context);
  }
  const auto* var = reinterpret_cast<Var*>(node);
  return reinterpret_cast<Node*>(makeNullConst(var->vartype, var->vartypmod, var->varcollid));
}

}  // namespace

const char* LookAtClauses(const Question& question) {
  Query* query = question.query;
  if (query->rowMarks != NIL) return "it locks rows";
  if (query->setOperations != nullptr) return "it is a UNION or the like";
  const bool is_grouped = query->hasAggs || query->groupClause != NIL;
  if (!is_grouped && query->distinctClause == NIL) return "it does not group";
  if (!is_grouped && query->hasWindowFuncs) return "it has window functions over the rows";
  if (contain_volatile_functions(reinterpret_cast<Node*>(query->jointree))) {
    return "its condition is volatile";
  }
  if (!is_grouped && contain_volatile_functions(reinterpret_cast<Node*>(query->targetList))) {
    return "it groups by a volatile expression";
  }
  // A subquery is looked at below. Rows of functions, say, would have to be made for each row.
  for (const RangeTblEntry* entry : Each<RangeTblEntry>(query->rtable)) {
    if (entry->lateral && entry->rtekind != RTE_SUBQUERY) {
      return "a function in its FROM reads columns of the tables before";
    }
  }
  Below below = {&question, 0};
  if (WalkQueryTree(query, ReadsFromBelow, &below, 0)) {
    return "a subquery of it reads the rollup's columns";
  }
  return nullptr;
}

void OpenJoins(Question* question) {
  Query* query = question->query;
  auto open = [question](auto** place) {
    using Type = std::remove_reference_t<decltype(**place)>;
    *place = reinterpret_cast<Type*>(OpenJoinsIn(reinterpret_cast<Node*>(*place), question));
  };
  open(&query->targetList);
  open(&query->havingQual);
  open(&query->jointree);
  if (List** expressions = GroupEntryExpressions(query)) open(expressions);
}

void ForgetTarget(Question* question) {
  for (auto* entry : Each<RangeTblEntry>(question->query->rtable)) {
    if (entry->rtekind != RTE_JOIN) continue;
    entry->joinaliasvars = reinterpret_cast<List*>(
        ForgetTargetIn(reinterpret_cast<Node*>(entry->joinaliasvars), question));
  }
}

}  // namespace millrace::pg
