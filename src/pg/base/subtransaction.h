// A part of a transaction that may fail while the rest goes on.
#pragma once

#include "pg/base/api.h"

namespace millrace::pg {

// Runs `body` in a subtransaction. Returns nullptr when it succeeds. Otherwise what it did is
// undone, and its error is returned, in the current memory context: also one that says that the
// statement was cancelled, which the caller must raise again.
using SubtransactionBody = void (*)(void* argument);
ErrorData* RunInSubtransaction(SubtransactionBody body, void* argument);
// The same, but what it did is undone when it succeeds, too: its locks are given up.
ErrorData* TryAndUndo(SubtransactionBody body, void* argument);

}  // namespace millrace::pg
