#include "pg/rollup/worker/tasks.h"

#include "pg/base/fault_point.h"
#include "pg/base/guc.h"
#include "pg/base/spi.h"
#include "pg/cluster/citus.h"
#include "pg/rollup/log/source_check.h"
#include "pg/rollup/refresh/refresh.h"
#include "pg/rollup/registry/known_complete.h"
#include "pg/rollup/registry/worker_registry.h"
#include "pg/rollup/worker/worker_step.h"
#include "pg/tail/marks.h"

namespace millrace::pg {
namespace {

constexpr int64 kMillisecond = 1000, kSecond = 1000 * kMillisecond;
constexpr int64 kFirstPoll = 5 * kMillisecond, kMaxPoll = 200 * kMillisecond;
constexpr int64 kMaxBackoff = 300 * kSecond, kMaxLockBackoff = 5 * kSecond;
// The catalog is read again this often, because somebody may have changed it by hand.
constexpr int64 kReload = 60 * kSecond;
// How long one step of a task should take, and how many ids it begins with.
constexpr int64 kShortStep = 250 * kMillisecond, kLongStep = kSecond;
constexpr int64 kMostSetAside = 100;
// How often it is weighed whether a refresh is worth it before its time.
constexpr int64 kWeigh = 500 * kMillisecond;
constexpr int64 kFirstStepIds = 100'000, kFewestStepIds = 1'000;

struct Task {
  Oid relation;
  Oid source;
  char* name;  // qualified and quoted
  char* id_column;
  int64 interval;
  MonotonicTime next;
  int64 position;      // the watermark as it was last seen; -1: not yet
  Settling* settling;  // ids that are being settled or merged; nullptr: idle
  MemoryContext settling_context;
  int64 poll;       // until its writers are looked at again
  int64 step_ids;   // for the next step
  int empty_steps;  // in a row; ids may have a gap
  // What the last refresh took, and the one that is being done, in microseconds; and what readers
  // had spent on the tail when the last one was done.
  int64 refresh_cost, cost_so_far;
  int64 read_before;
  int failures;
};

struct TaskList {
  Task* tasks;
  int count;
};

MemoryContext task_context = nullptr;
TaskList task_list = {};
MonotonicTime last_work = 0;

const Task* FindTask(const TaskList& list, Oid relation) {
  for (int i = 0; i < list.count; ++i) {
    if (list.tasks[i].relation == relation) return &list.tasks[i];
  }
  return nullptr;
}

// A row of the statement in LoadTasks.
void ReadTask(const SpiRow& row, MemoryContext context, Task* task) {
  task->relation = row.ObjectId(1);
  task->source = row.ObjectId(2);
  if (!row.IsNull(3)) task->id_column = MemoryContextStrdup(context, row.NameText(3));
  task->interval = Max(row.Int64(4), 10 * kMillisecond);
  // The number is in the catalog: the last worker may have had failures too.
  task->failures = row.Int32(5);
  const int64 until_retry = row.Int64(6);
  if (task->failures > 0) task->next = MonotonicNow() + Min(Max(until_retry, 0), kMaxBackoff);
  task->name = MemoryContextStrdup(context, row.Text(7));
  task->position = -1;
  task->step_ids = kFirstStepIds;
  const Task* before = FindTask(task_list, task->relation);
  if (before != nullptr) {
    task->next = before->next;
    task->step_ids = before->step_ids;
    task->refresh_cost = before->refresh_cost;
    task->read_before = before->read_before;
  }
}

}  // namespace

Loaded LoadTasks(const WorkerPlace& place) {
  if (!BeginStep("loading rollups")) {
    return LastExtensionState() == ExtensionState::kAbsent ? Loaded::kNothingToDo : Loaded::kNotNow;
  }
  bool needed = false;
  TaskList loaded = {};
  const MemoryContext context =
      AllocSetContextCreate(TopMemoryContext, "millrace tasks", ALLOCSET_SMALL_SIZES);
  if (place.number < workers_per_database) {
    needed =
        place.number == 0 &&
        RunSql(
            "SELECT FROM millrace.rollup UNION ALL SELECT FROM millrace.retention UNION ALL SELECT "
            "FROM millrace.sealing") > 0;
    const uint64 rows = RunSql(R"(
      SELECT r.relation, r.source, r.id_column, (extract(epoch FROM r.refresh_interval) * 1e6)::int8,
        COALESCE(e.failures, 0), COALESCE(extract(epoch FROM LEAST(e.retry_at, now() + '1 h') - now()) * 1e6, 0)::int8,
        format('%I.%I', n.nspname, c.relname)
      FROM millrace.rollup r
      JOIN pg_class c ON c.oid = r.relation
      JOIN pg_namespace n ON n.oid = c.relnamespace
      LEFT JOIN millrace.refresh_error e USING (relation)
      WHERE r.parent IS NULL AND NOT r.paused
      ORDER BY r.relation::oid)");
    loaded.tasks = static_cast<Task*>(MemoryContextAllocZero(context, Max(rows, 1) * sizeof(Task)));
    for (uint64 i = place.number; i < rows; i += workers_per_database) {
      ReadTask(SpiRow(i), context, &loaded.tasks[loaded.count++]);
    }
    needed |= loaded.count > 0;
    const int wanted = static_cast<int>(Min(rows, static_cast<uint64>(workers_per_database)));
    for (int i = 1; place.number == 0 && i < wanted; ++i) NoteWanted({place.database, i});
  }
  EndStep();
  if (task_context != nullptr) MemoryContextDelete(task_context);
  task_context = context;
  task_list = loaded;
  last_work = MonotonicNow();
  return needed ? Loaded::kTasks : Loaded::kNothingToDo;
}

namespace {

void StopSettling(Task* task) {
  if (task->settling_context != nullptr) MemoryContextDelete(task->settling_context);
  task->settling_context = nullptr;
  task->settling = nullptr;
}

// idle -> settling, if ids were handed out since the watermark.
void LookAtSequence(Task* task, MonotonicTime now) {
  const IdSource ids = FindIdSource(task->source, task->id_column);
  // Check first: ids that do not come from the sequence do not move it.
  CheckSource(task->source, ids, OwnerOf(task->relation), false);
  StopSettling(task);
  task->settling_context =
      AllocSetContextCreate(task_context, "millrace settling", ALLOCSET_SMALL_SIZES);
  const MemoryContext step = MemoryContextSwitchTo(task->settling_context);
  Settling* settling = StartSettling(task->source, ids, OwnerOf(task->relation), task->position);
  MemoryContextSwitchTo(step);
  const bool nothing_new = settling->total == task->position;
  if (nothing_new) {
    NoteComplete(task->relation, settling->since, 0);
    task->read_before = TailReadMicros(task->source);
  }
  if ((nothing_new && !settling->tracking.wants_floor) || IsBeingRestored()) {
    task->next = now + (nothing_new ? task->interval : kSecond);
    return StopSettling(task);
  }
  task->settling = settling;
  task->poll = kFirstPoll;
}

// Returns whether anything was merged.
bool Merge(Task* task, MonotonicTime now) {
  RefreshOptions options;
  options.wait_for_writers = false;
  options.wait_for_others = false;
  options.settled = task->settling;
  options.most_ids = Min(task->step_ids, refresh_step);
  // Each of them takes some milliseconds.
  options.most_set_aside = kMostSetAside;
  options.empty_before = task->empty_steps;
  const MonotonicTime start = MonotonicNow();
  const RefreshResult result = RefreshFamily(LoadFamily(task->relation), options);
  const int64 took = MonotonicNow() - start;
  if (!result.done) {
    // Somebody else refreshes the rollup, or has refreshed it further.
    StopSettling(task);
    task->next = now + kMaxPoll;
    return false;
  }
  task->position = result.position;
  task->cost_so_far += took;
  if (took > kLongStep) task->step_ids = Max(options.most_ids / 2, kFewestStepIds);
  if (took < kShortStep && result.more) task->step_ids = 2 * options.most_ids;
  task->empty_steps = result.empty ? task->empty_steps + 1 : 0;
  if (!result.more) {
    StopSettling(task);
    task->next = now + task->interval;
    task->refresh_cost = task->cost_so_far;
    task->cost_so_far = 0;
    task->read_before = TailReadMicros(task->source);
  }
  return result.ids > 0;
}

// One step of a task, in one transaction.
void Step(Task* task) {
  const MonotonicTime now = MonotonicNow();
  if (!BeginStep(task->settling != nullptr ? "refreshing a rollup" : "looking for events")) return;
  RollupViews views;
  if (!FindViews(task->relation, &views) || views.paused || get_rel_name(task->source) == nullptr) {
    // The rollup was dropped or paused; the list of tasks will be loaded again soon.
    StopSettling(task);
    task->next = now + kReload;
    return EndStep();
  }
  if (task->settling == nullptr) LookAtSequence(task, now);
  bool merged = false;
  if (task->settling != nullptr) {
    last_work = now;
    if (HasSettled(task->settling, false)) {
      merged = Merge(task, now);
    } else {
      task->next = now + task->poll;
      task->poll = Min(2 * task->poll, kMaxPoll);
    }
  }
  // The failed step has worked now, or there is nothing left to do.
  const bool recovered = task->failures > 0 && task->settling == nullptr;
  if (recovered) {
    RunSql("DELETE FROM millrace.refresh_error WHERE relation = $1", {OidArgument(task->relation)});
  }
  if (merged) FaultPoint("worker: before commit");
  EndStep();
  if (merged) FaultPoint("worker: after commit");
  if (recovered) task->failures = 0;
}

// When a table is locked, tries again soon; after any other error, after a pause that doubles.
// Returns whether to log it: not if somebody drops the rollup, or has just dropped it.
bool RecordFailure(Task* task, const ErrorData& error) {
  task->failures = Min(task->failures + 1, 30);
  StopSettling(task);
  task->position = -1;
  last_work = MonotonicNow();
  const int64 longest = IsOfALock(error) ? kMaxLockBackoff : kMaxBackoff;
  const int64 backoff = Min(Max(task->interval, kSecond) << Min(task->failures - 1, 10), longest);
  task->next = MonotonicNow() + backoff;
  const TimestampTz retry_at = GetCurrentTimestamp() + backoff;
  if (!BeginStep("recording a failure")) return false;
  // Whoever drops the rollup has locked its row before anything else (DeleteRollup): what is
  // written here before is dropped with it, and after that nothing is written that would stay.
  const bool exists = RunSql(
                          "SELECT FROM millrace.rollup WHERE relation = $1 "
                          "FOR KEY SHARE SKIP LOCKED",
                          {OidArgument(task->relation)}) > 0;
  if (exists) {
    RunSql(
        "INSERT INTO millrace.refresh_error AS e (relation, message, failures, retry_at) VALUES "
        "($1, $2, $3, $4) ON CONFLICT (relation) DO UPDATE SET message = excluded.message, "
        "failures = excluded.failures, retry_at = excluded.retry_at, failed_at = "
        "clock_timestamp()",
        {OidArgument(task->relation),
         TextArgument(error.message),
         {INT4OID, Int32GetDatum(task->failures)},
         {TIMESTAMPTZOID, TimestampTzGetDatum(retry_at)}});
    RunSql(
        "INSERT INTO millrace.failed_refreshes AS f (relation, number) VALUES ($1, 1) ON CONFLICT "
        "(relation) DO UPDATE SET number = f.number + 1",
        {OidArgument(task->relation)});
  }
  EndStep();
  return exists;
}

// A lock can stop the task every few seconds, so that error is logged after 1, 2, 4, 8, ...
// failures only.
void LogTaskFailure(const Task& task, const ErrorData& error) {
  const bool often = IsOfALock(error);
  if (often && (task.failures & (task.failures - 1)) != 0) return;
  char* what = psprintf("rollup %s could not be refreshed", task.name);
  LogFailure(what, error);
  pfree(what);
}

// Whether no ids were handed out since the watermark; then the task stays idle. Not for events that
// are written on several nodes. `sleep` as in NoteComplete.
bool IsIdle(Task* task, MonotonicTime now, uint32 sleep) {
  if (get_rel_name(task->relation) == nullptr || get_rel_name(task->source) == nullptr)
    return false;
  const IdSource ids = FindIdSource(task->source, task->id_column);
  CheckSource(task->source, ids, OwnerOf(task->relation), false);
  const TimestampTz before = GetCurrentTimestamp();
  if (LastId(ids) != task->position || TrackLeaves(task->source, ids).wants_floor) return false;
  NoteComplete(task->relation, before, sleep);
  task->next = now + task->interval;
  task->read_before = TailReadMicros(task->source);
  return true;
}

// Looks at all tasks that are idle, and due now or soon, in one transaction. Otherwise a hundred
// rollups without new events would cost a hundred transactions per second.
void LookAtIdleTasks() {
  const MonotonicTime now = MonotonicNow();
  bool any = false;
  for (int i = 0; i < task_list.count; ++i) {
    const Task& task = task_list.tasks[i];
    any |= task.next <= now && task.settling == nullptr && task.position >= 0 && task.failures == 0;
  }
  if (!any) return;
  if (!BeginStep("looking for events")) return;
  const bool one_node = !HasCitus();
  for (int i = 0; one_node && i < task_list.count; ++i) {
    CHECK_FOR_INTERRUPTS();
    Task* task = &task_list.tasks[i];
    if (task->settling != nullptr || task->position < 0 || task->failures > 0) continue;
    if (task->next <= now + task->interval / 4 && !IsIdle(task, now, 0)) task->next = now;
  }
  EndStep();
}

// Whether readers have spent as much time on the tail as the last refresh took. Then a refresh is
// worth it before its time: whoever waits until the costs are equal pays at most twice what would
// have been best (as one who rents skis: Karlin et al., "Competitive snoopy caching", 1988).
bool IsWorthIt(const Task& task) {
  constexpr int64 kLeast = 10 * kMillisecond;
  return task.settling == nullptr && task.position >= 0 && task.failures == 0 &&
         TailReadMicros(task.source) - task.read_before >= Max(task.refresh_cost, kLeast);
}

// Brings tasks forward that are worth it.
void WeighTasks() {
  const MonotonicTime now = MonotonicNow();
  for (int i = 0; i < task_list.count; ++i) {
    Task* task = &task_list.tasks[i];
    if (task->next > now && IsWorthIt(*task)) task->next = now;
  }
}

// After a lock, does not wait long for others in this round of tasks: a hundred rollups may be over
// the same locked table, and others wait for their turn.
void BeImpatientAfter(const ErrorData& error) {
  if (IsOfALock(error)) LimitLockWaits(kImpatient);
}

}  // namespace

void RunDueTasks() {
  LimitLockWaits(kPatient);
  WeighTasks();
  // If one of the tasks fails here, the error is found again and logged when that task has its
  // turn.
  ErrorData* error = Guard(LookAtIdleTasks);
  if (error != nullptr) {
    BeImpatientAfter(*error);
    FreeErrorData(error);
  }
  for (int i = 0; i < task_list.count; ++i) {
    // When the extension is ready again, all tasks are loaded again.
    if (LastExtensionState() != ExtensionState::kReady) return;
    Task* task = &task_list.tasks[i];
    if (task->next > MonotonicNow()) continue;
    ErrorData* error = Guard([task] { Step(task); });
    if (error == nullptr) continue;
    BeImpatientAfter(*error);
    bool exists = true;
    (void)Try("a failure could not be recorded", [&] { exists = RecordFailure(task, *error); });
    if (exists) LogTaskFailure(*task, *error);
    FreeErrorData(error);
  }
}

MonotonicTime LastWork() { return last_work; }

bool CanSleep() {
  for (int i = 0; i < task_list.count; ++i) {
    const Task& task = task_list.tasks[i];
    if (task.settling != nullptr || task.position < 0 || task.failures > 0) return false;
  }
  const uint32 sleep = StartWatching();
  bool idle = false;
  (void)Try("events could not be looked for", [&] {
    if (!BeginStep("looking for events")) return;
    const MonotonicTime now = MonotonicNow();
    // This node does not see events that are written through another node.
    idle = !HasCitus();
    for (int i = 0; idle && i < task_list.count; ++i)
      idle = IsIdle(&task_list.tasks[i], now, sleep);
    EndStep();
  });
  if (idle && HasBeenQuiet()) return true;
  StopWatching();
  last_work = MonotonicNow();
  return false;
}

MonotonicTime NextTaskDue() {
  MonotonicTime next = kNever;
  const MonotonicTime weighed = MonotonicNow() + kWeigh;
  for (int i = 0; i < task_list.count; ++i) {
    const Task& task = task_list.tasks[i];
    next = Min(next, task.interval > kWeigh ? Min(task.next, weighed) : task.next);
  }
  return next;
}

}  // namespace millrace::pg
