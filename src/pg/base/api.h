// PostgreSQL's headers, as C. Only this file and base/compat.h include them; compat.h has what
// differs between the major versions.
#pragma once

// The library is compiled with hidden visibility; before PostgreSQL 16 this macro is empty.
#define PGDLLEXPORT __attribute__((visibility("default")))

// postgres.h must come first.
// clang-format off
extern "C" {
#include <postgres.h>

#include <access/brin.h>
#include <access/generic_xlog.h>
#include <access/genam.h>
#include <access/heapam.h>
#include <access/heaptoast.h>
#include <access/hio.h>
#include <access/htup_details.h>
#include <access/multixact.h>
#include <access/nbtree.h>
#include <access/parallel.h>
#include <access/relation.h>
#include <access/relscan.h>
#include <access/subtrans.h>
#include <access/tableam.h>
#include <access/transam.h>
#include <access/tsmapi.h>
#include <access/twophase.h>
#include <access/xact.h>
#include <access/xlog.h>
#include <catalog/dependency.h>
#include <catalog/index.h>
#include <catalog/namespace.h>
#include <catalog/partition.h>
#include <catalog/pg_aggregate.h>
#include <catalog/pg_authid.h>
#include <catalog/pg_am.h>
#include <catalog/pg_class.h>
#include <catalog/pg_collation.h>
#include <catalog/pg_database.h>
#include <catalog/pg_extension.h>
#include <catalog/pg_inherits.h>
#include <catalog/pg_language.h>
#include <catalog/pg_operator.h>
#include <catalog/pg_opfamily.h>
#include <catalog/pg_proc.h>
#include <catalog/pg_sequence.h>
#include <catalog/pg_statistic.h>
#include <catalog/pg_subscription_rel.h>
#include <catalog/pg_type.h>
#include <catalog/storage.h>
#include <catalog/storage_xlog.h>
#include <commands/cluster.h>
#include <commands/dbcommands.h>
#include <commands/defrem.h>
#include <commands/explain.h>
#include <commands/progress.h>
#include <commands/vacuum.h>
#include <commands/extension.h>
#include <commands/sequence.h>
#include <commands/tablecmds.h>
#include <commands/tablespace.h>
#include <commands/trigger.h>
#include <common/hashfn.h>
#include <common/int.h>
#include <executor/execPartition.h>
#include <executor/executor.h>
#include <executor/instrument.h>
#include <executor/spi.h>
#include <fmgr.h>
#include <funcapi.h>
#include <jit/jit.h>
#include <libpq/pqformat.h>
#include <mb/pg_wchar.h>
#include <miscadmin.h>
#include <nodes/execnodes.h>
#include <nodes/extensible.h>
#include <nodes/makefuncs.h>
#include <nodes/nodeFuncs.h>
#include <nodes/pathnodes.h>
#include <nodes/tidbitmap.h>
#include <optimizer/clauses.h>
#include <optimizer/cost.h>
#include <optimizer/optimizer.h>
#include <optimizer/pathnode.h>
#include <optimizer/paths.h>
#include <optimizer/plancat.h>
#include <optimizer/planner.h>
#include <optimizer/restrictinfo.h>
#include <optimizer/tlist.h>
#include <parser/analyze.h>
#include <parser/parse_coerce.h>
#include <parser/parse_func.h>
#include <parser/parse_node.h>
#include <parser/parse_oper.h>
#include <parser/parse_relation.h>
#include <parser/parser.h>
#include <parser/parsetree.h>
#include <partitioning/partbounds.h>
#include <partitioning/partdesc.h>
#include <pgstat.h>
#include <pgtime.h>
#include <postmaster/bgworker.h>
#include <postmaster/interrupt.h>
#include <rewrite/rewriteHandler.h>
#include <rewrite/rewriteManip.h>
#include <storage/buffile.h>
#include <storage/bufmgr.h>
#include <storage/bufpage.h>
#include <storage/fd.h>
#include <storage/freespace.h>
#include <storage/ipc.h>
#include <storage/latch.h>
#include <storage/lmgr.h>
#include <storage/lock.h>
#include <storage/lwlock.h>
#include <storage/predicate.h>
#include <storage/proc.h>
#include <storage/procarray.h>
#include <storage/shmem.h>
#include <storage/smgr.h>
#include <storage/spin.h>
#include <tcop/tcopprot.h>
#include <tcop/utility.h>
#include <utils/acl.h>
#include <utils/array.h>
#include <utils/backend_progress.h>
#include <utils/backend_status.h>
#include <utils/builtins.h>
#include <utils/date.h>
#include <utils/fmgrprotos.h>
#include <utils/datum.h>
#include <utils/expandeddatum.h>
#include <utils/fmgroids.h>
#include <utils/guc.h>
#include <utils/guc_tables.h>
#include <utils/inval.h>
#include <utils/jsonb.h>
#include <utils/lsyscache.h>
#include <utils/memutils.h>
#include <utils/numeric.h>
#include <utils/partcache.h>
#include <utils/regproc.h>
#include <utils/rel.h>
#include <utils/rls.h>
#include <utils/ruleutils.h>
#include <utils/selfuncs.h>
#include <utils/snapmgr.h>
#include <utils/syscache.h>
#include <utils/timeout.h>
#include <utils/timestamp.h>
#include <utils/tuplesort.h>
#include <utils/typcache.h>
#include <utils/uuid.h>
#include <utils/varlena.h>
}
// clang-format on

#include "pg/base/compat.h"

// Declares an SQL-callable function. Its name in the library has a prefix, so that it cannot
// replace a function of a published hll or topn library that is loaded into the same backend.
#define MILLRACE_FUNCTION(name)         \
  extern "C" {                          \
  PG_FUNCTION_INFO_V1(millrace_##name); \
  }                                     \
  extern "C" PGDLLEXPORT Datum millrace_##name(PG_FUNCTION_ARGS)

// copyObject, which C++ has no typeof for.
template <typename T>
T* CopyNode(const T* node) {
  return static_cast<T*>(copyObjectImpl(node));
}
