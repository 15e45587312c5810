// Whether a rollup over another rollup can be computed from partial rows: merged, they must give
// the same as the merged rows of its parent.

#include "pg/base/list.h"
#include "pg/rollup/catalog/aggregates.h"
#include "pg/rollup/catalog/definition_parts.h"

namespace millrace::pg {
namespace {

// What a rollup over another rollup may do with the columns of its parent.
class ParentCheck {
 public:
  ParentCheck(const RollupDefinition& definition, const RollupDefinition& parent, const char* name)
      : definition_(definition), parent_(parent), name_(name) {}

  void Run() const {
    const Query* query = definition_.storage;
    for (auto* each : Each<RollupColumn>(definition_.columns)) {
      if (each->role == ColumnRole::kAverage) {
        RefuseDefinition(
            name_, "an average of another rollup's rows is not an average of its events",
            "Sum the _sum and _count columns of the rollup below, and divide when reading.");
      }
    }
    RequireKeys(query->jointree->quals, "filters by");
    for (const TargetEntry* entry : Each<TargetEntry>(query->targetList)) {
      if (const Aggref* aggref = AggregateBelowCasts(entry->expr)) {
        CheckAggregate(aggref);
      } else {
        RequireKeys(entry->expr, "groups by");
      }
    }
  }

 private:
  // The parent's column that an expression is, or nullptr if it is not a column.
  const RollupColumn* ColumnOf(const void* expression) const {
    const auto* node = static_cast<const Node*>(expression);
    while (IsA(node, RelabelType)) {
      node = reinterpret_cast<Node*>(reinterpret_cast<const RelabelType*>(node)->arg);
    }
    if (!IsA(node, Var)) return nullptr;
    const char* name =
        get_attname(definition_.source, reinterpret_cast<const Var*>(node)->varattno, false);
    for (const RollupColumn* column : Each<RollupColumn>(parent_.columns)) {
      if (strcmp(column->name, name) == 0) return column;
    }
    return nullptr;
  }

  bool ReadsOnlyKeys(const void* expression) const {
    List* vars =
        pull_var_clause(static_cast<Node*>(const_cast<void*>(expression)), PVC_RECURSE_AGGREGATES);
    for (const Node* var : Each<Node>(vars)) {
      const RollupColumn* column = ColumnOf(var);
      if (column == nullptr || column->role != ColumnRole::kKey) return false;
    }
    return true;
  }

  void RequireKeys(const void* expression, const char* does) const {
    if (expression == nullptr || ReadsOnlyKeys(expression)) return;
    RefuseDefinition(
        name_,
        psprintf("it %s %s, which changes as the rollup below is refreshed", does,
                 DeparseForMessage(definition_.storage, definition_.source_rte, expression)),
        "Use the keys of the rollup below only.");
  }

  // Over partial rows an aggregate must give the same as over the merged ones. That holds for a sum
  // of sums or counts, a min of a min, a max of a max and the union of sketches; and over keys for
  // any idempotent aggregate, which may see a key twice.
  void CheckAggregate(const Aggref* aggref) const {
    RequireKeys(aggref->aggfilter, "filters by");
    const KnownAggregate* known = FindAggregate(aggref);
    const auto* first =
        aggref->args == NIL ? nullptr : static_cast<TargetEntry*>(linitial(aggref->args));
    const RollupColumn* column = first == nullptr ? nullptr : ColumnOf(first->expr);
    const bool keys = first != nullptr && ReadsOnlyKeys(first->expr);
    bool allowed = false;
    if (known != nullptr && column != nullptr && column->role != ColumnRole::kKey) {
      allowed = known->role != ColumnRole::kCount &&
                (column->role == known->role ||
                 (known->role == ColumnRole::kSum && column->role == ColumnRole::kCount));
    } else if (known != nullptr && keys) {
      allowed = known->idempotent;
    }
    if (allowed) return;
    RefuseDefinition(
        name_,
        psprintf("%s cannot be computed from the rows of another rollup",
                 DeparseForMessage(definition_.storage, definition_.source_rte, aggref)),
        "Use sum of its counts and sums, min of its minima, max of its maxima, and hll_union_agg "
        "and topn_union_agg of its sketches.");
  }

  const RollupDefinition& definition_;
  const RollupDefinition& parent_;
  const char* name_;
};

}  // namespace

void CheckOverRollup(const RollupDefinition& definition, const RollupDefinition& parent,
                     const char* name) {
  ParentCheck(definition, parent, name).Run();
}

}  // namespace millrace::pg
