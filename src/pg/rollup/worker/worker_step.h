// What the background processes of a database share: a step of work in a transaction of its own.
#pragma once

#include "pg/base/monotonic_time.h"
#include "pg/rollup/catalog/extension.h"

namespace millrace::pg {

// Sleeps until a time has come or the latch is set; handles interrupts and a changed configuration.
void SleepUntil(MonotonicTime time);

// Begins a transaction with a snapshot and an SPI connection, in which the extension's catalog can
// be read and written (HoldExtension). `activity` is what pg_stat_activity shows. False when it can
// not: then nothing has begun.
[[nodiscard]] bool BeginStep(const char* activity);
// What the last step found of the extension.
ExtensionState LastExtensionState();
// Says in the log which version of the SQL the last step has found; once for each.
void SayOtherVersion();
// Commits it.
void EndStep();

// Connects a background process to its database, with settings that do not depend on what
// the database has for its sessions: it writes also where these are read-only by default.
void ConnectToDatabase(Oid database);

// How long each step from now on waits for a lock, as the setting lock_timeout has it: "1s" to
// begin with. Outside a step.
inline constexpr const char* kPatient = "1s";
inline constexpr const char* kImpatient = "10ms";
void LimitLockWaits(const char* timeout);

// While a dump is being restored into this database, by several processes perhaps, the sequence may
// be set before the events are there that have its ids. Inside a step.
bool IsBeingRestored();

// Runs `work`; nullptr when it went through. Otherwise the transaction is rolled back, and the
// error returned in TopMemoryContext; nobody has logged it. Nothing here owns anything.
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

// Logs that something failed in this database: `what` is a sentence without its end, as "rollup r
// could not be refreshed". A warning, unless somebody only held a lock. The statement is left out,
// and where in it the error was raised: it is ours.
void LogFailure(const char* what, const ErrorData& error);

// As LogFailure, for what is tried again and again: the same failure is logged at once, after a
// minute, and then each time after twice as long, an hour at most.
void LogRepeatedFailure(const char* what, const ErrorData& error);

// Runs `work`; whether it went through. Otherwise the log says `what`.
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
