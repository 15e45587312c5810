#include "pg/rollup/catalog/placement.h"

#include "pg/base/list.h"
#include "pg/cluster/citus.h"

namespace millrace::pg {
namespace {

[[noreturn]] void Refuse(Oid events, const char* detail, const char* hint) {
  ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                  errmsg("no rollup can be declared over %s here", QualifiedName(events)),
                  errdetail("%s", detail), errhint("%s", hint)));
  pg_unreachable();
}

}  // namespace

const char* KeyThatIsColumn(const Rollup& rollup, const char* column) {
  const AttrNumber attribute = get_attnum(rollup.source, column);
  const Query* query = rollup.definition->storage;
  for (const TargetEntry* entry : Each<TargetEntry>(query->targetList)) {
    if (entry->resjunk || entry->ressortgroupref == 0 || !IsA(entry->expr, Var)) continue;
    const auto* var = reinterpret_cast<Var*>(entry->expr);
    if (var->varno == static_cast<int>(rollup.definition->source_rte) &&
        var->varattno == attribute) {
      return entry->resname;
    }
  }
  return nullptr;
}

bool CanFollowOnNodes(Oid events) {
  Distribution distribution;
  if (!FindDistribution(events, &distribution)) return false;
  if (LocalGroup() != 0) {
    Refuse(events, "Citus distributes it, and this node is not the coordinator.",
           "Declare and refresh rollups on the coordinator.");
  }
  if (distribution.method != 'h' || distribution.column == nullptr) {
    Refuse(events, "Citus does not distribute its rows by the hash of a column.",
           "Call create_distributed_table with a column, such as the tenant.");
  }
  // A change of a single shard is committed on its node first, so it could not be committed
  // together with the watermark.
  if (distribution.shards < 2) {
    Refuse(events, "Citus keeps it in a single shard.",
           "Run SELECT alter_distributed_table(..., shard_count := 32).");
  }
  return true;
}

void CheckDistribution(const Rollup& root) {
  const bool distributed = CanFollowOnNodes(root.source);
  if (distributed == IsDistributed(root)) return;
  if (distributed) {
    ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                    errmsg("%s has been distributed since rollup %s was declared",
                           QualifiedName(root.source), root.name),
                    errdetail("Events may now be written through other nodes too."),
                    errhint("SELECT millrace.distribute_rollups(%s) distributes the rollup too.",
                            quote_literal_cstr(QualifiedName(root.source)))));
  }
  ereport(
      ERROR,
      (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
       errmsg("%s is no longer distributed, but was when rollup %s was declared",
              QualifiedName(root.source), root.name),
       errhint("Distribute it again, or call millrace.drop_rollup and declare the rollup again.")));
}

const char* DistributionKey(const Rollup& rollup) {
  Distribution source;
  if (!FindDistribution(rollup.source, &source) || source.column == nullptr) return nullptr;
  return KeyThatIsColumn(rollup, source.column);
}

}  // namespace millrace::pg
