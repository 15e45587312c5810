#include "pg/rollup/worker/verifier.h"

#include "pg/base/guc.h"
#include "pg/base/spi.h"
#include "pg/rollup/registry/worker_registry.h"
#include "pg/rollup/verify/verify.h"
#include "pg/rollup/worker/worker_step.h"

namespace millrace::pg {
namespace {

constexpr int64 kSecond = 1'000'000;
constexpr int64 kTurn = kSecond;
constexpr int64 kFirstPause = 10 * kSecond, kShortestPause = kSecond;
// The pause when no process can be started, or none is wanted.
constexpr int64 kLongPause = 60 * kSecond;
// How many rollups without anything to compare are passed over in one turn.
constexpr int kMostPassedOver = 20;

// The verifier that this worker has started.
BackgroundWorkerHandle* running = nullptr;
MonotonicTime started = 0, ended = 0;
int64 pause = kFirstPause;

void EndVerifier(int, Datum) {
  if (running != nullptr) TerminateBackgroundWorker(running);
}

bool StartVerifier(Oid database) {
  BackgroundWorker worker = DescribeProcess("millrace verifier", "millrace_verifier_main");
  worker.bgw_main_arg = ObjectIdGetDatum(database);
  worker.bgw_notify_pid = MyProcPid;
  const MemoryContext caller = MemoryContextSwitchTo(TopMemoryContext);
  const bool registered = RegisterDynamicBackgroundWorker(&worker, &running);
  MemoryContextSwitchTo(caller);
  return registered;
}

// The rollup that has waited longest for its turn; InvalidOid if there is none.
Oid NextRollup() {
  const uint64 rows = RunSql(
      "SELECT r.relation FROM millrace.rollup r LEFT JOIN millrace.verification v USING (relation) "
      "ORDER BY v.tried_at NULLS FIRST, r.relation::oid LIMIT 1");
  if (rows == 0) return InvalidOid;
  return SpiRow(0).ObjectId(1);
}

// Records that its turn is over, whatever the result.
void NoteTurn(Oid relation, const char* error) {
  RunSql(
      "INSERT INTO millrace.verification AS v (relation, error) VALUES ($1, $2) ON CONFLICT "
      "(relation) DO UPDATE SET tried_at = excluded.tried_at, error = excluded.error",
      {OidArgument(relation), TextArgument(error)});
}

enum class Outcome { kVerified, kNothing, kNoRollup };

Outcome VerifyOne(Oid* relation) {
  // The worker logs the reason.
  if (!BeginStep("verifying a rollup")) return Outcome::kNoRollup;
  *relation = IsBeingRestored() ? InvalidOid : NextRollup();
  if (!OidIsValid(*relation)) {
    EndStep();
    return Outcome::kNoRollup;
  }
  VerifiedSpan span;
  const bool verified = get_rel_name(*relation) != nullptr && VerifyNextSpan(*relation, &span);
  if (!verified) NoteTurn(*relation, nullptr);
  EndStep();
  return verified ? Outcome::kVerified : Outcome::kNothing;
}

void TakeTurn() {
  const MonotonicTime end = MonotonicNow() + kTurn;
  for (int passed_over = 0; passed_over < kMostPassedOver && MonotonicNow() < end;) {
    CHECK_FOR_INTERRUPTS();
    Outcome outcome = Outcome::kNothing;
    Oid relation = InvalidOid;
    ErrorData* error = Guard([&] { outcome = VerifyOne(&relation); });
    if (error != nullptr) LogFailure("a rollup could not be verified", *error);
    if (outcome == Outcome::kNoRollup || (error != nullptr && !OidIsValid(relation))) return;
    if (error != nullptr) {
      (void)Try("a failed verification could not be noted", [&] {
        if (!BeginStep("noting a failed verification")) return;
        NoteTurn(relation, error->message);
        EndStep();
      });
      FreeErrorData(error);
    }
    passed_over = outcome == Outcome::kVerified ? 0 : passed_over + 1;
  }
}

}  // namespace

bool VerifierRuns() { return running != nullptr; }

MonotonicTime TendVerifier(Oid database) {
  const MonotonicTime now = MonotonicNow();
  pid_t pid;
  if (running != nullptr) {
    if (GetBackgroundWorkerPid(running, &pid) != BGWH_STOPPED) return now + kLongPause;
    pfree(running);
    running = nullptr;
    ended = now;
    pause = -1;
  }
  if (ended == 0) {
    before_shmem_exit(EndVerifier, 0);
    ended = now;
  }
  if (verify_share <= 0) return now + kLongPause;
  const auto rest = static_cast<int64>(static_cast<double>(ended - started) / verify_share);
  const MonotonicTime next = ended + (pause >= 0 ? pause : Max(rest, kShortestPause));
  if (now < next) return next;
  if (IsStarved()) return now + kLongPause;
  started = now;
  if (StartVerifier(database)) return now + kLongPause;
  running = nullptr;
  ended = now;
  pause = kLongPause;
  return now + pause;
}

}  // namespace millrace::pg

using namespace millrace::pg;

extern "C" PGDLLEXPORT void millrace_verifier_main(Datum argument) {
  InstallSignalHandlers();
  ConnectToDatabase(DatumGetObjectId(argument));
  TakeTurn();
}
