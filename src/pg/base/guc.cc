#include "pg/base/guc.h"

#include <unistd.h>

#include "core/sketch/hyperloglog.h"
#include "core/sketch/top_n.h"
#include "pg/base/api.h"

namespace millrace::pg {

int hll_default_log2m;
int hll_default_regwidth;
int hll_default_expthresh;
int hll_default_sparseon;
int hll_max_sparse;
bool enable_vector_agg;
bool log_fallback;
RewriteMode enable_rewrite;
RewriteMode rewrite_events;
bool rewrite_dropped_events;
bool dense_partitions;
bool enable_tail_scan;
int tail_partitions;
int refresh_step;
bool enable_worker;
double verify_share;
int workers_per_database;

namespace {

int rewrite_value;
int rewrite_events_value;
constexpr config_enum_entry kRewriteModes[] = {
    {"on", static_cast<int>(RewriteMode::kExact), false},
    {"approximate", static_cast<int>(RewriteMode::kApproximate), false},
    {"off", static_cast<int>(RewriteMode::kOff), false},
    {"exact", static_cast<int>(RewriteMode::kExact), true},
    {"true", static_cast<int>(RewriteMode::kExact), true},
    {"yes", static_cast<int>(RewriteMode::kExact), true},
    {"1", static_cast<int>(RewriteMode::kExact), true},
    {"false", static_cast<int>(RewriteMode::kOff), true},
    {"no", static_cast<int>(RewriteMode::kOff), true},
    {"0", static_cast<int>(RewriteMode::kOff), true},
    {nullptr, 0, false}};

constexpr config_enum_entry kRewriteEventsModes[] = {
    {"off", static_cast<int>(RewriteMode::kOff), false},
    {"exact", static_cast<int>(RewriteMode::kExact), false},
    {"approximate", static_cast<int>(RewriteMode::kApproximate), false},
    {"on", static_cast<int>(RewriteMode::kExact), true},
    {nullptr, 0, false}};

constexpr char kCounters[] = "topn.number_of_counters";
int number_of_counters;
bool counters_are_ours;

void DefineInt(const char* name, const char* description, int* variable, int boot, int low,
               int high) {
  DefineCustomIntVariable(name, description, nullptr, variable, boot, low, high, PGC_USERSET, 0,
                          nullptr, nullptr, nullptr);
}

// Whether a library has defined the setting. If it was only given a value, that does not count.
bool IsDefined(const char* name) {
  const config_generic* setting = FindSetting(name);
  return setting != nullptr && (setting->flags & GUC_CUSTOM_PLACEHOLDER) == 0;
}

bool HasPublishedTopN(const char* directory, int length) {
  constexpr char kLibdir[] = "$libdir";
  constexpr int kLibdirLength = sizeof(kLibdir) - 1;
  char path[MAXPGPATH];
  if (length >= kLibdirLength && strncmp(directory, kLibdir, kLibdirLength) == 0) {
    snprintf(path, sizeof(path), "%s%.*s/topn" DLSUFFIX, pkglib_path, length - kLibdirLength,
             directory + kLibdirLength);
  } else {
    snprintf(path, sizeof(path), "%.*s/topn" DLSUFFIX, length, directory);
  }
  return access(path, F_OK) == 0;
}

// Whether the library of the published topn is where the server looks for libraries.
bool PublishedTopNIsInstalled() {
  if (HasPublishedTopN("$libdir", 7)) return true;
  for (const char* directory = Dynamic_library_path; *directory != '\0';) {
    const auto length = static_cast<int>(strcspn(directory, ":"));
    if (length > 0 && HasPublishedTopN(directory, length)) return true;
    directory += length;
    if (*directory == ':') ++directory;
  }
  return false;
}

}  // namespace

void DefineSettings() {
  const HllParameters hll;
  DefineInt("millrace.hll_log2m", "Number of registers of a new hll, as a power of two.",
            &hll_default_log2m, hll.log2m, 0, HllParameters::kMaxLog2m);
  DefineInt("millrace.hll_regwidth", "Bits per register of a new hll.", &hll_default_regwidth,
            hll.regwidth, 1, HllParameters::kMaxRegwidth);
  DefineInt("millrace.hll_expthresh",
            "Number of values a new hll keeps exactly: -1 (automatic), 0 or a power of two.",
            &hll_default_expthresh, hll.expthresh, -1, HllParameters::kMaxExpthresh);
  DefineInt("millrace.hll_sparseon", "Whether a new hll may be stored as a list of registers.",
            &hll_default_sparseon, hll.sparseon, 0, 1);
  DefineInt("millrace.hll_max_sparse",
            "Most registers an hll stores as a list: -1 takes the smaller form.", &hll_max_sparse,
            -1, -1, PG_INT32_MAX);
  DefineInt("millrace.refresh_step", "Ids that a refresh of a rollup takes at once.", &refresh_step,
            5'000'000, 1'000, PG_INT32_MAX);
  DefineCustomBoolVariable(
      "millrace.enable_vector_agg", "Whether aggregation may run in the vectorised engine.",
      nullptr, &enable_vector_agg, true, PGC_USERSET, GUC_EXPLAIN, nullptr, nullptr, nullptr);
  DefineCustomBoolVariable(
      "millrace.log_fallback",
      "Whether the log says why the engine, or a smaller rollup, was not used.", nullptr,
      &log_fallback, false, PGC_USERSET, 0, nullptr, nullptr, nullptr);
  DefineCustomBoolVariable(
      "millrace.dense_partitions",
      "Whether partitions that are created or attached become dense (millrace_dense).",
      "Only empty heap partitions without a unique index.", &dense_partitions, false, PGC_USERSET,
      0, nullptr, nullptr, nullptr);
  DefineCustomEnumVariable(
      "millrace.enable_rewrite",
      "Which questions to a rollup may be answered from a smaller rollup over it.",
      "on: those whose answer is exactly the same. approximate: also topn, and sums of "
      "floating-point numbers.",
      &rewrite_value, static_cast<int>(RewriteMode::kExact), kRewriteModes, PGC_USERSET,
      GUC_EXPLAIN, nullptr,
      [](int value, void*) { enable_rewrite = static_cast<RewriteMode>(value); }, nullptr);
  DefineCustomEnumVariable(
      "millrace.rewrite_events",
      "Which questions to watched events may be answered from rollups over them.",
      "exact: counts, sums, minima and maxima. approximate: also count(DISTINCT), by the sketch.",
      &rewrite_events_value, static_cast<int>(RewriteMode::kOff), kRewriteEventsModes, PGC_USERSET,
      GUC_EXPLAIN, nullptr,
      [](int value, void*) { rewrite_events = static_cast<RewriteMode>(value); }, nullptr);
  DefineCustomBoolVariable(
      "millrace.rewrite_dropped_events",
      "Whether questions to events may be answered with events whose partitions are gone.", nullptr,
      &rewrite_dropped_events, false, PGC_USERSET, GUC_EXPLAIN, nullptr, nullptr, nullptr);
  DefineCustomBoolVariable(
      "millrace.enable_tail_scan",
      "Whether a query about the newest events may leave out partitions that have none.", nullptr,
      &enable_tail_scan, true, PGC_USERSET, GUC_EXPLAIN, nullptr, nullptr, nullptr);
  // It sizes shared memory.
  if (process_shared_preload_libraries_in_progress) {
    DefineCustomIntVariable(
        "millrace.tail_partitions", "Partitions with new events that are known at once.",
        "Where there are more, live views and refreshes look at all partitions.", &tail_partitions,
        16384, 16, 1 << 20, PGC_POSTMASTER, 0, nullptr, nullptr, nullptr);
  }
  DefineCustomBoolVariable("millrace.enable_worker",
                           "Whether declared rollups are refreshed in the background.", nullptr,
                           &enable_worker, true, PGC_SIGHUP, 0, nullptr, nullptr, nullptr);
  DefineCustomIntVariable("millrace.workers_per_database",
                          "Background workers that share the rollups of a database.", nullptr,
                          &workers_per_database, 1, 1, kMostWorkersPerDatabase, PGC_SIGHUP, 0,
                          nullptr, nullptr, nullptr);
  DefineCustomRealVariable(
      "millrace.verify_share",
      "Share of one processor that the verification of rollups in the background may take.",
      "0 switches it off.", &verify_share, 0.02, 0, 1, PGC_SIGHUP, 0, nullptr, nullptr, nullptr);
  MarkGUCPrefixReserved("millrace");
  // A second definition is an error, and the published topn defines the setting when it is loaded.
  // So if it is installed, we leave the setting to it.
  if (!IsDefined(kCounters) && !PublishedTopNIsInstalled()) {
    DefineInt(kCounters, "Items that a topn value keeps.", &number_of_counters,
              static_cast<int>(kTopNDefaultCounters), 1, static_cast<int>(kTopNMaxCounters));
    counters_are_ours = true;
  }
}

int NumberOfCounters() {
  if (likely(counters_are_ours)) return number_of_counters;
  // Either the published topn has defined the setting, or it only has a value so far.
  const char* text = GetConfigOption(kCounters, true, false);
  if (text == nullptr) return static_cast<int>(kTopNDefaultCounters);
  int value;
  if (!parse_int(text, &value, 0, nullptr) || value < 1 || value > kTopNMaxCounters) {
    ereport(ERROR,
            (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
             errmsg("invalid value for parameter \"%s\": \"%s\"", kCounters, text),
             errdetail("It must be a number from 1 to %d.", static_cast<int>(kTopNMaxCounters))));
  }
  return value;
}

}  // namespace millrace::pg
