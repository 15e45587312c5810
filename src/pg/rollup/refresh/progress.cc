#include "pg/rollup/refresh/progress.h"

namespace millrace::pg {
namespace {

// PostgreSQL's slots for the progress of commands, used while no command of its own uses them. A
// refresh that failed leaves its entry behind; it is recognised by the start of its transaction.
enum Slot { kFrom, kTo, kPosition, kStarted, kTransaction, kMagicSlot };
constexpr int64 kMagic = 0x6d696c6c72616365;  // "millrace"

}  // namespace

void StartProgress(Oid relation, int64 from, int64 to) {
  pgstat_progress_start_command(PROGRESS_COMMAND_INVALID, relation);
  const int slots[] = {kFrom, kTo, kPosition, kStarted, kTransaction, kMagicSlot};
  const int64 values[] = {
      from, to, from, GetCurrentTimestamp(), GetCurrentTransactionStartTimestamp(), kMagic};
  pgstat_progress_update_multi_param(lengthof(slots), slots, values);
}

void ReportProgress(int64 position) { pgstat_progress_update_param(kPosition, position); }

void EndProgress() { pgstat_progress_start_command(PROGRESS_COMMAND_INVALID, InvalidOid); }

}  // namespace millrace::pg

using namespace millrace::pg;

// millrace.running_refreshes() returns setof (pid, relation, from_id, to_id, position, started_at):
// of this database.
MILLRACE_FUNCTION(running_refreshes) {
  InitMaterializedSRF(fcinfo, 0);
  auto* results = reinterpret_cast<ReturnSetInfo*>(fcinfo->resultinfo);
  const int backends = pgstat_fetch_stat_numbackends();
  for (int i = 1; i <= backends; ++i) {
    const LocalPgBackendStatus* local = BackendStatusAt(i);
    if (local == nullptr) continue;
    const PgBackendStatus& status = local->backendStatus;
    const int64* slots = status.st_progress_param;
    if (status.st_databaseid != MyDatabaseId || slots[kMagicSlot] != kMagic ||
        status.st_progress_command != PROGRESS_COMMAND_INVALID ||
        !OidIsValid(status.st_progress_command_target) ||
        status.st_xact_start_timestamp != slots[kTransaction]) {
      continue;
    }
    Datum values[] = {
        Int32GetDatum(status.st_procpid), ObjectIdGetDatum(status.st_progress_command_target),
        Int64GetDatum(slots[kFrom]),      Int64GetDatum(slots[kTo]),
        Int64GetDatum(slots[kPosition]),  TimestampTzGetDatum(slots[kStarted])};
    bool nulls[lengthof(values)] = {};
    tuplestore_putvalues(results->setResult, results->setDesc, values, nulls);
  }
  return static_cast<Datum>(0);
}
