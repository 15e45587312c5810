// The launcher: one process of the server. It fills the places for workers (worker_registry.h) when
// they are due, and sends workers away when somebody wants their database for itself.

#include "pg/base/guc.h"
#include "pg/base/list.h"
#include "pg/rollup/registry/known_complete.h"
#include "pg/rollup/registry/worker_registry.h"
#include "pg/rollup/worker/worker.h"
#include "pg/rollup/worker/worker_step.h"

namespace millrace::pg {
namespace {

constexpr int64 kSecond = 1'000'000;
// How often the launcher looks for new and dropped databases.
constexpr int64 kMeet = 60 * kSecond;
// How often it tries again while there is no process for a worker, and how often the log says so.
constexpr int64 kRetry = kSecond, kFirstWarning = 60 * kSecond, kLongestWarning = 3600 * kSecond;

MonotonicTime next_warning = 0;
int64 warning_pause = kFirstWarning;

// Starts a worker, which finds out itself whether there is work. False if the server has no process
// for it.
bool StartWorker(const WorkerPlace& place) {
  BackgroundWorker worker = DescribeProcess("millrace worker", "millrace_worker_main");
  worker.bgw_main_arg = ObjectIdGetDatum(place.database);
  memcpy(worker.bgw_extra, &place.number, sizeof(place.number));
  worker.bgw_notify_pid = MyProcPid;
  BackgroundWorkerHandle* handle;
  if (!RegisterDynamicBackgroundWorker(&worker, &handle)) return false;
  pid_t pid;
  (void)WaitForBackgroundWorkerStartup(handle, &pid);
  pfree(handle);
  return true;
}

void WarnOfShortage(const Shortage& shortage) {
  const MonotonicTime now = MonotonicNow();
  if (now < next_warning) return;
  // The last shortage was long ago: this is a new one.
  if (now > next_warning + kLongestWarning) warning_pause = kFirstWarning;
  next_warning = now + warning_pause;
  warning_pause = Min(2 * warning_pause, kLongestWarning);
  ereport(
      WARNING,
      (errmsg_plural("millrace: %d worker waits because the server has no free background process",
                     "millrace: %d workers wait because the server has no free background process",
                     shortage.waiting, shortage.waiting),
       shortage.running > 0
           ? errdetail_plural("The %d worker that is running takes turns with them.",
                              "The %d workers that are running take turns with them.",
                              shortage.running, shortage.running)
           : errdetail("No worker of Millrace is running, so nothing is refreshed."),
       errhint("Raise max_worker_processes: each database whose rollups change needs one process, "
               "or as many as millrace.workers_per_database says.")));
}

// Fills the places that are due. Returns when to look again.
MonotonicTime FillPlaces() {
  MonotonicTime next = kNever;
  WorkerPlace place;
  while (enable_worker && NextPlace(&place, &next)) {
    CHECK_FOR_INTERRUPTS();
    if (!StartWorker(place)) {
      WarnOfShortage(NoteShortage());
      return MonotonicNow() + kRetry;
    }
    NoteStarted(place);
  }
  return next;
}

// Nobody can connect to a database whose DROP DATABASE was interrupted (DATCONNLIMIT_INVALID_DB, in
// headers since 15.4).
constexpr int32 kInvalidDatabase = -2;

List* Databases() {
  StartTransactionCommand();
  (void)GetTransactionSnapshot();
  List* databases = NIL;
  Relation relation = table_open(DatabaseRelationId, AccessShareLock);
  TableScanDesc scan = table_beginscan_catalog(relation, 0, nullptr);
  while (HeapTuple tuple = heap_getnext(scan, ForwardScanDirection)) {
    const auto* form = reinterpret_cast<Form_pg_database>(GETSTRUCT(tuple));
    if (!form->datallowconn || form->datistemplate) continue;
    if (form->datconnlimit == kInvalidDatabase) continue;
    const MemoryContext caller = MemoryContextSwitchTo(TopMemoryContext);
    databases = lappend_oid(databases, form->oid);
    MemoryContextSwitchTo(caller);
  }
  table_endscan(scan);
  table_close(relation, AccessShareLock);
  CommitTransactionCommand();
  return databases;
}

void MeetAllDatabases() {
  List* databases = Databases();
  const int without = MeetDatabases(databases);
  if (without > 0) {
    ereport(WARNING, (errmsg_plural("millrace: the rollups of %d database are not refreshed",
                                    "millrace: the rollups of %d databases are not refreshed",
                                    without, without),
                      errdetail("There are places for 1,024 workers only."),
                      errhint("Refresh them by calling millrace.refresh_rollup.")));
  }
  list_free(databases);
}

// Whether ALTER DATABASE moves the database, or keeps others from connecting to it.
bool KeepsOthersAway(const AlterDatabaseStmt* statement) {
  for (auto* each : Each<DefElem>(statement->options)) {
    const char* name = each->defname;
    if (strcmp(name, "tablespace") == 0 || strcmp(name, "allow_connections") == 0) return true;
  }
  return false;
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
    auto* alter = reinterpret_cast<AlterDatabaseStmt*>(statement);
    if (KeepsOthersAway(alter)) name = alter->dbname;
  } else if (IsA(statement, CreatedbStmt)) {
    for (auto* option : Each<DefElem>(reinterpret_cast<CreatedbStmt*>(statement)->options)) {
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
  if (OidIsValid(database) && database != MyDatabaseId) SendWorkersAway(database);
  const ProcessUtility_hook_type next =
      previous_utility != nullptr ? previous_utility : standard_ProcessUtility;
  next(plan, text, read_only, context, parameters, environment, destination, completion);
  if (OidIsValid(database) || IsA(plan->utilityStmt, CreatedbStmt)) NoteDatabases();
}

}  // namespace

void InstallRollupWorkers() {
  RequestWorkerRegistry();
  RequestKnownComplete();
  previous_utility = ProcessUtility_hook;
  ProcessUtility_hook = ProcessUtilityStatement;
  // pg_upgrade makes and moves the databases' files itself: nobody may be at work in them.
  if (IsBinaryUpgrade) return;
  BackgroundWorker launcher = DescribeProcess("millrace launcher", "millrace_launcher_main");
  launcher.bgw_restart_time = 5;
  RegisterBackgroundWorker(&launcher);
}

}  // namespace millrace::pg

using namespace millrace::pg;

extern "C" PGDLLEXPORT void millrace_launcher_main(Datum) {
  InstallSignalHandlers();
  BackgroundWorkerInitializeConnection(nullptr, nullptr, 0);
  RegisterLauncher();
  MonotonicTime next_meeting = 0;
  for (;;) {
    if (MonotonicNow() >= next_meeting || TakeDatabases()) {
      MeetAllDatabases();
      next_meeting = MonotonicNow() + kMeet;
    }
    SleepUntil(Min(next_meeting, FillPlaces()));
  }
}
