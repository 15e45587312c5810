#include "pg/cluster/citus.h"

#include "pg/base/spi.h"

namespace millrace::pg {

namespace {

struct CitusTables {
  Relation list;
  Oid index;
};

bool Knows(const CitusTables& tables, Oid relation) {
  ScanKeyData key;
  ScanKeyInit(&key, 1, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(relation));
  SysScanDesc scan =
      systable_beginscan(tables.list, tables.index, OidIsValid(tables.index), nullptr, 1, &key);
  const bool found = HeapTupleIsValid(systable_getnext(scan));
  systable_endscan(scan);
  return found;
}

bool NamesCitusTable(Node* node, void* context) {
  if (node == nullptr) return false;
  if (IsA(node, RangeTblEntry)) {
    const auto* entry = reinterpret_cast<const RangeTblEntry*>(node);
    return entry->rtekind == RTE_RELATION &&
           Knows(*static_cast<const CitusTables*>(context), entry->relid);
  }
  if (IsA(node, Query)) {
    return WalkQueryTree(reinterpret_cast<Query*>(node), NamesCitusTable, context,
                         QTW_EXAMINE_RTES_BEFORE);
  }
  return WalkExpressionTree(node, NamesCitusTable, context);
}

}  // namespace

bool HasCitus() { return OidIsValid(get_extension_oid("citus", true)); }

bool CitusPlans(const Query* query) {
  const Oid schema = get_namespace_oid("pg_catalog", false);
  const Oid list = get_relname_relid("pg_dist_partition", schema);
  if (!OidIsValid(list)) return false;
  // Its first column is the table.
  CitusTables tables = {table_open(list, AccessShareLock),
                        get_relname_relid("pg_dist_partition_logical_relid_index", schema)};
  const bool found = NamesCitusTable(reinterpret_cast<Node*>(const_cast<Query*>(query)), &tables);
  table_close(tables.list, AccessShareLock);
  return found;
}

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
