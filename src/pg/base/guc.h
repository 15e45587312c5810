// The settings of the extensions.
#pragma once

namespace millrace::pg {

// millrace.hll_*: the parameters that hll_empty, hll_add_agg and the hll type use when they are not
// given. hll_set_defaults and hll_set_max_sparse set them. Because they are settings, parallel
// workers have them too and a rollback undoes them.
extern int hll_default_log2m;
extern int hll_default_regwidth;
extern int hll_default_expthresh;
extern int hll_default_sparseon;
extern int hll_max_sparse;

// millrace.enable_vector_agg: whether the planner may use the engine. millrace.log_fallback:
// whether the server log says why the engine, or a smaller rollup, was not used for a query.
extern bool enable_vector_agg;
extern bool log_fallback;

// millrace.enable_rewrite: which questions to a rollup may be answered from one over it.
enum class RewriteMode {
  kOff,
  kExact,        // on: those whose answer is the same to the byte
  kApproximate,  // also topn, and sums of floating-point numbers
};
extern RewriteMode enable_rewrite;
// millrace.rewrite_events: the same for questions to events (kApproximate: also count(DISTINCT), by
// the sketch). millrace.rewrite_dropped_events: whether these may be answered with events whose
// partitions are gone.
extern RewriteMode rewrite_events;
extern bool rewrite_dropped_events;
// millrace.enable_tail_scan: whether a query about the newest events may leave out partitions that
// have none. millrace.tail_partitions: how many partitions with new events are known at once.
extern bool enable_tail_scan;
extern int tail_partitions;

// millrace.dense_partitions: whether new partitions become dense.
extern bool dense_partitions;

// millrace.refresh_step: how many ids a refresh merges in one step.
extern int refresh_step;

// millrace.enable_worker: whether rollups are refreshed in the background.
extern bool enable_worker;

// millrace.workers_per_database: how many workers share the rollups of a database.
inline constexpr int kMostWorkersPerDatabase = 16;
extern int workers_per_database;

// millrace.verify_share: the share of one processor that verification in the background may take.
extern double verify_share;

// Defines millrace.*. Called once, when the library is loaded.
void DefineSettings();

// topn.number_of_counters, N. Raises 22023 if it has a value that no library has checked. We define
// it when our library is loaded, so that parallel workers have it and wrong values are refused. But
// if the published topn is installed, that library defines it, and until then any value can be set.
int NumberOfCounters();

}  // namespace millrace::pg
