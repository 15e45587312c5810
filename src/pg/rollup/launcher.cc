// The launcher: one process of the server, which starts a worker for each database that asks for
// one and sends it away when somebody wants the database for itself.

#include "pg/guc.h"
#include "pg/rollup/worker.h"
#include "pg/rollup/worker_registry.h"
#include "pg/rollup/worker_step.h"

namespace millrace::pg {
namespace {

constexpr int64 kSecond = 1'000'000;
// Databases that have no worker are looked at so often: a dump may have been restored.
constexpr int64 kScoutInterval = 60 * kSecond;
// A worker that was ended is replaced, but not faster than this.
constexpr int64 kRestartInterval = kSecond;

// Starts a worker; it finds out itself whether there is anything to do.
bool StartWorker(Oid database) {
  BackgroundWorker worker = {};
  snprintf(worker.bgw_name, BGW_MAXLEN, "millrace worker");
  snprintf(worker.bgw_type, BGW_MAXLEN, "millrace worker");
  snprintf(worker.bgw_library_name, BGW_MAXLEN, "millrace");
  snprintf(worker.bgw_function_name, BGW_MAXLEN, "millrace_worker_main");
  worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
  worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
  worker.bgw_restart_time = BGW_NEVER_RESTART;
  worker.bgw_main_arg = ObjectIdGetDatum(database);
  worker.bgw_notify_pid = MyProcPid;
  BackgroundWorkerHandle* handle;
  if (!RegisterDynamicBackgroundWorker(&worker, &handle)) {
    NoteStarved();
    ereport(WARNING,
            (errmsg("millrace: no worker could be started for database %u, whose rollups are not "
                    "refreshed meanwhile",
                    database),
             errhint("Raise max_worker_processes: each database with rollups takes one of them.")));
    return false;
  }
  pid_t pid;
  (void)WaitForBackgroundWorkerStartup(handle, &pid);
  return true;
}

List* Databases() {
  StartTransactionCommand();
  (void)GetTransactionSnapshot();
  List* databases = NIL;
  Relation relation = table_open(DatabaseRelationId, AccessShareLock);
  TableScanDesc scan = table_beginscan_catalog(relation, 0, nullptr);
  while (HeapTuple tuple = heap_getnext(scan, ForwardScanDirection)) {
    const auto* form = reinterpret_cast<Form_pg_database>(GETSTRUCT(tuple));
    if (!form->datallowconn || form->datistemplate) continue;
    const MemoryContext caller = MemoryContextSwitchTo(TopMemoryContext);
    databases = lappend_oid(databases, form->oid);
    MemoryContextSwitchTo(caller);
  }
  table_endscan(scan);
  table_close(relation, AccessShareLock);
  CommitTransactionCommand();
  return databases;
}

// The database that a statement needs for itself; InvalidOid for any other statement.
Oid DatabaseWantedBy(Node* statement) {
  const char* name = nullptr;
  if (IsA(statement, DropdbStmt)) {
    name = reinterpret_cast<DropdbStmt*>(statement)->dbname;
  } else if (IsA(statement, RenameStmt) &&
             reinterpret_cast<RenameStmt*>(statement)->renameType == OBJECT_DATABASE) {
    name = reinterpret_cast<RenameStmt*>(statement)->subname;
  } else if (IsA(statement, AlterDatabaseStmt)) {
    name = reinterpret_cast<AlterDatabaseStmt*>(statement)->dbname;
  } else if (IsA(statement, CreatedbStmt)) {
    ListCell* cell;
    foreach (cell, reinterpret_cast<CreatedbStmt*>(statement)->options) {
      auto* option = static_cast<DefElem*>(lfirst(cell));
      if (strcmp(option->defname, "template") == 0 && option->arg != nullptr) {
        name = defGetString(option);
      }
    }
  }
  const Oid database = name == nullptr ? InvalidOid : get_database_oid(name, true);
  if (!OidIsValid(database) || !pg_database_ownercheck(database, GetUserId())) return InvalidOid;
  return database;
}

ProcessUtility_hook_type previous_utility = nullptr;

void ProcessUtilityStatement(PlannedStmt* plan, const char* text, bool read_only,
                             ProcessUtilityContext context, ParamListInfo parameters,
                             QueryEnvironment* environment, DestReceiver* destination,
                             QueryCompletion* completion) {
  const Oid database = DatabaseWantedBy(plan->utilityStmt);
  if (OidIsValid(database) && database != MyDatabaseId) SendWorkerAway(database);
  const ProcessUtility_hook_type next =
      previous_utility != nullptr ? previous_utility : standard_ProcessUtility;
  next(plan, text, read_only, context, parameters, environment, destination, completion);
}

}  // namespace

void InstallRollupWorkers() {
  RequestWorkerRegistry();
  previous_utility = ProcessUtility_hook;
  ProcessUtility_hook = ProcessUtilityStatement;
  BackgroundWorker launcher = {};
  snprintf(launcher.bgw_name, BGW_MAXLEN, "millrace launcher");
  snprintf(launcher.bgw_type, BGW_MAXLEN, "millrace launcher");
  snprintf(launcher.bgw_library_name, BGW_MAXLEN, "millrace");
  snprintf(launcher.bgw_function_name, BGW_MAXLEN, "millrace_launcher_main");
  launcher.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
  launcher.bgw_start_time = BgWorkerStart_RecoveryFinished;
  launcher.bgw_restart_time = 5;
  RegisterBackgroundWorker(&launcher);
}

}  // namespace millrace::pg

using namespace millrace::pg;

extern "C" PGDLLEXPORT void millrace_launcher_main(Datum) {
  InstallSignalHandlers();
  BackgroundWorkerInitializeConnection(nullptr, nullptr, 0);
  RegisterLauncher();
  MonotonicTime next_scout = 0, next_start = 0;
  for (;;) {
    SleepUntil(next_start);
    const MonotonicTime now = MonotonicNow();
    const bool scout = now >= next_scout;
    if (scout) next_scout = now + kScoutInterval;
    List* databases = Databases();
    ListCell* cell;
    foreach (cell, databases) {
      const Oid database = lfirst_oid(cell);
      const bool asked = TakeRequest(database);
      if (!enable_worker || !(asked || scout) || HasWorker(database)) continue;
      (void)StartWorker(database);
      next_start = now + kRestartInterval;
    }
    ForgetOthers(databases);
    list_free(databases);
    const TimestampTz hold = NextHoldEnds();
    SleepUntil(hold == DT_NOEND ? next_scout
                                : Min(next_scout, MonotonicNow() + hold - GetCurrentTimestamp()));
  }
}
