// The values of a dimension, for the page's lists.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "dashboard/families.h"
#include "dashboard/grant.h"
#include "dashboard/request.h"

namespace millrace::dashboard {

// The values of the dimensions of all families. They are looked up from time to time only: there
// may be many, and they change slowly. Thread-safe.
class Values {
 public:
  Values(Database& database, FamilyFinder& finder) : database_(database), finder_(finder) {}

  // As `Values` in openapi.json. Parameters: rollup, dimension (without it the tenant), search (any
  // part of a value or its name, in any case), limit. Throws ApiError.
  nlohmann::json Find(const Parameters& parameters, const Grant& grant);

 private:
  // The values of one dimension, as a grant may see them.
  struct List {
    std::mutex mutex;
    std::vector<std::pair<Value, std::string>> values;  // with their labels
    std::chrono::steady_clock::time_point expires;
    std::optional<ApiError> failed;  // until `expires`
  };
  std::shared_ptr<List> ListFor(const std::string& key);
  void Load(const std::string& rollup, const std::string& dimension, const Grant& grant,
            List* list);

  Database& database_;
  FamilyFinder& finder_;
  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<List>> lists_;
};

}  // namespace millrace::dashboard
