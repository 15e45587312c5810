// Scopes with a body: something is set, the body runs, and it is set back. A PostgreSQL error in
// the body is a longjmp past the end of the scope, so these are only for what the end of the
// (sub)transaction sets back too.
#pragma once

#include <type_traits>

namespace millrace::pg {

// Runs `body`, then `end`. Returns what `body` returns.
template <typename Body, typename End>
auto RunScope(Body body, End end) {
  if constexpr (std::is_void_v<decltype(body())>) {
    body();
    end();
  } else {
    auto result = body();
    end();
    return result;
  }
}

}  // namespace millrace::pg
