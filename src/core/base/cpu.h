// What the processor can do. Asked once, by code that has a vector form.
#pragma once

namespace millrace {

inline bool HasAvx2() noexcept {
#if defined(__x86_64__)
  return __builtin_cpu_supports("avx2") != 0;
#else
  return false;
#endif
}

}  // namespace millrace
