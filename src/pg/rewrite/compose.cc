#include "pg/rewrite/compose.h"

#include "pg/base/list.h"
#include "pg/rewrite/cut.h"
#include "pg/rewrite/known_columns.h"

namespace millrace::pg {
namespace {

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

}  // namespace

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

}  // namespace millrace::pg
