// How far a running refresh has come, for other sessions to see. It is kept in the backend's own
// status, so nothing needs to be preloaded.
#pragma once

#include "pg/base/api.h"

namespace millrace::pg {

void StartProgress(Oid relation, int64 from, int64 to);
void ReportProgress(int64 position);
void EndProgress();

}  // namespace millrace::pg
