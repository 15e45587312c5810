// The launcher and the workers.
//
// A task, that is a root rollup as a worker sees it, is in one of these states:
//   idle      until `next`; then the sequence is looked at. Has it not moved: idle again
//   settling  ids were handed out; writers that may still add some are at work. Looked at now and
//             then, less and less often, so that one task never keeps the others waiting
//   merging   all of these ids are settled: a transaction a step of millrace.refresh_step ids
//   failed    an error was raised and recorded; idle for a while that doubles with each failure
//
// A step reads and moves the watermark in one transaction, and locks it; what the worker remembers
// is only a guess of where it is.

#include "pg/rollup/worker.h"

#include <algorithm>

#include "pg/fault_point.h"
#include "pg/guc.h"
#include "pg/rollup/refresh.h"
#include "pg/rollup/retention.h"
#include "pg/rollup/source_check.h"
#include "pg/rollup/verifier.h"
#include "pg/rollup/worker_registry.h"
#include "pg/rollup/worker_step.h"
#include "pg/spi.h"

namespace millrace::pg {
namespace {

constexpr int64 kMillisecond = 1000, kSecond = 1000 * kMillisecond;
constexpr int64 kFirstPoll = 5 * kMillisecond, kMaxPoll = 200 * kMillisecond;
constexpr int64 kMaxBackoff = 300 * kSecond;
constexpr int64 kMaintenanceInterval = 60 * kSecond;
// Databases that have no worker are looked at so often: a dump may have been restored.
constexpr int64 kScoutInterval = 60 * kSecond;
// A worker that was ended is replaced, but not faster than this.
constexpr int64 kRestartInterval = kSecond;

struct Task {
  Oid relation;
  Oid source;
  char* id_column;
  int64 interval;
  TimestampTz next;
  int64 position;      // where the watermark was last seen; -1: not yet
  Settling* settling;  // ids that are being settled or merged; nullptr: idle
  MemoryContext settling_context;
  int64 poll;       // until its writers are looked at again
  int empty_steps;  // in a row that found no events: ids may have a gap
  int failures;
};

struct TaskList {
  Task* tasks;
  int count;
};

MemoryContext task_context = nullptr;
TaskList task_list = {};

const Task* FindTask(const TaskList& list, Oid relation) {
  for (int i = 0; i < list.count; ++i) {
    if (list.tasks[i].relation == relation) return &list.tasks[i];
  }
  return nullptr;
}

// Reads the catalog, keeping what is known of tasks that were there before. Returns whether this
// database has any use for a worker.
bool LoadTasks() {
  BeginStep("loading rollups");
  bool needed = false;
  TaskList loaded = {};
  const MemoryContext context =
      AllocSetContextCreate(TopMemoryContext, "millrace tasks", ALLOCSET_SMALL_SIZES);
  if (ExtensionIsThere()) {
    needed = RunSql("SELECT FROM millrace.rollup UNION ALL SELECT FROM millrace.retention") > 0;
    const uint64 rows = RunSql(
        "SELECT relation, source, id_column, (extract(epoch FROM refresh_interval) * 1e6)::int8, "
        "e.failures FROM millrace.rollup LEFT JOIN millrace.refresh_error e USING (relation) WHERE "
        "parent IS NULL AND NOT paused");
    loaded.tasks = static_cast<Task*>(MemoryContextAllocZero(context, Max(rows, 1) * sizeof(Task)));
    for (uint64 i = 0; i < rows; ++i) {
      bool is_null;
      const Oid relation = DatumGetObjectId(SpiValue(i, 1, &is_null));
      if (get_rel_name(relation) == nullptr) continue;
      Task& task = loaded.tasks[loaded.count++];
      const Task* before = FindTask(task_list, relation);
      task.relation = relation;
      task.position = -1;
      if (before != nullptr) task.next = before->next;
      // Written down: the worker before may have met them.
      const Datum failures = SpiValue(i, 5, &is_null);
      task.failures = is_null ? 0 : DatumGetInt32(failures);
      task.source = DatumGetObjectId(SpiValue(i, 2, &is_null));
      const Datum id_column = SpiValue(i, 3, &is_null);
      if (!is_null) {
        task.id_column = MemoryContextStrdup(context, NameStr(*DatumGetName(id_column)));
      }
      task.interval = Max(DatumGetInt64(SpiValue(i, 4, &is_null)), 10 * kMillisecond);
    }
  }
  EndStep();
  if (task_context != nullptr) MemoryContextDelete(task_context);
  task_context = context;
  task_list = loaded;
  return needed;
}

void StopSettling(Task* task) {
  if (task->settling_context != nullptr) MemoryContextDelete(task->settling_context);
  task->settling_context = nullptr;
  task->settling = nullptr;
}

// idle -> settling, when ids were handed out since the watermark.
void LookAtSequence(Task* task, TimestampTz now) {
  const IdSource ids = FindIdSource(task->source, task->id_column);
  // Ids that come from elsewhere do not move the sequence.
  CheckSource(task->source, ids, OwnerOf(task->relation), false);
  StopSettling(task);
  task->settling_context =
      AllocSetContextCreate(task_context, "millrace settling", ALLOCSET_SMALL_SIZES);
  const MemoryContext step = MemoryContextSwitchTo(task->settling_context);
  Settling* settling = StartSettling(task->source, ids, OwnerOf(task->relation), task->position);
  MemoryContextSwitchTo(step);
  if (settling->total == task->position || IsBeingRestored()) {
    task->next = now + (settling->total == task->position ? task->interval : kSecond);
    return StopSettling(task);
  }
  task->settling = settling;
  task->poll = kFirstPoll;
}

// Returns whether anything was merged.
bool Merge(Task* task, TimestampTz now) {
  RefreshOptions options;
  options.wait_for_writers = false;
  options.wait_for_others = false;
  options.settled = task->settling;
  options.most_ids = refresh_step;
  options.empty_before = task->empty_steps;
  const RefreshResult result = RefreshFamily(LoadFamily(task->relation), options);
  if (!result.done) {
    // Somebody else is at it, or has been further.
    StopSettling(task);
    task->next = now + kMaxPoll;
    return false;
  }
  task->position = result.position;
  task->empty_steps = result.empty ? task->empty_steps + 1 : 0;
  if (!result.more) {
    StopSettling(task);
    task->next = now + task->interval;
  }
  return result.ids > 0;
}

// One step of a task, in one transaction.
void Step(Task* task) {
  const TimestampTz now = GetCurrentTimestamp();
  BeginStep(task->settling != nullptr ? "refreshing a rollup" : "looking for events");
  RollupViews views;
  if (!FindViews(task->relation, &views) || get_rel_name(task->source) == nullptr) {
    // Dropped; the list of tasks is about to be loaded again.
    StopSettling(task);
    task->next = now + kMaintenanceInterval;
    return EndStep();
  }
  if (task->settling == nullptr) LookAtSequence(task, now);
  bool merged = false;
  if (task->settling != nullptr) {
    if (HasSettled(task->settling, false)) {
      merged = Merge(task, now);
    } else {
      task->next = now + task->poll;
      task->poll = Min(2 * task->poll, kMaxPoll);
    }
  }
  // What failed has worked now, or there is nothing left to do.
  const bool recovered = task->failures > 0 && task->settling == nullptr;
  if (recovered) {
    RunSql("DELETE FROM millrace.refresh_error WHERE relation = $1", {OidArgument(task->relation)});
  }
  if (merged) FaultPoint("worker: before commit");
  EndStep();
  if (merged) FaultPoint("worker: after commit");
  if (recovered) task->failures = 0;
}

void RecordFailure(Task* task, const char* message) {
  task->failures = Min(task->failures + 1, 30);
  StopSettling(task);
  task->position = -1;
  const int64 backoff =
      Min(Max(task->interval, kSecond) << Min(task->failures - 1, 10), kMaxBackoff);
  task->next = GetCurrentTimestamp() + backoff;
  BeginStep("recording a failure");
  if (ExtensionIsThere() && get_rel_name(task->relation) != nullptr) {
    RunSql(
        "INSERT INTO millrace.refresh_error AS e (relation, message, failures, retry_at) VALUES "
        "($1, $2, $3, $4) ON CONFLICT (relation) DO UPDATE SET message = excluded.message, "
        "failures = excluded.failures, retry_at = excluded.retry_at, failed_at = "
        "clock_timestamp()",
        {OidArgument(task->relation),
         TextArgument(message),
         {INT4OID, Int32GetDatum(task->failures)},
         {TIMESTAMPTZOID, TimestampTzGetDatum(task->next)}});
  }
  EndStep();
}

struct Retention {
  Oid source;
  Interval keep;
};

// What millrace.retention says; an array of `*count` that outlives the step.
Retention* LoadRetention(int* count) {
  BeginStep("loading retention");
  const uint64 rows = RunSql("SELECT source, keep FROM millrace.retention");
  auto* retention =
      static_cast<Retention*>(MemoryContextAlloc(task_context, Max(rows, 1) * sizeof(Retention)));
  for (uint64 i = 0; i < rows; ++i) {
    bool is_null;
    retention[i].source = DatumGetObjectId(SpiValue(i, 1, &is_null));
    retention[i].keep = *DatumGetIntervalP(SpiValue(i, 2, &is_null));
  }
  EndStep();
  *count = static_cast<int>(rows);
  return retention;
}

void Retain(const Retention& retention) {
  BeginStep("dropping old partitions");
  if (get_rel_name(retention.source) != nullptr) {
    const RoleScope before = BecomeOwner(OwnerOf(retention.source));
    ApplyRetention(retention.source, &retention.keep);
    RestoreRole(before);
  }
  EndStep();
}

// The BRIN indexes over the tables that rollups read and write, as an array of `*count` in the
// task's context.
Oid* LoadRangeIndexes(int* count) {
  BeginStep("looking for indexes to summarize");
  const uint64 rows = RunSql(R"(
    WITH known AS (SELECT source AS relation FROM millrace.rollup UNION SELECT relation FROM millrace.rollup),
      tables AS (
        SELECT relation::oid AS relation FROM known
        UNION SELECT t.relid FROM known CROSS JOIN LATERAL pg_partition_tree(known.relation) t WHERE t.isleaf)
    SELECT i.indexrelid
    FROM tables t
    JOIN pg_index i ON i.indrelid = t.relation
    JOIN pg_class c ON c.oid = i.indexrelid
    JOIN pg_am a ON a.oid = c.relam
    WHERE a.amname = 'brin' AND i.indisvalid AND c.relkind = 'i')");
  auto* indexes = static_cast<Oid*>(MemoryContextAlloc(task_context, Max(rows, 1) * sizeof(Oid)));
  for (uint64 i = 0; i < rows; ++i) {
    bool is_null;
    indexes[i] = DatumGetObjectId(SpiValue(i, 1, &is_null));
  }
  EndStep();
  *count = static_cast<int>(rows);
  return indexes;
}

// A BRIN index does not cover what was written since it was last summarized: each refresh and each
// question to a live view reads all of that. Who works on the table (VACUUM, CREATE INDEX
// CONCURRENTLY) is not waited for: others would queue behind us.
void Summarize(Oid index) {
  BeginStep("summarizing an index");
  const Oid table = IndexGetRelation(index, true);
  if (OidIsValid(table) && ConditionalLockRelationOid(table, ShareUpdateExclusiveLock)) {
    if (get_rel_name(table) != nullptr && get_rel_name(index) != nullptr &&
        ConditionalLockRelationOid(index, ShareUpdateExclusiveLock)) {
      RunSql("SELECT brin_summarize_new_values($1)", {OidArgument(index)});
    }
  }
  EndStep();
}

// Old partitions go, and the indexes over ids and buckets are brought up to date where vacuum has
// not. What fails is in the log, and keeps nothing else from being done.
void Maintain() {
  Retention* retention = nullptr;
  int count = 0;
  LogOnly(Guard([&] { retention = LoadRetention(&count); }));
  for (int i = 0; i < count; ++i) LogOnly(Guard([&] { Retain(retention[i]); }));
  Oid* indexes = nullptr;
  count = 0;
  LogOnly(Guard([&] { indexes = LoadRangeIndexes(&count); }));
  for (int i = 0; i < count; ++i) LogOnly(Guard([&] { Summarize(indexes[i]); }));
}

TimestampTz NextDue(TimestampTz maintenance) {
  TimestampTz next = maintenance;
  for (int i = 0; i < task_list.count; ++i) next = Min(next, task_list.tasks[i].next);
  return next;
}

void RunDueTasks() {
  for (int i = 0; i < task_list.count; ++i) {
    Task* task = &task_list.tasks[i];
    if (task->next > GetCurrentTimestamp()) continue;
    char* message = Guard([task] { Step(task); });
    if (message == nullptr) continue;
    Guard([task, message] { RecordFailure(task, message); });
    pfree(message);
  }
}

void SleepUntil(TimestampTz next) {
  const int64 left = next - GetCurrentTimestamp();
  if (left > 0) {
    // Rounded up, or the last part of a millisecond would be spent awake.
    const long timeout = static_cast<long>((left + kMillisecond - 1) / kMillisecond);
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
    ereport(LOG, (errmsg("millrace: no worker could be started for database %u", database),
                  errhint("Raise max_worker_processes.")));
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

bool change_pending = false;

void AtEndOfTransaction(XactEvent event, void*) {
  if (event == XACT_EVENT_COMMIT || event == XACT_EVENT_PREPARE) {
    if (change_pending) NoteChange(MyDatabaseId);
    change_pending = false;
  } else if (event == XACT_EVENT_ABORT) {
    change_pending = false;
  }
}

}  // namespace

void NotifyWorker() {
  if (!HasWorkerRegistry()) return;
  static bool registered = false;
  if (!registered) RegisterXactCallback(AtEndOfTransaction, nullptr);
  registered = true;
  change_pending = true;
}

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
  TimestampTz next_scout = 0, next_start = 0;
  for (;;) {
    SleepUntil(next_start);
    const TimestampTz now = GetCurrentTimestamp();
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
    SleepUntil(Min(next_scout, NextHoldEnds()));
  }
}

extern "C" PGDLLEXPORT void millrace_worker_main(Datum argument) {
  InstallSignalHandlers();
  if (!RegisterWorker(DatumGetObjectId(argument))) return;
  ConnectToDatabase(DatumGetObjectId(argument));
  TimestampTz maintenance = 0;
  if (!LoadTasks()) return NoMoreWork();
  for (;;) {
    if (!enable_worker) return NoMoreWork();
    const bool maintain = GetCurrentTimestamp() >= maintenance;
    // The catalog may have been changed by hand, or by a restore.
    if (TakeChange() || maintain) {
      bool needed = true;
      Guard([&needed] { needed = LoadTasks(); });
      if (!needed) return NoMoreWork();
    }
    if (maintain) {
      maintenance = GetCurrentTimestamp() + kMaintenanceInterval;
      Maintain();
    }
    RunDueTasks();
    const TimestampTz verification = TendVerifier(DatumGetObjectId(argument));
    SleepUntil(Min(NextDue(maintenance), verification));
  }
}
