#include "pg/guc.h"

#include "core/sketch/hyperloglog.h"
#include "core/sketch/top_n.h"
#include "pg/pg_api.h"

namespace millrace::pg {

int hll_default_log2m;
int hll_default_regwidth;
int hll_default_expthresh;
int hll_default_sparseon;
int hll_max_sparse;
bool enable_vector_agg;
bool log_fallback;
int refresh_step;
bool enable_worker;
double verify_share;

namespace {

int number_of_counters;

void DefineInt(const char* name, const char* description, int* variable, int boot, int low,
               int high) {
  DefineCustomIntVariable(name, description, nullptr, variable, boot, low, high, PGC_USERSET, 0,
                          nullptr, nullptr, nullptr);
}

}  // namespace

void DefineSettings() {
  const HllParameters hll;
  DefineInt("millrace.hll_log2m", "Registers of a new hll, as a power of two.", &hll_default_log2m,
            hll.log2m, 0, HllParameters::kMaxLog2m);
  DefineInt("millrace.hll_regwidth", "Bits per register of a new hll.", &hll_default_regwidth,
            hll.regwidth, 1, HllParameters::kMaxRegwidth);
  DefineInt("millrace.hll_expthresh",
            "Values a new hll keeps exactly: -1 is automatic, otherwise 0 or a power of two.",
            &hll_default_expthresh, hll.expthresh, -1, HllParameters::kMaxExpthresh);
  DefineInt("millrace.hll_sparseon", "Whether a new hll may be stored as a list of registers.",
            &hll_default_sparseon, hll.sparseon, 0, 1);
  DefineInt("millrace.hll_max_sparse",
            "Registers up to which an hll is stored as a list: -1 is whatever is smaller.",
            &hll_max_sparse, -1, -1, PG_INT32_MAX);
  DefineInt("millrace.refresh_step", "Ids that a refresh of a rollup takes at once.", &refresh_step,
            5'000'000, 1'000, PG_INT32_MAX);
  DefineCustomBoolVariable(
      "millrace.enable_vector_agg", "Whether aggregation may run in the vectorised engine.",
      nullptr, &enable_vector_agg, true, PGC_USERSET, GUC_EXPLAIN, nullptr, nullptr, nullptr);
  DefineCustomBoolVariable(
      "millrace.log_fallback", "Whether the log says why an aggregation was left to PostgreSQL.",
      nullptr, &log_fallback, false, PGC_USERSET, 0, nullptr, nullptr, nullptr);
  DefineCustomBoolVariable("millrace.enable_worker",
                           "Whether declared rollups are refreshed in the background.", nullptr,
                           &enable_worker, true, PGC_SIGHUP, 0, nullptr, nullptr, nullptr);
  DefineCustomRealVariable(
      "millrace.verify_share",
      "Share of one processor that the verification of rollups in the background may take.",
      "0 switches it off.", &verify_share, 0.02, 0, 1, PGC_SIGHUP, 0, nullptr, nullptr, nullptr);
  MarkGUCPrefixReserved("millrace");
}

int NumberOfCounters() {
  static bool defined = false;
  if (!defined) {
    DefineInt("topn.number_of_counters", "Items that a topn value keeps.", &number_of_counters,
              static_cast<int>(kTopNDefaultCounters), 1, static_cast<int>(kTopNMaxCounters));
    defined = true;
  }
  return number_of_counters;
}

}  // namespace millrace::pg
