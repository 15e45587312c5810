// The dashboard: a page, and what it shows as JSON, from the rollups of one database. openapi.json
// says what can be asked.
#pragma once

#include <memory>
#include <string>

#include "dashboard/access.h"
#include "dashboard/database.h"

namespace millrace::dashboard {

struct DashboardOptions {
  std::string host = "127.0.0.1";
  int port = 8080;  // 0: a free one
  AccessOptions access;
  DatabaseOptions database;
  // Tables to read; empty: found by their columns.
  std::string minutes;
  std::string hours;
};

// Whether the database can be reached, and the tables read; throws ApiError where they cannot.
void CheckTables(const DashboardOptions& options);

class Dashboard {
 public:
  // Binds; throws std::runtime_error where that fails.
  explicit Dashboard(const DashboardOptions& options);
  ~Dashboard();

  int port() const;
  // Serves until Stop is called from another thread; false when it cannot go on.
  bool Run();
  void Stop();

 private:
  class Server;
  std::unique_ptr<Server> server_;
};

}  // namespace millrace::dashboard
