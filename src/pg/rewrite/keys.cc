#include "pg/rewrite/keys.h"

#include "pg/rewrite/known_columns.h"

namespace millrace::pg {
namespace {

// What an expression reads.
struct Reading {
  const Question* question;
  bool rollup;  // columns of the rollup
  bool others;  // anything else that may differ from row to row, or from call to call
  bool measures;
  int cases;  // how many expressions it is in whose parts refer to a value of theirs
};

bool Read(Node* node, void* context) {
  auto* reading = static_cast<Reading*>(context);
  if (node == nullptr) return false;
  if (IsTarget(*reading->question, node)) {
    reading->rollup = true;
    const AttrNumber number = reinterpret_cast<Var*>(node)->varattno;
    if (number <= 0) {
      reading->others = true;
      return false;
    }
    const AttrNumber attribute =
        reading->question->live == nullptr ? number : reading->question->attributes[number - 1];
    const KnownColumn* column = ColumnAt(reading->question->rollup->columns, attribute);
    if (column == nullptr || column->role != ColumnRole::kKey) reading->measures = true;
    return false;
  }
  if (IsA(node, Var) || IsA(node, Aggref) || IsA(node, WindowFunc) || IsA(node, SubLink) ||
      IsA(node, GroupingFunc) || IsA(node, Query) || IsA(node, CurrentOfExpr) ||
      IsA(node, NextValueExpr) || (IsA(node, CaseTestExpr) && reading->cases == 0) ||
      (IsA(node, Param) && reinterpret_cast<Param*>(node)->paramkind != PARAM_EXTERN)) {
    reading->others = true;
  }
  const bool is_case = IsA(node, CaseExpr) || IsA(node, ArrayCoerceExpr);
  reading->cases += is_case;
  (void)WalkExpressionTree(node, Read, context);
  reading->cases -= is_case;
  return false;
}

Reading ReadingOf(const Question& question, Node* node) {
  Reading reading = {&question, false, false, false, 0};
  Read(node, &reading);
  return reading;
}

// Whether a node stands for a value, and is not a part of another that does.
bool IsValue(const Node* node) {
  switch (nodeTag(node)) {
    case T_List:
    case T_TargetEntry:
    case T_SortGroupClause:
    case T_FromExpr:
    case T_JoinExpr:
    case T_RangeTblRef:
    case T_CaseWhen:
    case T_NamedArgExpr:
      return false;
    default:
      return true;
  }
}

Node* OverRollup(Node* node, void* context) {
  const auto* question = static_cast<const Question*>(context);
  if (node == nullptr) return nullptr;
  if (!IsTarget(*question, node)) return MutateExpressionTree(node, OverRollup, context);
  auto* var = CopyNode(reinterpret_cast<Var*>(node));
  var->varno = 1;
  if (question->live != nullptr) var->varattno = question->attributes[var->varattno - 1];
  CopyNullingRelations(var, nullptr);
  return reinterpret_cast<Node*>(var);
}

}  // namespace

bool IsTarget(const Question& question, const Node* node) {
  return IsA(node, Var) &&
         reinterpret_cast<const Var*>(node)->varno == static_cast<int>(question.target) &&
         reinterpret_cast<const Var*>(node)->varlevelsup == 0;
}

bool IsOfKeys(const Question& question, Node* node) {
  if (!IsValue(node)) return false;
  const Reading reading = ReadingOf(question, node);
  return reading.rollup && !reading.others && !reading.measures && !expression_returns_set(node) &&
         !contain_volatile_functions(node);
}

Node* OverRollup(const Question& question, Node* node) {
  return OverRollup(node, const_cast<Question*>(&question));
}

Node* Normalized(const Question& question, Node* node) {
  return Simplified(OverRollup(question, node));
}

}  // namespace millrace::pg
