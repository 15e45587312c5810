// What the background processes of a database share: a step of work in a transaction of its own.
#pragma once

#include "pg/base/monotonic_time.h"
#include "pg/rollup/catalog/extension.h"

namespace millrace::pg {

// Sleeps until the time has come or the latch is set. Handles interrupts and a changed
// configuration.
void SleepUntil(MonotonicTime time);

// Begins a transaction with a snapshot and an SPI connection, in which the extension's catalog can
// be read and written (HoldExtension). `activity` is what pg_stat_activity shows. Returns false if
// the catalog cannot be used; then no transaction was begun.
[[nodiscard]] bool BeginStep(const char* activity);
// The state of the extension that the last step found.
ExtensionState LastExtensionState();
// Logs, once for each version, that the last step found SQL of another version.
void SayOtherVersion();
// Commits the step.
void EndStep();

// A background process of ours that runs `function` of this library once the server has recovered,
// and is not started again by the server; `type` is what pg_stat_activity shows.
BackgroundWorker DescribeProcess(const char* type, const char* function);

// Connects a background process to its database. Its settings do not depend on the database's
// defaults for sessions: it can write even if these are read-only. In a deadlock it gives way.
void ConnectToDatabase(Oid database);

// How long each step from now on waits for a lock, as for the setting lock_timeout: at first
// kPatient, which is less than after what others look for a deadlock (deadlock_timeout, 1 s by
// default). To be called outside a step.
inline constexpr const char* kPatient = "900ms";
inline constexpr const char* kImpatient = "10ms";
void LimitLockWaits(const char* timeout);

// Whether a dump is being restored into this database, perhaps by several processes. Then the
// sequence may be set before the events with its ids are there. To be called inside a step.
bool IsBeingRestored();

// Runs `work`; nullptr if it succeeds. Otherwise rolls the transaction back and returns the error,
// allocated in TopMemoryContext and not logged. Nothing here owns an object with a destructor.
template <typename Work>
ErrorData* Guard(Work work) {
  ErrorData* volatile error = nullptr;
  const MemoryContext caller = CurrentMemoryContext;
  PG_TRY();
  { work(); }
  PG_CATCH();
  {
    MemoryContextSwitchTo(TopMemoryContext);
    error = CopyErrorData();
    FlushErrorState();
    AbortCurrentTransaction();
    pgstat_report_activity(STATE_IDLE, nullptr);
  }
  PG_END_TRY();
  MemoryContextSwitchTo(caller);
  return error;
}

// Whether somebody else's lock has ended a step: it was waited for too long, or in a circle.
bool IsOfALock(const ErrorData& error);

// Logs that something failed in this database: `what` is a sentence without its end, such as
// "rollup r could not be refreshed". It is a warning, unless somebody only held a lock. The
// statement, and the place in it where the error was raised, are left out, because the statement is
// ours.
void LogFailure(const char* what, const ErrorData& error);

// As LogFailure, for what is tried again and again: the same failure is logged at once, again after
// a minute, and then after a pause that doubles, up to an hour.
void LogRepeatedFailure(const char* what, const ErrorData& error);

// Runs `work`; returns whether it succeeded. If not, logs `what`.
template <typename Work>
bool Try(const char* what, Work work) {
  ErrorData* error = Guard(work);
  if (error == nullptr) return true;
  LogRepeatedFailure(what, *error);
  FreeErrorData(error);
  return false;
}

void InstallSignalHandlers();

}  // namespace millrace::pg
