#include "pg/cluster/citus.h"

#include "pg/base/spi.h"

namespace millrace::pg {

bool HasCitus() { return OidIsValid(get_extension_oid("citus", true)); }

bool FindDistribution(Oid table, Distribution* distribution) {
  if (!HasCitus()) return false;
  const uint64 rows = RunSql(
      "SELECT p.partmethod, CASE WHEN p.partmethod = 'h' THEN "
      "pg_catalog.column_to_column_name(p.logicalrelid, p.partkey) END, p.colocationid, (SELECT "
      "count(*) FROM pg_catalog.pg_dist_shard s WHERE s.logicalrelid = p.logicalrelid) FROM "
      "pg_catalog.pg_dist_partition p WHERE p.logicalrelid = $1",
      {OidArgument(table)});
  if (rows == 0) return false;
  const SpiRow row(0);
  *distribution = {row.Char(1), row.Text(2), row.Int32(3), row.Int64(4)};
  return true;
}

int32 LocalGroup() {
  if (!HasCitus() || RunSql("SELECT groupid FROM pg_catalog.pg_dist_local_group") == 0) return 0;
  return SpiRow(0).Int32(1);
}

uint64 AskWorkers(const char* command, bool must_answer) {
  const uint64 rows = RunSql(
      "SELECT CASE WHEN success THEN result END, result, nodename || ':' || nodeport FROM "
      "pg_catalog.run_command_on_workers($1)",
      {TextArgument(command)});
  for (uint64 i = 0; must_answer && i < rows; ++i) {
    const SpiRow row(i);
    if (!row.IsNull(1)) continue;
    const char* problem = row.IsNull(2) ? "The node did not answer." : row.Text(2);
    ereport(
        ERROR,
        (errcode(ERRCODE_CONNECTION_FAILURE),
         errmsg("could not ask worker %s which ids it has handed out", row.Text(3)),
         errdetail_internal("%s", problem),
         errhint("A refresh takes the events of all nodes together, so every node must answer.")));
  }
  return rows;
}

void UseOneConnectionPerNode() {
  if (GetConfigOption("citus.multi_shard_modify_mode", true, false) != nullptr) {
    SetSettingInScope("citus.multi_shard_modify_mode", "sequential");
  }
}

}  // namespace millrace::pg
