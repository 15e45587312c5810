#include "pg/rollup/tasks.h"

#include "pg/cluster/citus.h"
#include "pg/fault_point.h"
#include "pg/guc.h"
#include "pg/rollup/refresh.h"
#include "pg/rollup/source_check.h"
#include "pg/rollup/worker_registry.h"
#include "pg/spi.h"

namespace millrace::pg {
namespace {

constexpr int64 kMillisecond = 1000, kSecond = 1000 * kMillisecond;
constexpr int64 kFirstPoll = 5 * kMillisecond, kMaxPoll = 200 * kMillisecond;
constexpr int64 kMaxBackoff = 300 * kSecond, kMaxLockBackoff = 5 * kSecond;
// A catalog that was changed by hand is read again after so long.
constexpr int64 kReload = 60 * kSecond;
// How long a step of a task should take, and how many ids it begins with.
constexpr int64 kShortStep = 250 * kMillisecond, kLongStep = kSecond;
constexpr int64 kMostSetAside = 100;
constexpr int64 kFirstStepIds = 100'000, kFewestStepIds = 1'000;

struct Task {
  Oid relation;
  Oid source;
  char* id_column;
  int64 interval;
  MonotonicTime next;
  int64 position;      // where the watermark was last seen; -1: not yet
  Settling* settling;  // ids that are being settled or merged; nullptr: idle
  MemoryContext settling_context;
  int64 poll;       // until its writers are looked at again
  int64 step_ids;   // that the next step takes
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

}  // namespace

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
      task.step_ids = kFirstStepIds;
      if (before != nullptr) {
        task.next = before->next;
        task.step_ids = before->step_ids;
      }
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

namespace {

void StopSettling(Task* task) {
  if (task->settling_context != nullptr) MemoryContextDelete(task->settling_context);
  task->settling_context = nullptr;
  task->settling = nullptr;
}

// idle -> settling, when ids were handed out since the watermark.
void LookAtSequence(Task* task, MonotonicTime now) {
  const IdSource ids = FindIdSource(task->source, task->id_column);
  // Ids that come from elsewhere do not move the sequence.
  CheckSource(task->source, ids, OwnerOf(task->relation), false);
  StopSettling(task);
  task->settling_context =
      AllocSetContextCreate(task_context, "millrace settling", ALLOCSET_SMALL_SIZES);
  const MemoryContext step = MemoryContextSwitchTo(task->settling_context);
  Settling* settling = StartSettling(task->source, ids, OwnerOf(task->relation), task->position);
  MemoryContextSwitchTo(step);
  if (settling->total == task->position) NoteComplete(task->relation, settling->since);
  if (settling->total == task->position || IsBeingRestored()) {
    task->next = now + (settling->total == task->position ? task->interval : kSecond);
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
  // Some milliseconds each.
  options.most_set_aside = kMostSetAside;
  options.empty_before = task->empty_steps;
  const MonotonicTime start = MonotonicNow();
  const RefreshResult result = RefreshFamily(LoadFamily(task->relation), options);
  const int64 took = MonotonicNow() - start;
  if (!result.done) {
    // Somebody else is at it, or has been further.
    StopSettling(task);
    task->next = now + kMaxPoll;
    return false;
  }
  task->position = result.position;
  if (took > kLongStep) task->step_ids = Max(options.most_ids / 2, kFewestStepIds);
  if (took < kShortStep && result.more) task->step_ids = 2 * options.most_ids;
  task->empty_steps = result.empty ? task->empty_steps + 1 : 0;
  if (!result.more) {
    StopSettling(task);
    task->next = now + task->interval;
  }
  return result.ids > 0;
}

// One step of a task, in one transaction.
void Step(Task* task) {
  const MonotonicTime now = MonotonicNow();
  BeginStep(task->settling != nullptr ? "refreshing a rollup" : "looking for events");
  RollupViews views;
  if (!FindViews(task->relation, &views) || views.paused || get_rel_name(task->source) == nullptr) {
    // Dropped or paused; the list of tasks is about to be loaded again.
    StopSettling(task);
    task->next = now + kReload;
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

// A table that somebody has locked is tried again soon; anything else less and less often.
void RecordFailure(Task* task, const ErrorData& error) {
  task->failures = Min(task->failures + 1, 30);
  StopSettling(task);
  task->position = -1;
  const int64 longest =
      error.sqlerrcode == ERRCODE_LOCK_NOT_AVAILABLE ? kMaxLockBackoff : kMaxBackoff;
  const int64 backoff = Min(Max(task->interval, kSecond) << Min(task->failures - 1, 10), longest);
  task->next = MonotonicNow() + backoff;
  const TimestampTz retry_at = GetCurrentTimestamp() + backoff;
  BeginStep("recording a failure");
  if (ExtensionIsThere() && get_rel_name(task->relation) != nullptr) {
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
}

// Whether nothing has come since the watermark; then the task stays idle. One that is written on
// several nodes is looked at by itself.
bool IsIdle(Task* task, MonotonicTime now) {
  if (get_rel_name(task->relation) == nullptr || get_rel_name(task->source) == nullptr)
    return false;
  const IdSource ids = FindIdSource(task->source, task->id_column);
  CheckSource(task->source, ids, OwnerOf(task->relation), false);
  const TimestampTz before = GetCurrentTimestamp();
  if (LastId(ids) != task->position) return false;
  NoteComplete(task->relation, before);
  task->next = now + task->interval;
  return true;
}

// All tasks that are idle, and due now or soon, in one transaction: a hundred rollups over events
// that do not come must not cost a hundred transactions a second.
void LookAtIdleTasks() {
  const MonotonicTime now = MonotonicNow();
  bool any = false;
  for (int i = 0; i < task_list.count; ++i) {
    const Task& task = task_list.tasks[i];
    any |= task.next <= now && task.settling == nullptr && task.position >= 0 && task.failures == 0;
  }
  if (!any) return;
  BeginStep("looking for events");
  const bool one_node = !HasCitus();
  for (int i = 0; one_node && i < task_list.count; ++i) {
    CHECK_FOR_INTERRUPTS();
    Task* task = &task_list.tasks[i];
    if (task->settling != nullptr || task->position < 0 || task->failures > 0) continue;
    if (task->next <= now + task->interval / 4 && !IsIdle(task, now)) task->next = now;
  }
  EndStep();
}

}  // namespace

void RunDueTasks() {
  LogOnly(Guard(LookAtIdleTasks));
  for (int i = 0; i < task_list.count; ++i) {
    Task* task = &task_list.tasks[i];
    if (task->next > MonotonicNow()) continue;
    ErrorData* error = Guard([task] { Step(task); });
    if (error == nullptr) continue;
    LogOnly(Guard([task, error] { RecordFailure(task, *error); }));
    FreeErrorData(error);
  }
}

MonotonicTime NextTaskDue() {
  MonotonicTime next = kNever;
  for (int i = 0; i < task_list.count; ++i) next = Min(next, task_list.tasks[i].next);
  return next;
}

}  // namespace millrace::pg
