// State in the server's shared memory.
#pragma once

#include <type_traits>

#include "pg/base/api.h"

namespace millrace::pg {

// Asks for `size` bytes under a name of their own. When the server starts, `*address` is set to
// them, zeroed, and `*lock` to the lock that guards them. Call from _PG_init while shared libraries
// are preloaded; `name`, `address` and `lock` must live as long as the process. At most four calls.
void RequestSharedMemory(const char* name, Size size, void** address, LWLock** lock);

// Runs `body` while holding a lock. If it raises an error, the lock is released too, as any lock
// is.
template <typename Body>
auto WithLock(LWLock* lock, LWLockMode mode, Body body) {
  LWLockAcquire(lock, mode);
  if constexpr (std::is_void_v<decltype(body())>) {
    body();
    LWLockRelease(lock);
  } else {
    auto result = body();
    LWLockRelease(lock);
    return result;
  }
}

}  // namespace millrace::pg
