#include "pg/rollup/worker/maintenance.h"

#include "pg/base/spi.h"
#include "pg/dense/seal.h"
#include "pg/rollup/catalog/catalog.h"
#include "pg/rollup/catalog/extension.h"
#include "pg/rollup/refresh/retention.h"
#include "pg/rollup/worker/worker_step.h"

namespace millrace::pg {
namespace {

// What is to be done with the partitions of a table that ended so long ago.
struct Ageing {
  Oid source;
  Interval age;
  bool drop;            // else made dense
  const char* failure;  // what the log says if it cannot be done
};

// The rows of millrace.retention and millrace.sealing, as an array of `*count` in `context`.
Ageing* LoadAgeing(MemoryContext context, int* count) {
  *count = 0;
  if (!BeginStep("loading retention")) return nullptr;
  const uint64 rows = RunSql(R"(
    SELECT source, keep, true, 'old partitions of ' || source::text || ' could not be dropped'
    FROM millrace.retention
    UNION ALL
    SELECT source, age, false, 'partitions of ' || source::text || ' could not be made dense'
    FROM millrace.sealing)");
  auto* ageing = static_cast<Ageing*>(MemoryContextAlloc(context, Max(rows, 1) * sizeof(Ageing)));
  for (uint64 i = 0; i < rows; ++i) {
    bool is_null;
    ageing[i].source = SpiRow(i).ObjectId(1);
    ageing[i].age = *DatumGetIntervalP(SpiRow(i).Value(2, &is_null));
    ageing[i].drop = SpiRow(i).Bool(3);
    ageing[i].failure = MemoryContextStrdup(context, SpiRow(i).Text(4));
  }
  EndStep();
  *count = static_cast<int>(rows);
  return ageing;
}

void DropOldPartitions(const Ageing& ageing) {
  if (!BeginStep("dropping old partitions")) return;
  if (get_rel_name(ageing.source) != nullptr) {
    AsOwner(OwnerOf(ageing.source), [&] { ApplyRetention(ageing.source, &ageing.age); });
  }
  EndStep();
}

// Partitions that cannot be dense. They are tried once in the life of a worker.
List* not_sealed = NIL;

// Makes the partitions dense, each in a transaction of its own, for some seconds at most.
void Seal(const Ageing& ageing) {
  constexpr int64 kLong = 10'000'000;
  const MonotonicTime start = MonotonicNow();
  bool more = true;
  while (more && MonotonicNow() - start < kLong) {
    if (!BeginStep("making partitions dense")) return;
    Oid partition = InvalidOid;
    bool sealed = false;
    if (get_rel_name(ageing.source) != nullptr) {
      AsOwner(OwnerOf(ageing.source), [&] {
        partition = SealNextPartition(ageing.source, &ageing.age, not_sealed, &sealed);
      });
    }
    EndStep();
    more = OidIsValid(partition);
    if (!more || sealed) continue;
    const MemoryContext caller = MemoryContextSwitchTo(TopMemoryContext);
    not_sealed = lappend_oid(not_sealed, partition);
    MemoryContextSwitchTo(caller);
  }
}

// The BRIN indexes over the tables that rollups read and write, as an array of `*count` in
// `context`.
Oid* LoadRangeIndexes(MemoryContext context, int* count) {
  *count = 0;
  if (!BeginStep("looking for indexes to summarize")) return nullptr;
  const uint64 rows = RunSql(R"(
    WITH known AS (SELECT source AS relation FROM millrace.rollup UNION SELECT relation FROM millrace.rollup),
      tables AS (
        SELECT relation::oid AS relation FROM known
        UNION SELECT t.relid FROM known CROSS JOIN LATERAL pg_partition_tree(known.relation) t WHERE t.isleaf)
    SELECT i.indexrelid
    FROM tables t
    JOIN pg_index i ON i.indrelid = t.relation
    JOIN pg_class c ON c.oid = i.indexrelid
    JOIN pg_am a ON a.oid = c.relam
    WHERE a.amname = 'brin' AND i.indisvalid AND c.relkind = 'i')");
  auto* indexes = static_cast<Oid*>(MemoryContextAlloc(context, Max(rows, 1) * sizeof(Oid)));
  for (uint64 i = 0; i < rows; ++i) {
    indexes[i] = SpiRow(i).ObjectId(1);
  }
  EndStep();
  *count = static_cast<int>(rows);
  return indexes;
}

// A BRIN index does not cover what was written since it was last summarized, and each refresh and
// each query of a live view reads all of that. If somebody else works on the table (VACUUM, CREATE
// INDEX CONCURRENTLY) we do not wait: others would queue behind us.
void Summarize(Oid index) {
  if (!BeginStep("summarizing an index")) return;
  const Oid table = IndexGetRelation(index, true);
  if (OidIsValid(table) && ConditionalLockRelationOid(table, ShareUpdateExclusiveLock)) {
    if (get_rel_name(table) != nullptr && get_rel_name(index) != nullptr &&
        ConditionalLockRelationOid(index, ShareUpdateExclusiveLock)) {
      RunSql("SELECT brin_summarize_new_values($1)", {OidArgument(index)});
    }
  }
  EndStep();
}

}  // namespace

void Maintain() {
  (void)Try("views could not be attached to the extension", [] {
    if (!BeginStep("attaching views to the extension")) return;
    AttachViews();
    EndStep();
  });
  const MemoryContext context =
      AllocSetContextCreate(TopMemoryContext, "millrace maintenance", ALLOCSET_SMALL_SIZES);
  Ageing* ageing = nullptr;
  int count = 0;
  (void)Try("retention could not be looked up", [&] { ageing = LoadAgeing(context, &count); });
  for (int i = 0; i < count; ++i) {
    (void)Try(ageing[i].failure,
              [&] { ageing[i].drop ? DropOldPartitions(ageing[i]) : Seal(ageing[i]); });
  }
  Oid* indexes = nullptr;
  count = 0;
  (void)Try("indexes could not be looked up", [&] { indexes = LoadRangeIndexes(context, &count); });
  for (int i = 0; i < count; ++i) {
    (void)Try("an index could not be summarized", [&] { Summarize(indexes[i]); });
  }
  MemoryContextDelete(context);
}

}  // namespace millrace::pg
