// `millrace distribute`: distributes the tables that create_distributed_table recorded while there
// was no Citus, with their declared rollups. Each table is one transaction. If the command is
// interrupted, run it again: it resumes.

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "cli/commands/commands.h"
#include "client/connection.h"
#include "client/error.h"
#include "client/output.h"
#include "server/options.h"

namespace millrace::cli {
namespace {

struct Recorded {
  std::string table;   // quoted where needed
  std::string beside;  // a table, "default" or "none"
};

std::vector<Recorded> ReadRecord(Connection& connection) {
  const auto rows = connection.Execute(
      "SELECT table_name::pg_catalog.text, CASE WHEN colocate_with IN ('default', 'none') THEN "
      "colocate_with ELSE colocate_with::pg_catalog.regclass::pg_catalog.text END FROM "
      "millrace.distributed_table ORDER BY table_name::pg_catalog.oid");
  std::vector<Recorded> recorded;
  for (int i = 0; i < rows.rows(); ++i) {
    recorded.push_back({std::string(rows.Value(i, 0)), std::string(rows.Value(i, 1))});
  }
  return recorded;
}

// Puts each table after the table that it is colocated with.
std::vector<Recorded> InOrder(std::vector<Recorded> recorded) {
  std::vector<Recorded> ordered;
  while (!recorded.empty()) {
    std::set<std::string> left;
    for (const auto& r : recorded) left.insert(r.table);
    const auto ready = std::stable_partition(
        recorded.begin(), recorded.end(),
        [&](const Recorded& r) { return left.count(r.beside) == 0 || r.beside == r.table; });
    if (ready == recorded.begin()) return recorded;  // a circle: Citus will report it
    ordered.insert(ordered.end(), recorded.begin(), ready);
    recorded.erase(recorded.begin(), ready);
  }
  return ordered;
}

void CheckCitus(Connection& connection) {
  if (connection.Execute("SELECT FROM pg_catalog.pg_extension WHERE extname = 'citus'").rows() ==
      0) {
    throw CliError("this database has no Citus to distribute tables",
                   "`millrace up --workers N` gives a private server workers; on another, see "
                   "docs/scale-out.md.");
  }
  if (connection
          .Execute("SELECT FROM pg_catalog.pg_dist_node WHERE noderole = 'primary' AND "
                   "shouldhaveshards AND isactive")
          .rows() == 0) {
    throw CliError(
        "Citus has no node to put shards on",
        "`millrace up --workers N` adds workers; SELECT citus_add_node('...', 5432) adds "
        "another machine's.");
  }
}

// Compares every declared rollup of a table with its events; throws if one differs. Returns how
// many there are.
int VerifyRollups(Connection& connection, const std::string& table) {
  const auto rollups = connection.Execute(
      "WITH RECURSIVE family AS (SELECT relation FROM millrace.rollup WHERE source = "
      "$1::pg_catalog.regclass UNION ALL SELECT r.relation FROM millrace.rollup r JOIN family f ON "
      "r.parent = f.relation) SELECT relation::pg_catalog.text FROM family",
      {table.c_str()});
  for (int i = 0; i < rollups.rows(); ++i) {
    const std::string rollup(rollups.Value(i, 0));
    const auto differences = connection.Execute(
        "SELECT pg_catalog.count(*) FROM millrace.verify_rollup($1::pg_catalog.regclass)",
        {rollup.c_str()});
    if (differences.Value(0, 0) != "0") {
      throw CliError(fmt::format("rollup {} differs from its events in {} values", rollup,
                                 differences.Value(0, 0)),
                     "SELECT * FROM millrace.verify_rollup('" + rollup +
                         "') lists them; SELECT "
                         "millrace.rebuild_rollup('" +
                         rollup + "') makes it anew.");
    }
  }
  return rollups.rows();
}

// Rows that tables had on this node before are still there but hidden, also when a run was
// interrupted. They are removed once the rollups over the tables agree with the rows that were
// moved.
void DropOldRows(Connection& connection) {
  const auto tables = connection.Execute(
      "SELECT DISTINCT coalesce(pg_catalog.pg_partition_root(c.oid), c.oid)::pg_catalog.regclass::"
      "pg_catalog.text FROM pg_catalog.pg_class c JOIN pg_catalog.pg_dist_partition p ON "
      "p.logicalrelid = c.oid WHERE p.partmethod = 'h' AND pg_catalog.pg_relation_size(c.oid) > 0 "
      "AND pg_catalog.pg_has_role(c.relowner, 'USAGE')");
  for (int i = 0; i < tables.rows(); ++i) {
    const std::string table(tables.Value(i, 0));
    VerifyRollups(connection, table);
    connection.Execute(
        "SELECT pg_catalog.truncate_local_data_after_distributing_table($1::pg_catalog.regclass)",
        {table.c_str()});
  }
}

// Citus accepts no table with triggers. That of the workshop only refuses early what each run of
// its functions checks too (examples/workshop/03_functions.sql). Other triggers must be dropped by
// their owner.
void DropTriggerOfWorkshop(Connection& connection, const std::string& table) {
  const auto found = connection.Execute(
      "SELECT FROM pg_catalog.pg_trigger WHERE tgrelid = $1::pg_catalog.regclass AND tgname = "
      "'refuse_restart_identity' AND tgparentid = 0",
      {table.c_str()});
  if (found.rows() > 0) connection.Execute("DROP TRIGGER refuse_restart_identity ON " + table);
}

nlohmann::json Distribute(Connection& connection, const std::string& table) {
  connection.Execute("BEGIN");
  DropTriggerOfWorkshop(connection, table);
  connection.Execute("SELECT millrace.distribute_table($1::pg_catalog.regclass)", {table.c_str()});
  connection.Execute("COMMIT");
  const int rollups = VerifyRollups(connection, table);
  const auto rows = connection.Execute("SELECT pg_catalog.count(*) FROM " + table);
  return {{"table", table},
          {"rows", std::stoll(std::string(rows.Value(0, 0)))},
          {"rollups_verified", rollups}};
}

}  // namespace

void AddDistributeCommand(CLI::App& app) {
  struct Options {
    ConnectionOptions connection;
    bool json = false;
  };
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand(
      "distribute",
      "Distribute with Citus the tables that create_distributed_table recorded when there was no "
      "Citus, with their rollups. Writers of a table wait while its rows are moved. If the command "
      "is interrupted, run it again: it resumes");
  AddConnectionOptions(*command, options->connection);
  command->add_flag("--json", options->json, "Print JSON");
  command->callback([options] {
    Connection connection = Connection::Open(ResolveConninfo(options->connection));
    CheckCitus(connection);
    nlohmann::json done = nlohmann::json::array();
    for (const Recorded& recorded : InOrder(ReadRecord(connection))) {
      if (!options->json) fmt::print(stderr, "Distributing {}\n", recorded.table);
      done.push_back(Distribute(connection, recorded.table));
      if (options->json) continue;
      const auto& row = done.back();
      fmt::print(
          "{}: {} distributed, {} verified\n", recorded.table,
          FormatCount(row["rows"], "row", "rows"),
          FormatCount(row["rollups_verified"].get<int>(), "declared rollup", "declared rollups"));
    }
    DropOldRows(connection);
    if (options->json) {
      fmt::print("{}\n", done.dump(2));
    } else if (done.empty()) {
      fmt::print("There is nothing to distribute: no table is recorded\n");
    }
  });
}

}  // namespace millrace::cli
