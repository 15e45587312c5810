// Single INSERTs through a prepared statement.
#pragma once

#include <string>
#include <vector>

#include "ingest/target_table.h"
#include "ingest/workload/clickstream.h"

namespace millrace::cli {

// Inserts rows on a connection that outlives it. Each row is its own transaction unless the caller
// has begun one. Not thread-safe.
class RowInserter {
 public:
  // Prepares INSERT INTO table (columns). Throws CliError.
  RowInserter(Connection& connection, const TargetTable& table,
              const std::vector<std::string>& columns);

  // Inserts one row; nullptr is NULL. REQUIRES: as many values as columns. Throws CliError with the
  // server's message.
  void Insert(const std::vector<const char*>& values);

  // REQUIRES: the columns are ClickEventColumns().
  void Insert(const ClickEvent& event);

 private:
  Connection& connection_;
  std::size_t columns_;
  ClickEventWriter writer_;
};

}  // namespace millrace::cli
