// The tenants, for the page's list.
#pragma once

#include <chrono>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "dashboard/overview.h"

namespace millrace::dashboard {

// The tenants of the rollups. They are looked up from time to time only: there may be many, and
// they change slowly. Thread-safe.
class Tenants {
 public:
  Tenants(Database& database, RollupFinder& finder) : database_(database), finder_(finder) {}

  // As `Tenants` in openapi.json. Parameters: search, limit. Throws ApiError.
  nlohmann::json Find(const Parameters& parameters);

 private:
  void Load();

  Database& database_;
  RollupFinder& finder_;
  std::mutex mutex_;
  std::vector<std::string> tenants_;
  std::chrono::steady_clock::time_point expires_;
  std::optional<ApiError> failed_;  // until `expires_`
};

}  // namespace millrace::dashboard
