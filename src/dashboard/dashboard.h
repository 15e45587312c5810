// The dashboard: a page, and its data as JSON, from the rollups of one database. openapi.json
// describes the requests.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "dashboard/access.h"
#include "dashboard/database.h"

namespace millrace::dashboard {

struct DashboardOptions {
  std::string host = "127.0.0.1";
  int port = 8080;  // 0: a free one
  AccessOptions access;
  DatabaseOptions database;
  // Rollups to show, each with its family; empty: all that are found (families.h).
  std::vector<std::string> rollups;
};

// Checks that the database can be reached and the tables can be read; throws ApiError if not.
void CheckTables(const DashboardOptions& options);

class Dashboard {
 public:
  // Binds the port; throws std::runtime_error if that fails.
  explicit Dashboard(const DashboardOptions& options);
  ~Dashboard();

  int port() const;
  // Serves until Stop is called from another thread; false if it cannot continue.
  bool Run();
  void Stop();

 private:
  class Server;
  std::unique_ptr<Server> server_;
};

}  // namespace millrace::dashboard
