// The planner's hook sets `inh` of the table's range table entry to false: PostgreSQL then takes
// the table to be read with ONLY, and makes an empty relation of it without looking for partitions.
// The hook for paths replaces the empty path by ours. `ctename`, which the planner does not use for
// tables, tells such an entry from a user's own ONLY.
//
// This is done only for the one table of a query that groups or aggregates: such a query is never
// pulled up into another, where PostgreSQL would leave out a relation that seems to be empty
// (UNION ALL), or lock its rows.

#include "pg/tail/plan.h"

#include "pg/base/guc.h"
#include "pg/base/list.h"
#include "pg/tail/bounds.h"
#include "pg/tail/marks.h"
#include "pg/tail/scan.h"

namespace millrace::pg {
namespace {

constexpr const char* kMark = "millrace tail";
// What the planner is told. Tails are small.
constexpr double kRows = 1000;

planner_hook_type previous_planner = nullptr;
set_rel_pathlist_hook_type previous_paths = nullptr;
int parameters_allowed = 0;

struct Marking {
  ParamListInfo parameters;
};

// -- Which tables are marked

struct SystemColumns {
  Index number;
  Index levels_up;
};

// Whether anything refers to a system column or to whole rows of the table.
bool UsesSystemColumns(Node* node, void* context) {
  auto* wanted = static_cast<SystemColumns*>(context);
  if (node == nullptr) return false;
  if (IsA(node, Var)) {
    const auto* var = reinterpret_cast<Var*>(node);
    return var->varlevelsup == wanted->levels_up &&
           static_cast<Index>(var->varno) == wanted->number && var->varattno <= 0;
  }
  if (IsA(node, Query)) {
    ++wanted->levels_up;
    const bool found = WalkQueryTree(reinterpret_cast<Query*>(node), UsesSystemColumns, wanted);
    --wanted->levels_up;
    return found;
  }
  return WalkExpressionTree(node, UsesSystemColumns, wanted);
}

// Whether a lower bound is near the end of the ids.
bool IsNearEnd(Node* bound, const Tree& tree, ParamListInfo parameters) {
  if (IsA(bound, SubLink)) return true;
  if (IsA(bound, Param) && parameters_allowed > 0) return true;
  PlannerGlobal global = {};
  PlannerInfo root = {};
  root.type = T_PlannerInfo;
  global.type = T_PlannerGlobal;
  global.boundParams = parameters;
  root.glob = &global;
  auto* value = reinterpret_cast<Const*>(estimate_expression_value(&root, bound));
  return IsA(value, Const) && !value->constisnull && IsIntegerType(value->consttype) &&
         IntegerIn(value->constvalue, value->consttype) >= tree.floor;
}

// Whether a condition, which may be several with AND between them, bounds the ids from below.
bool HasBound(Node* condition, int table, const Tree& tree, ParamListInfo parameters) {
  if (condition == nullptr) return false;
  if (IsA(condition, List)) {
    for (auto* each : Each<Node>(reinterpret_cast<List*>(condition))) {
      if (HasBound(each, table, tree, parameters)) return true;
    }
    return false;
  }
  if (is_andclause(condition)) {
    return HasBound(reinterpret_cast<Node*>(reinterpret_cast<BoolExpr*>(condition)->args), table,
                    tree, parameters);
  }
  LowerBound bound;
  return FindLowerBound(condition, table, tree.id, &bound) &&
         IsNearEnd(bound.value, tree, parameters);
}

RangeTblEntry* OnlyTable(const Query* query, int* number) {
  const FromExpr* from = query->jointree;
  if (!(query->hasAggs || query->groupClause != NIL) || from == nullptr ||
      list_length(from->fromlist) != 1 || !IsA(linitial(from->fromlist), RangeTblRef)) {
    return nullptr;
  }
  *number = linitial_node(RangeTblRef, from->fromlist)->rtindex;
  RangeTblEntry* entry = rt_fetch(*number, query->rtable);
  const bool plain = entry->rtekind == RTE_RELATION &&
                     entry->relkind == RELKIND_PARTITIONED_TABLE && entry->inh &&
                     entry->tablesample == nullptr && entry->securityQuals == NIL;
  return plain ? entry : nullptr;
}

void MarkIn(Query* query, ParamListInfo parameters) {
  int number;
  RangeTblEntry* entry = OnlyTable(query, &number);
  if (entry == nullptr || query->rowMarks != NIL) return;
  const Tree* trees;
  const TreeSet here = TreesHere(&trees);
  for (int i = 0; here != 0 && i < kMostTrees; ++i) {
    if ((here >> i & 1) == 0 || trees[i].root != entry->relid || !trees[i].known) continue;
    if (!HasBound(query->jointree->quals, number, trees[i], parameters)) continue;
    SystemColumns wanted = {static_cast<Index>(number), 0};
    if (WalkQueryTree(query, UsesSystemColumns, &wanted)) return;
    // Citus plans tables that it distributes, and would not understand the entry.
    if (OidIsValid(get_extension_oid("citus", true))) return;
    entry->inh = false;
    entry->ctename = psprintf("%s %u %d", kMark, trees[i].sequence, trees[i].id);
    return;
  }
}

bool MarkAll(Node* node, void* context) {
  if (node == nullptr) return false;
  if (IsA(node, Query)) {
    auto* query = reinterpret_cast<Query*>(node);
    MarkIn(query, static_cast<Marking*>(context)->parameters);
    return WalkQueryTree(query, MarkAll, context);
  }
  return WalkExpressionTree(node, MarkAll, context);
}

bool AnyKnown() {
  const Tree* trees;
  const TreeSet here = TreesHere(&trees);
  for (int i = 0; here != 0 && i < kMostTrees; ++i) {
    if ((here >> i & 1) != 0 && trees[i].known) return true;
  }
  return false;
}

PlannedStmt* PlanQuery(Query* query, const char* text, int options, ParamListInfo parameters) {
  if (enable_tail_scan && AnyKnown()) {
    Marking marking = {parameters};
    (void)MarkAll(reinterpret_cast<Node*>(query), &marking);
  }
  return (previous_planner != nullptr ? previous_planner : standard_planner)(query, text, options,
                                                                             parameters);
}

// -- Paths

Plan* CreatePlan(PlannerInfo*, RelOptInfo* rel, CustomPath* path, List* target_list, List* clauses,
                 List*) {
  CustomScan* scan = makeNode(CustomScan);
  scan->scan.plan.targetlist = target_list;
  scan->scan.plan.qual = extract_actual_clauses(clauses, false);
  scan->scan.scanrelid = rel->relid;
  scan->flags = path->flags;
  scan->custom_private = path->custom_private;
  scan->methods = TailScanMethods();
  return &scan->scan.plan;
}

constexpr CustomPathMethods kPathMethods = {"MillraceTail", CreatePlan, nullptr};

// The tree of a marked entry.
bool ReadMark(const RangeTblEntry* entry, Tree* tree) {
  if (entry->rtekind != RTE_RELATION || entry->ctename == nullptr ||
      strncmp(entry->ctename, kMark, strlen(kMark)) != 0) {
    return false;
  }
  int id;
  if (sscanf(entry->ctename + strlen(kMark), "%u %d", &tree->sequence, &id) != 2) return false;
  tree->root = entry->relid;
  tree->id = static_cast<AttrNumber>(id);
  return true;
}

void SetPaths(PlannerInfo* root, RelOptInfo* rel, Index index, RangeTblEntry* entry) {
  if (previous_paths != nullptr) previous_paths(root, rel, index, entry);
  Tree tree;
  if (!ReadMark(entry, &tree)) return;
  CustomPath* path = makeNode(CustomPath);
  rel->rows = kRows;
  rel->consider_parallel = false;
  rel->pathlist = rel->partial_pathlist = NIL;
  for (auto* each : Each<Node>(rel->reltarget->exprs)) {
    rel->reltarget->width += get_typavgwidth(exprType(each), exprTypmod(each));
  }
  path->path.pathtype = T_CustomScan;
  path->path.parent = rel;
  path->path.pathtarget = rel->reltarget;
  path->path.rows = kRows;
  path->path.total_cost =
      random_page_cost + (cpu_tuple_cost + rel->baserestrictcost.per_tuple) * kRows;
  path->flags = CUSTOMPATH_SUPPORT_PROJECTION;
  path->custom_private = list_make3_oid(tree.root, tree.sequence, static_cast<Oid>(tree.id));
  path->methods = &kPathMethods;
  add_path(rel, &path->path);
}

}  // namespace

void BeginTailParameters() { ++parameters_allowed; }
void EndTailParameters() { --parameters_allowed; }

void InstallTailScan() {
  RegisterCustomScanMethods(TailScanMethods());
  previous_planner = planner_hook;
  planner_hook = PlanQuery;
  previous_paths = set_rel_pathlist_hook;
  set_rel_pathlist_hook = SetPaths;
}

}  // namespace millrace::pg
