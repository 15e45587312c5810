#include "pg/base/error_fence.h"

#include <cstdio>
#include <exception>
#include <new>

namespace millrace::pg {

void CaptureCurrentException(CapturedException* captured) noexcept {
  captured->sqlstate = ERRCODE_INTERNAL_ERROR;
  const char* message = "unknown exception";
  try {
    throw;
  } catch (const std::bad_alloc&) {
    captured->sqlstate = ERRCODE_OUT_OF_MEMORY;
    message = "out of memory";
  } catch (const std::exception& e) {
    std::snprintf(captured->message, sizeof(captured->message), "%s", e.what());
    return;
  } catch (...) {
  }
  std::snprintf(captured->message, sizeof(captured->message), "%s", message);
}

void RaiseCaptured(const CapturedException& captured) {
  ereport(ERROR, (errcode(captured.sqlstate), errmsg("%s", captured.message)));
  pg_unreachable();
}

void RaiseStatus(const Status& status) {
  int sqlstate = ERRCODE_DATA_EXCEPTION;
  switch (status.code()) {
    case StatusCode::kInvalidParameter:
      sqlstate = ERRCODE_INVALID_PARAMETER_VALUE;
      break;
    case StatusCode::kTooLarge:
      sqlstate = ERRCODE_PROGRAM_LIMIT_EXCEEDED;
      break;
    case StatusCode::kOutOfRange:
      sqlstate = ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE;
      break;
    case StatusCode::kInvalidData:
    case StatusCode::kMismatch:
    case StatusCode::kOk:
      break;
  }
  ereport(ERROR, (errcode(sqlstate), errmsg("%s", status.message())));
  pg_unreachable();
}

}  // namespace millrace::pg
