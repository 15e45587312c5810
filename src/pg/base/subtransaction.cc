#include "pg/base/subtransaction.h"

namespace millrace::pg {
namespace {

ErrorData* Run(SubtransactionBody body, void* argument, bool undo) {
  const MemoryContext context = CurrentMemoryContext;
  const ResourceOwner owner = CurrentResourceOwner;
  ErrorData* volatile error = nullptr;
  BeginInternalSubTransaction(nullptr);
  MemoryContextSwitchTo(context);
  PG_TRY();
  {
    body(argument);
    if (undo) {
      RollbackAndReleaseCurrentSubTransaction();
    } else {
      ReleaseCurrentSubTransaction();
    }
    MemoryContextSwitchTo(context);
    CurrentResourceOwner = owner;
  }
  PG_CATCH();
  {
    MemoryContextSwitchTo(context);
    error = CopyErrorData();
    FlushErrorState();
    RollbackAndReleaseCurrentSubTransaction();
    MemoryContextSwitchTo(context);
    CurrentResourceOwner = owner;
  }
  PG_END_TRY();
  return error;
}

}  // namespace

ErrorData* RunInSubtransaction(SubtransactionBody body, void* argument) {
  return Run(body, argument, false);
}

ErrorData* TryAndUndo(SubtransactionBody body, void* argument) { return Run(body, argument, true); }

}  // namespace millrace::pg
