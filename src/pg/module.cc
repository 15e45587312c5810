// The entry point of the library that the three extensions share.

#include "pg/base/api.h"
#include "pg/base/guc.h"
#include "pg/dense/handler.h"
#include "pg/dense/seal.h"
#include "pg/partman/old_call.h"
#include "pg/rewrite/rewrite.h"
#include "pg/rollup/refresh/edits.h"
#include "pg/rollup/worker/worker.h"
#include "pg/scan/plan.h"
#include "pg/tail/marks.h"
#include "pg/tail/plan.h"
#include "pg/tail/publish.h"

extern "C" {
PG_MODULE_MAGIC;
// PostgreSQL calls it by this name. NOLINTNEXTLINE(bugprone-reserved-identifier)
PGDLLEXPORT void _PG_init(void);
}

void _PG_init(void) {
  millrace::pg::DefineSettings();
  millrace::pg::InstallVectorAgg();
  millrace::pg::InstallOldCallAdvice();
  millrace::pg::InstallDense();
  millrace::pg::InstallNewPartitions();
  // The rewrite comes before the tail: it may add parts that read the tail.
  millrace::pg::InstallTailScan();
  millrace::pg::InstallRewrite();
  millrace::pg::InstallTruncateWatch();
  if (process_shared_preload_libraries_in_progress) {
    millrace::pg::InstallRollupWorkers();
    millrace::pg::RequestMarks();
    millrace::pg::InstallPublisher();
  }
}
