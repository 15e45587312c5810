// Views of the page that people have saved by name.
#pragma once

#include <string>

#include "dashboard/database.h"

namespace millrace::dashboard {

// They are in millrace.saved_view. All of these throw ApiError.
class SavedViews {
 public:
  SavedViews(Database& database, std::string conninfo)
      : database_(database), conninfo_(std::move(conninfo)) {}

  // As `SavedViews` in openapi.json.
  nlohmann::json List();
  // Saves what stands after ? in an address, in place of what has this name.
  void Save(const std::string& name, const std::string& query);
  void Delete(const std::string& name);

 private:
  // Runs a statement that writes, on a connection of its own: all others can only read.
  long long Write(const std::string& sql, const std::vector<const char*>& parameters);

  Database& database_;
  const std::string conninfo_;
};

}  // namespace millrace::dashboard
