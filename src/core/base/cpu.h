// What the processor can do, asked once by whoever has a vector form of something.
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
