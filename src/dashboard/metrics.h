// The metrics for Prometheus.
#pragma once

#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string>

namespace millrace::dashboard {

// Counters of the dashboard itself.
struct ServerCounters {
  long long requests = 0;
  long long statements = 0;
  std::size_t connections = 0;
  int watchers = 0;
};

// Figures of the database as counters, which must never decrease. They begin with the first value
// from the database. If a value becomes smaller, they continue from where they were: a rollup may
// be dropped and declared again. Thread-safe.
class GrowingFigures {
 public:
  double Next(const std::string& key, double value);

 private:
  struct Figure {
    double last;
    double total;
  };
  std::mutex mutex_;
  std::map<std::string, Figure> figures_;
};

// Thread-safe.
class MetricsMaker {
 public:
  // The answer `Operations` of openapi.json (null if the database does not answer) and the
  // counters, in Prometheus' text format, version 0.0.4.
  std::string Format(const nlohmann::json& operations, const ServerCounters& counters);

 private:
  GrowingFigures growing_;
};

}  // namespace millrace::dashboard
