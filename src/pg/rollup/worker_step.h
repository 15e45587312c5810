// What the background processes of a database share: a step of work in a transaction of its own.
#pragma once

#include "pg/pg_api.h"
#include "pg/rollup/extension.h"

namespace millrace::pg {

// Microseconds of a clock that is never set: times of the day may step back and forth.
using MonotonicTime = int64;
inline constexpr MonotonicTime kNever = PG_INT64_MAX;
MonotonicTime MonotonicNow();

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

// While a dump is being restored into this database, by several processes perhaps, the sequence may
// be set before the events are there that have its ids. Inside a step.
bool IsBeingRestored();

// Runs `work`; nullptr when it went through. An error is logged, returned in TopMemoryContext, and
// the transaction rolled back. Nothing here owns anything.
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
    EmitErrorReport();
    FlushErrorState();
    AbortCurrentTransaction();
    pgstat_report_activity(STATE_IDLE, nullptr);
  }
  PG_END_TRY();
  MemoryContextSwitchTo(caller);
  return error;
}

// For errors that the log says enough about.
inline void LogOnly(ErrorData* error) {
  if (error != nullptr) FreeErrorData(error);
}

void InstallSignalHandlers();

}  // namespace millrace::pg
