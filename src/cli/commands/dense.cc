#include "cli/commands/dense.h"

#include <fmt/format.h>

#include "client/error.h"

namespace millrace::cli {

std::string DensePartitionsSql() {
  return R"sql(-- New partitions are dense events: those that this session makes, and those of later sessions, such
-- as pg_partman's.
DO $dense$ BEGIN
    EXECUTE format('ALTER DATABASE %I SET millrace.dense_partitions = on', current_database());
END $dense$;
SET millrace.dense_partitions = on;
)sql";
}

void CheckDense(Connection& connection) {
  const QueryResult found = connection.Execute(
      "SELECT EXISTS (SELECT FROM pg_catalog.pg_am WHERE amname = 'millrace_dense'), "
      "pg_catalog.pg_has_role(datdba, 'USAGE'), pg_catalog.quote_ident(datname) "
      "FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()");
  const std::string database(found.Value(0, 2));
  if (found.Value(0, 0) != "t") {
    throw CliError(fmt::format("the database {} has no dense events", database),
                   "ALTER EXTENSION millrace UPDATE brings them, if the extension is there.");
  }
  if (found.Value(0, 1) != "t") {
    throw CliError(
        fmt::format("--dense changes a setting of the database {}, which only its owner may",
                    database),
        fmt::format("The owner or a superuser runs: ALTER DATABASE {} SET "
                    "millrace.dense_partitions = on. Then leave --dense out.",
                    database));
  }
}

}  // namespace millrace::cli
