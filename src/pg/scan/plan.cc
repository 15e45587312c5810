// Offers a MillraceAggregate path wherever HashAggregate or GroupAggregate would be used over a
// single table and the engine knows every key and aggregate. That is decided here: a path that was
// offered can always be executed.
//
// The child is the planner's own cheapest path for the table, target list and filters included; the
// executor decides how to read it (exec.cc). The node's own tuple, custom_scan_tlist, has the keys
// and the finished aggregates; PostgreSQL computes expressions over them, HAVING and everything
// above.

#include "pg/scan/plan.h"

#include "pg/base/api.h"
#include "pg/base/guc.h"
#include "pg/base/list.h"
#include "pg/scan/exec.h"
#include "pg/scan/recognize.h"
#include "pg/scan/vector_agg_plan.h"

namespace millrace::pg {
namespace {

constexpr int kMaxColumns = 64, kMaxKeys = 32, kMaxAggregates = 64;
// The cost of a row here, as a share of what PostgreSQL's model charges for reading it: see
// bench/README.md.
constexpr double kRowCostShare = 0.5;
// The cost of handing one group's sketch from a worker to its leader and merging it there, in the
// planner's unit: about forty times cpu_tuple_cost. It makes the planner keep queries with many
// groups serial, which is faster.
constexpr double kSketchHandoverCost = 0.4;

create_upper_paths_hook_type previous_hook = nullptr;

Plan* CreatePlan(PlannerInfo* root, RelOptInfo* rel, CustomPath* path, List* target_list,
                 List* clauses, List* child_plans);

constexpr CustomPathMethods kPathMethods = {"MillraceAggregate", CreatePlan, nullptr};

// The keys and aggregates of a query, as they are found.
struct Shape {
  VectorAggPlan plan;
  List* inputs = NIL;      // the child's expression behind each column of plan.columns
  List* keys = NIL;        // expressions
  List* aggregates = NIL;  // Aggrefs
};

bool Contains(const List* expressions, const void* expression) {
  return list_member(expressions, expression);
}

// The number of the column that holds `expression` as `kind`. Adds one if there is none; -1 if
// there are too many.
int ColumnFor(Shape* shape, Expr* expression, ColumnKind kind) {
  VectorAggPlan& plan = shape->plan;
  for (int i = 0; i < plan.column_count; ++i) {
    if (plan.columns[i].kind == kind && equal(list_nth(shape->inputs, i), expression)) return i;
  }
  if (plan.column_count == kMaxColumns) return -1;
  const Oid type = getBaseType(exprType(reinterpret_cast<Node*>(expression)));
  plan.columns[plan.column_count] = {0, type, kind};
  shape->inputs = lappend(shape->inputs, expression);
  return plan.column_count++;
}

const char* AddKeys(PlannerInfo* root, const List* group_clause, Shape* shape) {
  for (const SortGroupClause* clause : Each<SortGroupClause>(group_clause)) {
    Expr* expression =
        get_sortgroupclause_tle(const_cast<SortGroupClause*>(clause), root->processed_tlist)->expr;
    ColumnKind kind;
    if (const char* why = RecognizeKey(expression, clause, &kind)) return why;
    if (shape->plan.key_count == kMaxKeys) return "too many keys";
    const int column = ColumnFor(shape, expression, kind);
    if (column < 0) return "too many columns";
    const auto* node = reinterpret_cast<Node*>(expression);
    shape->plan.keys[shape->plan.key_count++] = {column, getBaseType(exprType(node)),
                                                 exprCollation(node)};
    shape->keys = lappend(shape->keys, expression);
  }
  return nullptr;
}

const char* AddAggregate(Aggref* aggref, Shape* shape) {
  if (Contains(shape->aggregates, aggref)) return nullptr;
  if (shape->plan.aggregate_count == kMaxAggregates) return "too many aggregates";
  AggregatePlan& plan = shape->plan.aggregates[shape->plan.aggregate_count];
  Expr* argument;
  ColumnKind kind;
  if (const char* why = RecognizeAggregate(aggref, &plan, &argument, &kind)) return why;
  if (argument != nullptr) {
    plan.column = ColumnFor(shape, argument, kind);
    if (plan.column < 0) return "too many columns";
  }
  ++shape->plan.aggregate_count;
  shape->aggregates = lappend(shape->aggregates, aggref);
  return nullptr;
}

// Looks in an output expression for aggregates, and for anything that is neither below an aggregate
// nor a key.
struct Walk {
  Shape* shape;
  const char* why;
};

bool WalkOutput(Node* node, void* context) {
  auto* walk = static_cast<Walk*>(context);
  if (node == nullptr || Contains(walk->shape->keys, node)) return false;
  if (IsA(node, Aggref)) {
    walk->why = AddAggregate(reinterpret_cast<Aggref*>(node), walk->shape);
    return walk->why != nullptr;
  }
  if (IsA(node, Var) || IsA(node, PlaceHolderVar) || IsA(node, GroupingFunc)) {
    walk->why = "column that is neither grouped nor aggregated";
    return true;
  }
  return WalkExpressionTree(node, WalkOutput, context);
}

// Whether the child returns the expression of every column.
const char* FindInputs(const Shape& shape, const Path* child) {
  for (const Node* input : Each<Node>(shape.inputs)) {
    if (!Contains(child->pathtarget->exprs, input)) return "input that the child lacks";
  }
  return nullptr;
}

const char* Recognize(PlannerInfo* root, const RelOptInfo* input, const RelOptInfo* output,
                      const Path* child, Node* having, Shape* shape) {
  const Query* query = root->parse;
  if (!query->hasAggs && query->groupClause == NIL) return "no aggregation";
  if (query->groupingSets != NIL) return "grouping sets";
  if (input->reloptkind != RELOPT_BASEREL) return "more than one table";
  if (const char* why = AddKeys(root, query->groupClause, shape)) return why;
  Walk walk = {shape, nullptr};
  for (auto* each : Each<Node>(output->reltarget->exprs)) {
    if (WalkOutput(each, &walk)) return walk.why;
  }
  if (WalkOutput(having, &walk)) return walk.why;
  return FindInputs(*shape, child);
}

// Whether an INSERT ... SELECT reads the rows. It wants them in the order of the keys: then it goes
// through an index over these from front to back.
bool FeedsInsert(const PlannerInfo* root) {
  return root->parent_root != nullptr && root->parent_root->parse->commandType == CMD_INSERT;
}

int CountSketches(const VectorAggPlan& plan) {
  int count = 0;
  for (int i = 0; i < plan.aggregate_count; ++i) {
    count += IsSketch(plan.aggregates[i].kind);
  }
  return count;
}

// A path that aggregates the rows of `child`.
CustomPath* MakePath(PlannerInfo* root, RelOptInfo* output, Shape* shape, Path* child) {
  const double groups = shape->keys == NIL
                            ? 1
                            : estimate_num_groups(root, shape->keys, child->rows, nullptr, nullptr);
  CustomPath* path = makeNode(CustomPath);
  path->path.pathtype = T_CustomScan;
  path->path.parent = output;
  path->path.pathtarget = output->reltarget;
  path->path.parallel_safe = output->consider_parallel && child->parallel_safe;
  path->path.parallel_workers = child->parallel_workers;
  path->path.rows = clamp_row_est(groups);
  InheritDisabled(&path->path, child);
  // What is not a table (a subquery, WITH) is asked for its tuples, at their full cost.
  const double share = child->parent->rtekind == RTE_RELATION ? kRowCostShare : 1;
  path->path.startup_cost = child->startup_cost +
                            share * (child->total_cost - child->startup_cost) +
                            cpu_operator_cost * child->rows;
  path->path.total_cost = path->path.startup_cost + cpu_operator_cost * groups +
                          output->reltarget->cost.startup +
                          output->reltarget->cost.per_tuple * groups;
  if (shape->plan.partial) {
    path->path.total_cost += kSketchHandoverCost * CountSketches(shape->plan) * groups;
  }
  path->flags = CUSTOMPATH_SUPPORT_PROJECTION;
  path->custom_paths = list_make1(child);
  path->custom_private = list_make1(shape);
  path->methods = &kPathMethods;
  return path;
}

void OfferPath(PlannerInfo* root, RelOptInfo* input, RelOptInfo* output,
               const GroupPathExtraData* extra) {
  auto* shape = static_cast<Shape*>(palloc0(sizeof(Shape)));
  Path* child = input->cheapest_total_path;
  if (const char* why = Recognize(root, input, output, child, extra->havingQual, shape)) {
    if (log_fallback) {
      ereport(LOG, (errmsg("millrace: plan left to PostgreSQL: %s", why)));
    }
    return;
  }
  shape->plan.sorted = FeedsInsert(root);
  add_path(output, &MakePath(root, output, shape, child)->path);
}

// The same in each worker of a parallel plan, over its share of the rows; PostgreSQL gathers the
// states and finalizes them. The relation of partial groups is the planner's: it has a target list
// if the query can be split. The planner is done with it before it calls the hook, so the paths
// above ours are made here.
void OfferParallelPath(PlannerInfo* root, RelOptInfo* input, RelOptInfo* output,
                       const GroupPathExtraData* extra) {
  if (input->partial_pathlist == NIL || !output->consider_parallel) return;
  RelOptInfo* partial = fetch_upper_rel(root, UPPERREL_PARTIAL_GROUP_AGG, output->relids);
  if (partial->reltarget->exprs == NIL || !extra->partial_costs_set) return;
  auto* shape = static_cast<Shape*>(palloc0(sizeof(Shape)));
  shape->plan.partial = true;
  auto* child = static_cast<Path*>(linitial(input->partial_pathlist));
  // OfferPath has logged the reason already.
  if (Recognize(root, input, partial, child, nullptr, shape) != nullptr) return;
  CustomPath* worker = MakePath(root, partial, shape, child);
  double gathered = worker->path.rows * worker->path.parallel_workers;
  auto* gather =
      create_gather_path(root, partial, &worker->path, partial->reltarget, nullptr, &gathered);
  const Query* query = root->parse;
  AggPath* path =
      create_agg_path(root, output, &gather->path, output->reltarget,
                      query->groupClause != NIL ? AGG_HASHED : AGG_PLAIN, AGGSPLIT_FINAL_DESERIAL,
                      DistinguishingKeys(root), reinterpret_cast<List*>(extra->havingQual),
                      &extra->agg_final_costs, worker->path.rows);
  add_path(output, &path->path);
}

void UpperPathsHook(PlannerInfo* root, UpperRelationKind stage, RelOptInfo* input,
                    RelOptInfo* output, void* extra) {
  if (previous_hook != nullptr) previous_hook(root, stage, input, output, extra);
  if (stage != UPPERREL_GROUP_AGG || !enable_vector_agg) return;
  OfferPath(root, input, output, static_cast<GroupPathExtraData*>(extra));
  OfferParallelPath(root, input, output, static_cast<GroupPathExtraData*>(extra));
}

List* ScanTargetList(const Shape& shape) {
  List* list = NIL;
  for (auto* each : Each<Expr>(list_concat_copy(shape.keys, shape.aggregates))) {
    list = lappend(list, makeTargetEntry(each, static_cast<AttrNumber>(list_length(list) + 1),
                                         nullptr, false));
  }
  return list;
}

Plan* CreatePlan(PlannerInfo* root, RelOptInfo*, CustomPath* path, List* target_list, List*,
                 List* child_plans) {
  auto* shape = static_cast<Shape*>(linitial(path->custom_private));
  const auto* child = static_cast<Plan*>(linitial(child_plans));
  for (int i = 0; i < shape->plan.column_count; ++i) {
    const TargetEntry* entry =
        tlist_member(static_cast<Expr*>(list_nth(shape->inputs, i)), child->targetlist);
    if (entry == nullptr) elog(ERROR, "MillraceAggregate: the child lacks an input");
    shape->plan.columns[i].resno = entry->resno;
  }
  CustomScan* scan = makeNode(CustomScan);
  scan->scan.plan.targetlist = target_list;
  if (!shape->plan.partial) scan->scan.plan.qual = reinterpret_cast<List*>(root->parse->havingQual);
  scan->scan.scanrelid = 0;
  scan->flags = path->flags;
  scan->custom_plans = child_plans;
  scan->custom_scan_tlist = ScanTargetList(*shape);
  scan->custom_private = SerializePlan(shape->plan);
  scan->methods = VectorAggScanMethods();
  return &scan->scan.plan;
}

}  // namespace

void InstallVectorAgg() {
  RegisterCustomScanMethods(VectorAggScanMethods());
  previous_hook = create_upper_paths_hook;
  create_upper_paths_hook = UpperPathsHook;
}

}  // namespace millrace::pg
