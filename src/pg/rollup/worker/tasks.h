// The tasks of a worker. A task, that is a root rollup as a worker sees it, is in one of these
// states:
//   idle      until its time has come; then the sequence is looked at. Has it not moved: idle again
//   settling  ids were handed out; writers that may still add some are at work. Looked at now and
//             then, less and less often, so that one task never keeps the others waiting
//   merging   all of these ids are settled: they are merged in steps of about a second, each in a
//             transaction, and the other tasks have their turn in between
//   failed    an error was raised and recorded; idle for a while that doubles with each failure
//
// When all are idle for a while, the worker ends, and watches what is written to the database
// (worker_registry.h).
//
// A step reads and moves the watermark in one transaction, and locks it; what the worker remembers
// is only a guess of where it is.
#pragma once

#include "pg/base/api.h"
#include "pg/rollup/registry/worker_registry.h"

namespace millrace::pg {

// Reads the catalog, keeping what is known of tasks that were there before. Of the tasks of a
// database, each worker takes its share by its number.
enum class Loaded {
  kTasks,
  kNothingToDo,  // there is no use for a worker in this place
  kNotNow,       // the extension is being changed, or is of another version; all is as it was
};
Loaded LoadTasks(const WorkerPlace& place);

// One step of each task whose time has come.
void RunDueTasks();
// When the next is due; kNever where there is none.
MonotonicTime NextTaskDue();
// When a task last had something to do, or was loaded.
MonotonicTime LastWork();
// Whether nothing is missing in any rollup, none has failed, and nobody writes: the worker may
// leave its place as Leaving::kAsleep.
bool CanSleep();

}  // namespace millrace::pg
