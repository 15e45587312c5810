#include "pg/rollup/worker/worker_step.h"

#include "pg/base/spi.h"

namespace millrace::pg {
namespace {

int step_settings = 0;
// The name when the process connected: nothing can be looked up while an error is logged.
char database_name[NAMEDATALEN];

// Failures that were logged.
struct Failure {
  uint32 hash;
  MonotonicTime next;  // when it is logged again
  int64 pause;
};
constexpr int kRemembered = 32;
constexpr int64 kFirstPause = 60'000'000, kLongestPause = 3600'000'000;
Failure failures[kRemembered];
ExtensionState last_state = ExtensionState::kReady;

char last_version[NAMEDATALEN];

}  // namespace

void SleepUntil(MonotonicTime time) {
  constexpr int64 kMillisecond = 1000, kLongest = 3600'000;
  const int64 left = time - MonotonicNow();
  if (left > 0) {
    // Rounded up. Otherwise the last part of a millisecond would be spent in a busy loop.
    const long timeout = static_cast<long>(Min((left + kMillisecond - 1) / kMillisecond, kLongest));
    (void)WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, timeout,
                    PG_WAIT_EXTENSION);
    ResetLatch(MyLatch);
  }
  CHECK_FOR_INTERRUPTS();
  if (ConfigReloadPending) {
    ConfigReloadPending = false;
    ProcessConfigFile(PGC_SIGHUP);
  }
}

bool BeginStep(const char* activity) {
  SetCurrentStatementStartTimestamp();
  StartTransactionCommand();
  step_settings = ConnectSpi();
  PushActiveSnapshot(GetTransactionSnapshot());
  pgstat_report_activity(STATE_RUNNING, activity);
  const char* version;
  last_state = HoldExtension(&version);
  if (last_state == ExtensionState::kReady) return true;
  if (version != nullptr) strlcpy(last_version, version, sizeof(last_version));
  EndStep();
  return false;
}

ExtensionState LastExtensionState() { return last_state; }

void SayOtherVersion() {
  static char said[NAMEDATALEN];
  if (strcmp(said, last_version) == 0) return;
  strlcpy(said, last_version, sizeof(said));
  ereport(
      WARNING,
      (errmsg(
           "millrace: the rollups of database \"%s\" are not refreshed: the SQL of its extension "
           "millrace is of version %s, and the library needs another",
           database_name, last_version),
       errhint("%s", VersionAdvice(last_version))));
}

void EndStep() {
  DisconnectSpi(step_settings);
  PopActiveSnapshot();
  CommitTransactionCommand();
  pgstat_report_stat(true);
  pgstat_report_activity(STATE_IDLE, nullptr);
}

BackgroundWorker DescribeProcess(const char* type, const char* function) {
  BackgroundWorker worker = {};
  snprintf(worker.bgw_name, BGW_MAXLEN, "%s", type);
  snprintf(worker.bgw_type, BGW_MAXLEN, "%s", type);
  snprintf(worker.bgw_library_name, BGW_MAXLEN, "millrace");
  snprintf(worker.bgw_function_name, BGW_MAXLEN, "%s", function);
  worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
  worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
  worker.bgw_restart_time = BGW_NEVER_RESTART;
  return worker;
}

void ConnectToDatabase(Oid database) {
  BackgroundWorkerInitializeConnectionByOid(database, InvalidOid, 0);
  StartTransactionCommand();
  const char* name = get_database_name(database);
  strlcpy(database_name, name != nullptr ? name : "", sizeof(database_name));
  CommitTransactionCommand();
  // A refresh must see what is committed while it waits.
  SetConfigOption("default_transaction_isolation", "read committed", PGC_SUSET, PGC_S_OVERRIDE);
  // A database's defaults are for its clients, not for us.
  SetConfigOption("default_transaction_read_only", "off", PGC_SUSET, PGC_S_OVERRIDE);
  SetConfigOption("default_transaction_deferrable", "off", PGC_SUSET, PGC_S_OVERRIDE);
  // A step does not wait long for a locked table, because other rollups wait for their turn.
  LimitLockWaits(kPatient);
  // Whoever notices a deadlock ends it with an error. So it is not somebody's DROP SCHEMA that
  // fails: a step can be done again. What it waits for is logged with its failure.
  SetConfigOption("deadlock_timeout", "10ms", PGC_SUSET, PGC_S_OVERRIDE);
  SetConfigOption("log_lock_waits", "off", PGC_SUSET, PGC_S_OVERRIDE);
  SetConfigOption("session_replication_role", "origin", PGC_SUSET, PGC_S_OVERRIDE);
  SetConfigOption("row_security", "on", PGC_SUSET, PGC_S_OVERRIDE);
}

void LimitLockWaits(const char* timeout) {
  SetConfigOption("lock_timeout", timeout, PGC_SUSET, PGC_S_OVERRIDE);
}

bool IsBeingRestored() {
  return RunSql(R"(
    SELECT FROM pg_stat_activity
    WHERE datname = current_database() AND application_name = 'pg_restore' LIMIT 1)") > 0;
}

bool IsOfALock(const ErrorData& error) {
  return error.sqlerrcode == ERRCODE_LOCK_NOT_AVAILABLE ||
         error.sqlerrcode == ERRCODE_T_R_DEADLOCK_DETECTED;
}

void LogFailure(const char* what, const ErrorData& error) {
  const int level = IsOfALock(error) ? LOG : WARNING;
  ereport(level, (errcode(error.sqlerrcode),
                  errmsg("millrace: %s in database \"%s\": %s", what, database_name, error.message),
                  error.detail_log != nullptr ? errdetail_internal("%s", error.detail_log)
                  : error.detail != nullptr   ? errdetail_internal("%s", error.detail)
                                              : 0,
                  error.hint != nullptr ? errhint("%s", error.hint) : 0, errhidestmt(true),
                  errhidecontext(true)));
}

void LogRepeatedFailure(const char* what, const ErrorData& error) {
  const uint32 hash =
      hash_combine(string_hash(what, PG_INT32_MAX), string_hash(error.message, PG_INT32_MAX));
  const MonotonicTime now = MonotonicNow();
  // The entry of this failure; otherwise the one that ended longest ago.
  Failure* failure = &failures[0];
  for (Failure& candidate : failures) {
    if (candidate.hash == hash) {
      failure = &candidate;
      break;
    }
    if (candidate.next < failure->next) failure = &candidate;
  }
  const bool known = failure->hash == hash && failure->pause > 0;
  if (known && now < failure->next) return;
  // If it ended long ago, it counts as new.
  const bool repeated = known && now < failure->next + 2 * failure->pause;
  const int64 pause = repeated ? Min(2 * failure->pause, kLongestPause) : kFirstPause;
  *failure = {hash, now + pause, pause};
  LogFailure(what, error);
}

void InstallSignalHandlers() {
  pqsignal(SIGHUP, SignalHandlerForConfigReload);
  pqsignal(SIGTERM, die);
  BackgroundWorkerUnblockSignals();
}

}  // namespace millrace::pg
