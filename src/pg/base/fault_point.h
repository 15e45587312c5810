// Places where a test can make the server crash. In ordinary builds they do nothing. When built
// with MILLRACE_FAULT_POINTS, the process aborts the Nth time it reaches the place that the
// environment variable MILLRACE_FAULT_POINT names, as `name` or `name:N`, and says so on stderr.
#pragma once

#ifdef MILLRACE_FAULT_POINTS
#include <cstdio>
#include <cstdlib>
#include <cstring>
#endif

namespace millrace::pg {

#ifdef MILLRACE_FAULT_POINTS
inline void FaultPoint(const char* name) {
  const char* wanted = std::getenv("MILLRACE_FAULT_POINT");
  const std::size_t length = std::strlen(name);
  if (wanted == nullptr || std::strncmp(wanted, name, length) != 0) return;
  if (wanted[length] != '\0' && wanted[length] != ':') return;
  static int left = wanted[length] == ':' ? std::atoi(wanted + length + 1) : 1;
  if (--left != 0) return;
  std::fputs("fault point ", stderr);
  std::fputs(name, stderr);
  std::fputs("\n", stderr);
  std::abort();
}
#else
inline void FaultPoint(const char*) {}
#endif

}  // namespace millrace::pg
