// The settings of the extensions.
#pragma once

namespace millrace::pg {

// millrace.hll_*: what hll_empty, hll_add_agg and the hll type use where a parameter is left out.
// hll_set_defaults and hll_set_max_sparse set them; being settings, they reach parallel workers and
// are undone by a rollback.
extern int hll_default_log2m;
extern int hll_default_regwidth;
extern int hll_default_expthresh;
extern int hll_default_sparseon;
extern int hll_max_sparse;

// millrace.enable_vector_agg: whether the planner may use the engine. millrace.log_fallback:
// whether the server log says why a plan was left to PostgreSQL.
extern bool enable_vector_agg;
extern bool log_fallback;

// millrace.refresh_step: ids that a refresh takes at once.
extern int refresh_step;

// millrace.enable_worker: whether rollups are refreshed in the background.
extern bool enable_worker;

// millrace.workers_per_database: the workers that share the rollups of a database.
inline constexpr int kMostWorkersPerDatabase = 16;
extern int workers_per_database;

// millrace.verify_share: the share of one processor that verification in the background may take.
extern double verify_share;

// Defines millrace.*. Called once, when the library is loaded.
void DefineSettings();

// topn.number_of_counters, N. Raises 22023 where it has a value that no library has checked.
// Defined when the library is loaded, so that it reaches parallel workers and wrong values are
// refused; but where the published topn is installed that defines it, and until then any value can
// be set.
int NumberOfCounters();

}  // namespace millrace::pg
