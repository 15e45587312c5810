// The half of TableReader that looks at plans: what can be read page by page, its filters and
// outputs, and what a scan must find out before its first row.

#include "pg/base/list.h"
#include "pg/dense/handler.h"
#include "pg/scan/table_filter.h"
#include "pg/scan/table_reader.h"

namespace millrace::pg {
namespace {

// How an operator on integers or times compares; false for any other operator. Long, but flat: one
// line per operator.
bool ComparisonOf(Oid function, Comparison* comparison) {
  switch (function) {
    case F_INT2LT:
    case F_INT4LT:
    case F_INT8LT:
    case F_INT24LT:
    case F_INT28LT:
    case F_INT42LT:
    case F_INT48LT:
    case F_INT82LT:
    case F_INT84LT:
    case F_DATE_LT:
    case F_TIMESTAMP_LT:
    case F_TIMESTAMPTZ_LT:
      *comparison = Comparison::kLess;
      return true;
    case F_INT2LE:
    case F_INT4LE:
    case F_INT8LE:
    case F_INT24LE:
    case F_INT28LE:
    case F_INT42LE:
    case F_INT48LE:
    case F_INT82LE:
    case F_INT84LE:
    case F_DATE_LE:
    case F_TIMESTAMP_LE:
    case F_TIMESTAMPTZ_LE:
      *comparison = Comparison::kLessOrEqual;
      return true;
    case F_INT2EQ:
    case F_INT4EQ:
    case F_INT8EQ:
    case F_INT24EQ:
    case F_INT28EQ:
    case F_INT42EQ:
    case F_INT48EQ:
    case F_INT82EQ:
    case F_INT84EQ:
    case F_DATE_EQ:
    case F_TIMESTAMP_EQ:
    case F_TIMESTAMPTZ_EQ:
      *comparison = Comparison::kEqual;
      return true;
    case F_INT2GE:
    case F_INT4GE:
    case F_INT8GE:
    case F_INT24GE:
    case F_INT28GE:
    case F_INT42GE:
    case F_INT48GE:
    case F_INT82GE:
    case F_INT84GE:
    case F_DATE_GE:
    case F_TIMESTAMP_GE:
    case F_TIMESTAMPTZ_GE:
      *comparison = Comparison::kGreaterOrEqual;
      return true;
    case F_INT2GT:
    case F_INT4GT:
    case F_INT8GT:
    case F_INT24GT:
    case F_INT28GT:
    case F_INT42GT:
    case F_INT48GT:
    case F_INT82GT:
    case F_INT84GT:
    case F_DATE_GT:
    case F_TIMESTAMP_GT:
    case F_TIMESTAMPTZ_GT:
      *comparison = Comparison::kGreater;
      return true;
    default:
      return false;
  }
}

bool IsComparable(Oid type) {
  return type == INT2OID || type == INT4OID || type == INT8OID || type == DATEOID ||
         type == TIMESTAMPOID || type == TIMESTAMPTZOID;
}

// Whether an expression can neither raise an error nor run a query: a constant, or a parameter
// whose value is known.
bool IsHarmless(const Expr* expression, const ExprContext* context) {
  while (IsA(expression, RelabelType)) {
    expression = reinterpret_cast<const RelabelType*>(expression)->arg;
  }
  if (IsA(expression, Const)) return true;
  if (!IsA(expression, Param)) return false;
  const auto* parameter = reinterpret_cast<const Param*>(expression);
  return parameter->paramkind == PARAM_EXTERN ||
         (parameter->paramkind == PARAM_EXEC &&
          context->ecxt_param_exec_vals[parameter->paramid].execPlan == nullptr);
}

}  // namespace

TableReader* TableReader::Make(PlanState* child, const VectorAggPlan& plan) {
  // EvalPlanQual replaces a scan's rows by its own; only the scan itself can do that.
  if (child->state->es_epq_active != nullptr) return nullptr;
  auto* reader = static_cast<TableReader*>(palloc0(sizeof(TableReader)));
  reader->child_ = child;
  reader->estate_ = child->state;
  if (IsA(child, AppendState)) {
    auto* append = reinterpret_cast<AppendState*>(child);
    if (append->as_prune_state != nullptr && append->as_prune_state->do_exec_prune) return nullptr;
    if (append->as_nasyncplans > 0 || append->ps.plan->parallel_aware) return nullptr;
    if (append->ps.plan->initPlan != NIL) return nullptr;
    reader->tables_ = static_cast<Table*>(palloc0(Max(append->as_nplans, 1) * sizeof(Table)));
    for (int i = 0; i < append->as_nplans; ++i) {
      PlanState* state = append->appendplans[i];
      if (state->plan->parallel_aware || !reader->AddTable(state, plan)) return nullptr;
    }
    return reader;
  }
  reader->tables_ = static_cast<Table*>(palloc0(sizeof(Table)));
  return reader->AddTable(child, plan) ? reader : nullptr;
}

bool TableReader::AddTable(PlanState* state, const VectorAggPlan& plan) {
  const bool bitmap = IsA(state, BitmapHeapScanState);
  if ((!IsA(state, SeqScanState) && !bitmap) || state->plan->initPlan != NIL) return false;
  // Reading whole pages would take more predicate locks than the rows of the bitmap, and so disturb
  // writers elsewhere.
  if (bitmap && (state->plan->parallel_aware || IsolationIsSerializable())) return false;
  auto* scan = reinterpret_cast<ScanState*>(state);
  // The node itself has begun the scan, so some rows would be missing.
  if (scan->ss_currentScanDesc != nullptr && !bitmap &&
      scan->ss_currentScanDesc->rs_parallel == nullptr) {
    return false;
  }
  Relation relation = scan->ss_currentRelation;
  if ((relation->rd_tableam != GetHeapamTableAmRoutine() && !IsDense(relation)) ||
      !IsMVCCSnapshot(state->state->es_snapshot)) {
    return false;
  }
  Table* table = &tables_[table_count_];
  const TupleDesc descriptor = RelationGetDescr(relation);
  table->scan = scan;
  table->attributes = static_cast<Attribute*>(palloc0(descriptor->natts * sizeof(Attribute)));
  for (int i = 0; i < descriptor->natts; ++i) {
    table->attributes[i].length = TupleDescAttr(descriptor, i)->attlen;
    table->attributes[i].align = TupleDescAttr(descriptor, i)->attalign;
  }
  table->bitmap = bitmap ? outerPlanState(state) : nullptr;
  // We look at every row of a page, so the condition of the index is one more filter. It comes
  // first: the other filters must not see rows outside the bitmap.
  const List* condition =
      bitmap ? reinterpret_cast<BitmapHeapScan*>(state->plan)->bitmapqualorig : NIL;
  if (!AddFilters(scan, condition, table) || !AddFilters(scan, state->plan->qual, table) ||
      !AddOutputs(scan, plan, table)) {
    return false;
  }
  PlanAttributes(table, descriptor->natts);
  ++table_count_;
  return true;
}

bool TableReader::AddFilters(const ScanState* scan, const List* quals, Table* table) {
  const TupleDesc descriptor = RelationGetDescr(scan->ss_currentRelation);
  for (const OpExpr* operation : Each<OpExpr>(quals)) {
    Filter filter = {};
    if (!IsA(operation, OpExpr) || list_length(operation->args) != 2 ||
        !ComparisonOf(get_opcode(operation->opno), &filter.comparison)) {
      return false;
    }
    const auto* var = static_cast<Var*>(linitial(operation->args));
    filter.expression = static_cast<Expr*>(lsecond(operation->args));
    auto* node = reinterpret_cast<Node*>(filter.expression);
    filter.constant_type = exprType(node);
    if (!IsA(var, Var) || var->varattno <= 0 || !IsComparable(var->vartype) ||
        TupleDescAttr(descriptor, var->varattno - 1)->atttypid != var->vartype ||
        !IsComparable(filter.constant_type) || contain_var_clause(node) ||
        contain_volatile_functions(node) || contain_subplans(node)) {
      return false;
    }
    filter.attribute = var->varattno;
    filter.type = var->vartype;
    // Without a parent, so that it is not compiled (JIT): it is evaluated once per scan.
    filter.constant_state = ExecInitExpr(filter.expression, nullptr);
    auto* filters = static_cast<Filter*>(palloc((table->filter_count + 1) * sizeof(Filter)));
    if (table->filter_count > 0) {
      memcpy(filters, table->filters, table->filter_count * sizeof(Filter));
    }
    filters[table->filter_count++] = filter;
    table->filters = filters;
    ++table->attributes[filter.attribute - 1].filter_limit;
  }
  return true;
}

bool TableReader::AddOutputs(const ScanState* scan, const VectorAggPlan& plan, Table* table) {
  const TupleDesc descriptor = RelationGetDescr(scan->ss_currentRelation);
  // An array of pointers, as is meant: NOLINTNEXTLINE(bugprone-sizeof-expression)
  table->buckets = static_cast<Bucket**>(palloc(Max(plan.column_count, 1) * sizeof(Bucket*)));
  for (int i = 0; i < plan.column_count; ++i) {
    const auto* entry =
        static_cast<TargetEntry*>(list_nth(scan->ps.plan->targetlist, plan.columns[i].resno - 1));
    const ColumnKind kind = plan.columns[i].kind;
    Output output = {i, nullptr, kind == ColumnKind::kInteger,
                     kind == ColumnKind::kText || kind == ColumnKind::kItem};
    AttrNumber number;
    if (IsA(entry->expr, Var)) {
      number = reinterpret_cast<Var*>(entry->expr)->varattno;
      if (number <= 0 ||
          getBaseType(TupleDescAttr(descriptor, number - 1)->atttypid) != plan.columns[i].type) {
        return false;
      }
    } else {
      output.bucket = RecognizeBucket(entry->expr, descriptor, scan->ps.ps_ExprContext);
      if (output.bucket == nullptr) return false;
      number = output.bucket->attribute;
      table->buckets[table->bucket_count++] = output.bucket;
    }
    Attribute* attribute = &table->attributes[number - 1];
    const int n = attribute->output_count++;
    auto* outputs = static_cast<Output*>(palloc((n + 1) * sizeof(Output)));
    if (n > 0) memcpy(outputs, attribute->outputs, n * sizeof(Output));
    outputs[n] = output;
    attribute->outputs = outputs;
  }
  return true;
}

// Computes what follows from the filters and outputs of a table with `count` attributes.
void TableReader::PlanAttributes(Table* table, int count) {
  int last_filter = 0, first_output = count;
  for (int i = count - 1; i >= 0; --i) {
    Attribute& attribute = table->attributes[i];
    if (attribute.output_count + attribute.filter_limit == 0) continue;
    table->attribute_count = Max(table->attribute_count, i + 1);
    if (attribute.filter_limit > 0) last_filter = Max(last_filter, i);
    if (attribute.output_count > 0) first_output = i;
    attribute.filters =
        static_cast<Filter*>(palloc(Max(attribute.filter_limit, 1) * sizeof(Filter)));
  }
  table->filters_first = last_filter <= first_output;
  table->waiting =
      static_cast<NullableDatum*>(palloc0(Max(table->attribute_count, 1) * sizeof(NullableDatum)));
}

void TableReader::Start() {
  // Changed parameters are passed on when a node is asked for its next tuple. We never ask these
  // nodes.
  if (child_->chgParam != nullptr) ExecReScan(child_);
  for (int i = 0; i < table_count_; ++i) {
    PlanState* state = &tables_[i].scan->ps;
    if (state->chgParam != nullptr) ExecReScan(state);
    StartTable(&tables_[i]);
  }
  table_ = 0;
  page_open_ = false;
  // Made for a parallel plan: its blocks are shared among the workers.
  if (IsA(child_, SeqScanState)) {
    shared_ = tables_[0].scan->ss_currentScanDesc;
    if (shared_ != nullptr) StartShared();
  }
}

void TableReader::StartTable(Table* table) {
  for (int i = 0; i < table->attribute_count; ++i) table->attributes[i].filter_count = 0;
  for (int i = 0; i < table->bucket_count; ++i) RestartBucket(table->buckets[i]);
  table->filters_known = 0;
  table->buckets_known = table->bucket_count == 0;
  table->never = false;
  // Constants that can have no error and no effect need no row.
  const ExprContext* context = table->scan->ps.ps_ExprContext;
  while (table->filters_known < table->filter_count &&
         IsHarmless(table->filters[table->filters_known].expression, context)) {
    if (!UseNextFilter(table)) return;
  }
}

// Computes the constant of the next filter, which is in use from then on. False if it is NULL.
bool TableReader::UseNextFilter(Table* table) {
  Filter* filter = &table->filters[table->filters_known];
  ExprContext* context = table->scan->ps.ps_ExprContext;
  bool is_null;
  const Datum value = ExecEvalExprSwitchContext(filter->constant_state, context, &is_null);
  ResetExprContext(context);
  ++table->filters_known;
  if (is_null) {
    table->never = true;
    return false;
  }
  filter->constant = IntegerOf(filter->constant_type, value);
  Attribute* attribute = &table->attributes[filter->attribute - 1];
  attribute->filters[attribute->filter_count++] = *filter;
  return true;
}

}  // namespace millrace::pg
