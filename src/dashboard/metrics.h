// What Prometheus reads.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace millrace::dashboard {

// Of the dashboard itself.
struct ServerCounters {
  long long requests = 0;
  long long statements = 0;
  std::size_t connections = 0;
  int watchers = 0;
};

// The answer `Operations` and the counters in Prometheus's text format, version 0.0.4.
std::string FormatMetrics(const nlohmann::json& operations, const ServerCounters& counters);

}  // namespace millrace::dashboard
