// Rollups with Citus: a rollup declared over a distributed table, and tables and rollups of one
// node that are distributed later (millrace.distribute_table).
//
// The nodes' watermarks are in the coordinator's catalog, where a refresh reads them. A reference
// table has a copy of them, so that each shard of a live view finds it on its own node. A refresh
// writes both, and everything on one node in one transaction there. So a snapshot on that node has
// the rows, the events and the watermarks of the same moment. That is why refreshes run with one
// connection per node.

#include "pg/rollup/refresh/distribution.h"

#include "pg/base/fault_point.h"
#include "pg/base/list.h"
#include "pg/base/spi.h"
#include "pg/cluster/citus.h"
#include "pg/rollup/catalog/key_index.h"
#include "pg/rollup/refresh/edits.h"
#include "pg/rollup/refresh/refresh.h"
#include "pg/rollup/registry/worker_registry.h"
#include "pg/rollup/sql/statements.h"

namespace millrace::pg {
namespace {

const char* CopyName(const Rollup& root) {
  return quote_qualified_identifier(get_namespace_name(get_rel_namespace(root.relation)),
                                    psprintf("%s_watermark", get_rel_name(root.relation)));
}

// A rollup that was forgotten because its events were dropped leaves its copy behind.
void DropLeftover(const Rollup& root, const char* name) {
  const Oid found = get_relname_relid(psprintf("%s_watermark", get_rel_name(root.relation)),
                                      get_rel_namespace(root.relation));
  if (!OidIsValid(found)) return;
  Distribution distribution;
  if (FindDistribution(found, &distribution) && distribution.method == 'n' &&
      pg_class_ownercheck(found, GetUserId()) && get_attnum(found, "node_group") == 1 &&
      get_attnum(found, "position") == 2 &&
      RunSql("SELECT FROM millrace.rollup WHERE watermark_copy = $1", {OidArgument(found)}) == 0) {
    RunSql(psprintf("DROP TABLE %s", name));
  }
}

void ReplaceLiveViews(const Rollup& rollup, const Rollup& root, const char* id_column) {
  if (OidIsValid(rollup.live_view) && get_rel_relkind(rollup.live_view) == RELKIND_VIEW) {
    RunSql(psprintf("CREATE OR REPLACE VIEW %s AS %s", QualifiedName(rollup.live_view),
                    LiveSql(rollup, root, id_column)));
  }
  for (auto* child : Each<Rollup>(rollup.children)) {
    ReplaceLiveViews(*child, root, id_column);
  }
}

void DistributeFamily(const Rollup& rollup) {
  DistributeTable(rollup);
  for (auto* child : Each<Rollup>(rollup.children)) DistributeFamily(*child);
}

}  // namespace

void DistributeTable(const Rollup& rollup) {
  Distribution source, own;
  if (!FindDistribution(rollup.source, &source)) {
    elog(ERROR, "%s is not distributed", QualifiedName(rollup.source));
  }
  const char* key = KeyThatIsColumn(rollup, source.column);
  if (key == nullptr) {
    ereport(
        ERROR,
        (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
         errmsg("the keys of rollup %s lack column \"%s\", by which %s is distributed", rollup.name,
                source.column, QualifiedName(rollup.source)),
         errdetail(
             "Each shard of the events is rolled up into a shard of the rollup on the same node."),
         errhint("Add the column to the query and to its GROUP BY, and sum over its values when "
                 "reading the rollup. A summary that millrace.summarize has declared: SELECT "
                 "millrace.drop_rollup(%s).",
                 quote_literal_cstr(rollup.name))));
  }
  if (!FindDistribution(rollup.relation, &own)) {
    // Citus needs the column itself in the index, not its digest.
    MakePlainInIndex(rollup, key);
    StopWatching(rollup);
    RunSql("SELECT pg_catalog.create_distributed_table($1, $2, colocate_with => $3)",
           {OidArgument(rollup.relation), TextArgument(key),
            TextArgument(QualifiedName(rollup.source))});
    FaultPoint("distribute: table");
    return;
  }
  if (own.colocation == source.colocation && own.column != nullptr &&
      strcmp(own.column, key) == 0) {
    return;
  }
  ereport(ERROR,
          (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
           errmsg("table %s is not distributed like %s", rollup.name, QualifiedName(rollup.source)),
           errhint("Run SELECT undistribute_table(%s), and try again.",
                   quote_literal_cstr(rollup.name))));
}

void CreateWatermarkCopy(Rollup* root, int64 position) {
  const char* name = CopyName(*root);
  DropLeftover(*root, name);
  RunSql(psprintf(
      "CREATE TABLE %s (node_group int4 PRIMARY KEY, position int8 NOT NULL) USING heap", name));
  RunSql("SELECT pg_catalog.create_reference_table($1::pg_catalog.regclass)", {TextArgument(name)});
  // A live view is read shard by shard, as the role that queries it.
  RunSql(psprintf("GRANT SELECT ON %s TO PUBLIC", name));
  const Oid schema = get_rel_namespace(root->relation);
  root->watermark_copy =
      get_relname_relid(psprintf("%s_watermark", get_rel_name(root->relation)), schema);
  RunSql(psprintf("INSERT INTO %s VALUES (0, " INT64_FORMAT ")", name, position));
}

void WriteWatermarkCopy(const Rollup& root, const char* id_column) {
  const Watermarks watermarks = ReadWatermarks(root.relation);
  const char* copy = QualifiedName(root.watermark_copy);
  StringInfoData rows;
  initStringInfo(&rows);
  for (int i = 0; i < watermarks.count; ++i) {
    appendStringInfo(&rows, "%s(%d, " INT64_FORMAT ")", i > 0 ? ", " : "",
                     watermarks.nodes[i].group, watermarks.nodes[i].position);
  }
  AsOwner(root.owner, [&] {
    const uint64 known = RunSql(psprintf("SELECT FROM %s", copy));
    RunSql(
        psprintf("INSERT INTO %s AS w VALUES %s ON CONFLICT (node_group) DO UPDATE SET position = "
                 "excluded.position",
                 copy, rows.data));
    if (known != static_cast<uint64>(watermarks.count)) ReplaceLiveViews(root, root, id_column);
  });
}

namespace {

// Keeps everybody from refreshing the rollups of a table until the end of the transaction.
void LockWatermarksOf(Oid source) {
  for (const Oid each : EachOid(RollupsOf(source))) {
    if (ReadWatermarks(each).count > 0) LockWatermarks(each, true);
  }
}

void DistributeRollupsOf(Oid source) {
  for (const Oid each : EachOid(RollupsOf(source))) {
    Rollup* root = LoadFamilyAsDeclared(each);
    if (IsDistributed(*root)) continue;
    if (!pg_class_ownercheck(root->relation, GetUserId())) {
      ereport(NOTICE,
              (errmsg("rollup %s belongs to another role and is not distributed", root->name),
               errhint("Have its owner call millrace.distribute_rollups(%s).",
                       quote_literal_cstr(QualifiedName(source)))));
      continue;
    }
    Watermarks watermarks;
    LockWatermarks(*root, true, &watermarks);
    AsOwner(root->owner, [&] {
      DistributeFamily(*root);
      CreateWatermarkCopy(root, watermarks.nodes[0].position);
      SetWatermarkCopy(root->relation, root->watermark_copy);
      const IdSource ids = FindIdSource(root->source, root->id_column);
      ReplaceLiveViews(*root, *root, ids.column);
    });
    FaultPoint("distribute: rollup");
  }
}

// Distributes a table as create_distributed_table recorded it when there was no Citus, unless that
// is done.
void CarryOut(Oid table) {
  const char* name = QualifiedName(table);
  if (RunSql("SELECT distribution_column, distribution_type, colocate_with, shard_count FROM "
             "millrace.distributed_table WHERE table_name = $1",
             {OidArgument(table)}) == 0) {
    ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT),
                    errmsg("%s is not recorded as a table to distribute", name),
                    errhint("SELECT create_distributed_table(...) distributes it.")));
  }
  const SpiRow row(0);
  const char* column = quote_literal_cstr(row.NameText(1));
  const char* type = quote_literal_cstr(row.Text(2));
  const char* beside = quote_literal_cstr(row.Text(3));
  const char* count = row.IsNull(4) ? "" : psprintf(", shard_count => %d", row.Int32(4));
  Distribution distribution;
  if (!FindDistribution(table, &distribution)) {
    // Citus refuses a table with triggers.
    StopWatchingEvents(table);
    RunSql(
        psprintf("SELECT pg_catalog.create_distributed_table(%s::pg_catalog.regclass, %s, %s, "
                 "colocate_with => %s%s)",
                 quote_literal_cstr(name), column, type, beside, count));
  }
  FaultPoint("distribute: table");
}

void ForgetRecord(Oid table) {
  AsCatalogOwner([&] {
    RunSql("DELETE FROM millrace.distributed_table WHERE table_name = $1", {OidArgument(table)});
  });
}

}  // namespace
}  // namespace millrace::pg

using namespace millrace::pg;

// millrace.distribute_table(table_name regclass) returns void: distributes a table that was
// recorded when there was no Citus, with its declared rollups and their watermarks.
MILLRACE_FUNCTION(distribute_table) {
  RequireReadCommitted("millrace.distribute_table");
  const Oid table = PG_GETARG_OID(0);
  if (get_rel_name(table) == nullptr) {
    ereport(ERROR,
            (errcode(ERRCODE_UNDEFINED_TABLE), errmsg("table with OID %u does not exist", table)));
  }
  if (!pg_class_ownercheck(table, GetUserId())) {
    aclcheck_error(ACLCHECK_NOT_OWNER, OBJECT_TABLE, get_rel_name(table));
  }
  WithSpi([&] {
    if (!OidIsValid(get_extension_oid("citus", true))) {
      ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                      errmsg("this database has no Citus"),
                      errhint("Run CREATE EXTENSION citus, and add the nodes.")));
    }
    WithRefreshSettings(0, [&] {
      LockWatermarksOf(table);
      CarryOut(table);
      if (RollupsOf(table) != NIL && CanFollowOnNodes(table)) DistributeRollupsOf(table);
      ForgetRecord(table);
    });
  });
  NotifyWorker();
  PG_RETURN_VOID();
}

// millrace.distribute_rollups(source regclass) returns void: distributes the declared rollups of a
// table that Citus distributes by now, with their watermarks.
MILLRACE_FUNCTION(distribute_rollups) {
  RequireReadCommitted("millrace.distribute_rollups");
  const Oid source = PG_GETARG_OID(0);
  WithSpi([&] {
    WithRefreshSettings(0, [&] {
      if (!CanFollowOnNodes(source)) {
        ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                        errmsg("%s is not distributed", QualifiedName(source)),
                        errhint("Run SELECT create_distributed_table(...) first.")));
      }
      DistributeRollupsOf(source);
    });
  });
  NotifyWorker();
  PG_RETURN_VOID();
}
