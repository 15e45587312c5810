#include "pg/scan/explain.h"

namespace millrace::pg {

void ExplainVectorAgg(const VectorAggState& state, List* ancestors, ExplainState* es) {
  auto* scan = reinterpret_cast<CustomScan*>(state.css.ss.ps.plan);
  List* context = set_deparse_context_plan(es->deparse_cxt, &scan->scan.plan, ancestors);
  List* keys = NIL;
  for (int i = 0; i < state.plan.key_count; ++i) {
    auto* entry = static_cast<TargetEntry*>(list_nth(scan->custom_scan_tlist, i));
    const bool qualify = CountTables(*es) > 1 || es->verbose;
    keys = lappend(
        keys, deparse_expression(reinterpret_cast<Node*>(entry->expr), context, qualify, false));
  }
  if (keys != NIL) ExplainPropertyList("Group Key", keys, es);
  if (!es->analyze || !state.consumed) return;
  ExplainPropertyText("Reader", state.read_pages ? "pages" : "child plan", es);
  ExplainPropertyInteger("Rows Grouped", nullptr, state.rows - state.spilled_rows, es);
  ExplainPropertyInteger("Groups", nullptr, state.groups, es);
  ExplainPropertyInteger("Batches", nullptr, state.batches, es);
  ExplainPropertyInteger("Peak Memory", "kB", static_cast<int64>((state.peak_memory + 1023) / 1024),
                         es);
  if (state.spilled_rows > 0 || es->format != EXPLAIN_FORMAT_TEXT) {
    ExplainPropertyInteger("Spilled", "kB", (state.spilled_bytes + 1023) / 1024, es);
  }
}

}  // namespace millrace::pg
