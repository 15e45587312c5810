// The border between C++ and PostgreSQL.
//
// A PostgreSQL error is a longjmp: it must not pass over a frame that owns an object with a
// destructor. A C++ exception must not leave a function that PostgreSQL called. So:
//
//   - code that can throw runs inside RunCpp, which turns exceptions into PostgreSQL errors;
//   - code around RunCpp, and everything that calls PostgreSQL, owns nothing but trivial objects.
#pragma once

#include <type_traits>
#include <utility>

#include "core/base/status.h"
#include "pg/base/api.h"

namespace millrace::pg {

// A copy of an exception that outlives its handler. It owns nothing.
struct CapturedException {
  int sqlstate;
  char message[256];
};

// Fills `captured` from the exception being handled. Call inside a catch block.
void CaptureCurrentException(CapturedException* captured) noexcept;
// Raises it as a PostgreSQL ERROR.
[[noreturn]] void RaiseCaptured(const CapturedException& captured);

// Runs `body` and returns its result; what it throws becomes a PostgreSQL ERROR (std::bad_alloc:
// out of memory). `body` must not call anything that can raise a PostgreSQL error.
template <typename Body>
auto RunCpp(Body&& body) -> std::invoke_result_t<Body> {
  using Result = std::invoke_result_t<Body>;
  static_assert(std::is_void_v<Result> || std::is_trivially_destructible_v<Result>);
  CapturedException captured;
  try {
    return std::forward<Body>(body)();
  } catch (...) {
    CaptureCurrentException(&captured);
  }
  RaiseCaptured(captured);
}

// Raises `status` as a PostgreSQL ERROR unless it is ok. Bad data and mismatches are 22000 (data
// exception), bad parameters are 22023 (invalid parameter value).
[[noreturn]] void RaiseStatus(const Status& status);
inline void CheckStatus(const Status& status) {
  if (unlikely(!status.ok())) RaiseStatus(status);
}

}  // namespace millrace::pg
