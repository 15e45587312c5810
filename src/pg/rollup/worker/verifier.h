// Verification in the background. Now and then a separate process compares a few buckets with their
// events, so that refreshes never wait for it.
#pragma once

#include "pg/base/api.h"
#include "pg/rollup/worker/worker_step.h"

namespace millrace::pg {

// To be called by a worker in each of its rounds: starts a verifier when its time has come, or
// notes that it has ended. A turn takes about a second. The pause after it is so long that
// verification takes millrace.verify_share of one processor. Returns when to call again; the
// worker's latch is set when a verifier ends.
MonotonicTime TendVerifier(Oid database);
// Whether a verifier is running, as far as TendVerifier has seen.
bool VerifierRuns();

}  // namespace millrace::pg
