#include "pg/rollup/worker_step.h"

#include "pg/spi.h"

namespace millrace::pg {
namespace {

int step_settings = 0;

}  // namespace

void BeginStep(const char* activity) {
  SetCurrentStatementStartTimestamp();
  StartTransactionCommand();
  step_settings = ConnectSpi();
  PushActiveSnapshot(GetTransactionSnapshot());
  pgstat_report_activity(STATE_RUNNING, activity);
}

void EndStep() {
  DisconnectSpi(step_settings);
  PopActiveSnapshot();
  CommitTransactionCommand();
  pgstat_report_stat(true);
  pgstat_report_activity(STATE_IDLE, nullptr);
}

void ConnectToDatabase(Oid database) {
  BackgroundWorkerInitializeConnectionByOid(database, InvalidOid, 0);
  // A refresh must see what commits while it waits.
  SetConfigOption("default_transaction_isolation", "read committed", PGC_SUSET, PGC_S_OVERRIDE);
  // These are for clients that say nothing else.
  SetConfigOption("default_transaction_read_only", "off", PGC_SUSET, PGC_S_OVERRIDE);
  SetConfigOption("default_transaction_deferrable", "off", PGC_SUSET, PGC_S_OVERRIDE);
  SetConfigOption("session_replication_role", "origin", PGC_SUSET, PGC_S_OVERRIDE);
  SetConfigOption("row_security", "on", PGC_SUSET, PGC_S_OVERRIDE);
}

bool ExtensionIsThere() {
  const Oid schema = get_namespace_oid("millrace", true);
  return OidIsValid(get_extension_oid("millrace", true)) && OidIsValid(schema) &&
         OidIsValid(get_relname_relid("rollup", schema));
}

bool IsBeingRestored() {
  return RunSql(R"(
    SELECT FROM pg_stat_activity
    WHERE datname = current_database() AND application_name = 'pg_restore' LIMIT 1)") > 0;
}

void InstallSignalHandlers() {
  pqsignal(SIGHUP, SignalHandlerForConfigReload);
  pqsignal(SIGTERM, die);
  BackgroundWorkerUnblockSignals();
}

}  // namespace millrace::pg
