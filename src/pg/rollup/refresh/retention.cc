// millrace.set_retention and apply_retention: old partitions are dropped, but only if their events
// are in every rollup of the table.

#include "pg/rollup/refresh/retention.h"

#include "pg/base/fault_point.h"
#include "pg/base/list.h"
#include "pg/base/partitions.h"
#include "pg/base/spi.h"
#include "pg/cluster/citus.h"
#include "pg/rollup/catalog/catalog.h"
#include "pg/rollup/log/source_check.h"
#include "pg/rollup/refresh/refresh.h"
#include "pg/rollup/registry/worker_registry.h"
#include "pg/rollup/sql/statements.h"

namespace millrace::pg {
namespace {

void CheckSource(Oid source) { CheckPartitionedTable(source, "Retention drops whole partitions."); }

// Whether every event of the partition is in every rollup. REQUIRES: nobody can write to it.
bool IsRolledUp(Oid source, Oid partition) {
  for (const Oid each : EachOid(RollupsOf(source))) {
    const Rollup* rollup = GetRollup(each);
    const Watermarks watermarks = ReadWatermarks(rollup->relation);
    if (watermarks.count == 0) continue;
    const int64 position = watermarks.nodes[0].position;
    const IdSource ids = FindIdSource(source, rollup->id_column);
    CheckNoRowSecurity(partition, GetUserId());
    List* missing = UnsettledRanges(*rollup, watermarks);
    const char* condition = RangesSql(missing, quote_identifier(ids.column));
    // Events that were set aside still have to be repaired.
    const char* failed = FailedEventsSql(rollup->relation);
    if (failed != nullptr) {
      condition = psprintf("%s OR %s = ANY (%s)", condition, quote_identifier(ids.column), failed);
    }
    RunSql(psprintf("SELECT max(%s)::int8 FROM %s WHERE %s", quote_identifier(ids.column),
                    QualifiedName(partition), condition));
    const SpiRow last(0);
    if (last.IsNull(1)) continue;
    if (last.Int64(1) <= position && failed != nullptr) {
      ereport(NOTICE, (errmsg("partition %s stays: rollup %s has set aside some of its events",
                              QualifiedName(partition), rollup->name),
                       errhint("SELECT * FROM millrace.failed_events shows them. Repair or delete "
                               "them, and call millrace.retry_failed_events.")));
      return false;
    }
    ereport(NOTICE, (errmsg("partition %s stays: its events go up to id " INT64_FORMAT
                            ", and rollup %s has come to " INT64_FORMAT,
                            QualifiedName(partition), last.Int64(1), rollup->name, position)));
    return false;
  }
  return true;
}

void CancelStatement() { kill(MyProcPid, SIGINT); }

// Locks a table and its partition against everybody. Citus locks a distributed table on every node,
// but lock_timeout works on this node only. So the time for the whole statement is limited too.
void LockBoth(Oid source, Oid partition) {
  static TimeoutId limit = MAX_TIMEOUTS;
  if (limit == MAX_TIMEOUTS) limit = RegisterTimeout(USER_TIMEOUT, CancelStatement);
  enable_timeout_after(limit, 3000);
  PG_TRY();
  {
    RunSql(psprintf("LOCK TABLE ONLY %s IN ACCESS EXCLUSIVE MODE", QualifiedName(source)));
    RunSql(psprintf("LOCK TABLE %s IN ACCESS EXCLUSIVE MODE", QualifiedName(partition)));
  }
  PG_FINALLY();
  { disable_timeout(limit, false); }
  PG_END_TRY();
}

}  // namespace

int ApplyRetention(Oid source, const Interval* keep) {
  CheckSource(source);
  Interval interval = *keep;
  const Datum limit =
      DirectFunctionCall2(timestamptz_mi_interval, TimestampTzGetDatum(GetCurrentTimestamp()),
                          PointerGetDatum(&interval));
  List* partitions = PartitionsBefore(source, DatumGetTimestampTz(limit));
  if (partitions == NIL) return 0;
  return WithSettings([&] {
    // Writers queue behind us while we wait for the lock, so wait only for a short time.
    SetSettingInScope("lock_timeout", "1s");
    Distribution distribution;
    const bool distributed = FindDistribution(source, &distribution);
    int dropped = 0;
    for (const Oid partition : EachOid(partitions)) {
      CHECK_FOR_INTERRUPTS();
      // Look first without a lock, so that nobody has to wait for nothing.
      if (!IsRolledUp(source, partition)) continue;
      LockBoth(source, partition);
      if (!IsRolledUp(source, partition)) continue;
      // A node may not have finished its part of a commit; nobody can see those events yet.
      if (distributed && ShardsHaveWriters(partition, OwnerOf(source))) continue;
      RunSql(psprintf("DROP TABLE %s", QualifiedName(partition)));
      ++dropped;
      FaultPoint("retention: dropped");
    }
    return dropped;
  });
}

}  // namespace millrace::pg

using namespace millrace::pg;

// millrace.set_retention(source regclass, keep interval) returns void; NULL keeps everything.
MILLRACE_FUNCTION(set_retention) {
  if (PG_ARGISNULL(0)) PG_RETURN_VOID();
  const Oid source = PG_GETARG_OID(0);
  CheckSource(source);
  WithSpi([&] {
    if (PG_ARGISNULL(1)) {
      WriteRetention(source, nullptr);
    } else {
      Interval* keep = PG_GETARG_INTERVAL_P(1);
      if (keep->time < 0 || keep->day < 0 || keep->month < 0) {
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("the time to keep events must not be negative")));
      }
      WriteRetention(source, keep);
    }
  });
  NotifyWorker();
  PG_RETURN_VOID();
}

// millrace.apply_retention(source regclass) returns integer: how many partitions were dropped.
MILLRACE_FUNCTION(apply_retention) {
  RequireReadCommitted("millrace.apply_retention");
  PG_RETURN_INT32(WithSpi([&] {
    Interval keep;
    return ReadRetention(PG_GETARG_OID(0), &keep) ? ApplyRetention(PG_GETARG_OID(0), &keep) : 0;
  }));
}
