// The tasks of a worker. A task is a root rollup as a worker sees it. It is in one of these states:
//   idle      until its time has come; then the sequence is read. If it has not moved: idle again
//   settling  ids were handed out, and writers may still add rows with them. The task looks now and
//             then whether they have ended, less and less often, and never waits for them: other
//             tasks have their turn
//   merging   all of these ids are settled: they are merged in steps of about a second, each in a
//             transaction, and the other tasks have their turn in between
//   failed    an error was raised and recorded; idle for a pause that doubles with each failure
//
// When all are idle for a while, the worker ends, and watches for writes to the database
// (worker_registry.h).
//
// Each step locks the watermark, reads it and moves it in one transaction. What the worker
// remembers of the watermark is only a guess.
#pragma once

#include "pg/base/api.h"
#include "pg/rollup/registry/worker_registry.h"

namespace millrace::pg {

// Reads the catalog, and keeps what is known of tasks that were there before. Each worker takes its
// share of the database's tasks, by its number.
enum class Loaded {
  kTasks,
  kNothingToDo,  // a worker in this place has no work
  kNotNow,  // the extension is being changed, or is of another version; the tasks stay as they were
};
Loaded LoadTasks(const WorkerPlace& place);

// One step of each task whose time has come.
void RunDueTasks();
// When the next is due; kNever where there is none.
MonotonicTime NextTaskDue();
// When a task last had something to do, or was loaded.
MonotonicTime LastWork();
// Whether no events are missing in any rollup, none has failed, and nobody writes. Then the worker
// may leave its place as Leaving::kAsleep.
bool CanSleep();

}  // namespace millrace::pg
