// What Prometheus reads.
#pragma once

#include <map>
#include <mutex>
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

// Figures of the database that only grow, as counters must. They begin at what the database says
// first, and go on from there where it says less: a rollup may be dropped and declared again.
// Thread-safe.
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
  // The answer `Operations` of openapi.json, or null where the database does not answer, and the
  // counters, in Prometheus's text format, version 0.0.4.
  std::string Format(const nlohmann::json& operations, const ServerCounters& counters);

 private:
  GrowingFigures growing_;
};

}  // namespace millrace::dashboard
