// `millrace partitions`: moves rows of a default partition into partitions of their own.

#include "ingest/partitions.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "cli/commands/commands.h"
#include "client/error.h"
#include "client/output.h"
#include "server/options.h"

namespace millrace::cli {

void AddPartitionsCommand(CLI::App& app) {
  struct Options {
    ConnectionOptions connection;
    std::string table = "events";
    bool json = false;
  };
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand(
      "partitions",
      "Move the rows of a table's default partition into partitions of their own, and make "
      "pg_partman "
      "ignore the rows that stay: those at infinity, and those further ahead than it makes "
      "partitions. "
      "Writers wait while the rows of a few partitions are moved. If the command is interrupted, "
      "run it again: it resumes");
  command
      ->add_option("--table", options->table,
                   "A table that pg_partman partitions by time, as name, schema.name or "
                   "\"Quoted\".\"Name\"")
      ->capture_default_str();
  AddConnectionOptions(*command, options->connection);
  command->add_flag("--json", options->json, "Print JSON");
  command->callback([options] {
    Connection connection = Connection::Open(ResolveConninfo(options->connection));
    auto maker = PartitionMaker::Find(connection, QualifiedName::Parse(options->table));
    if (!maker) {
      throw CliError(
          options->table + " is no table whose partitions pg_partman makes by time",
          "It must be in pg_partman's part_config, partitioned natively by a column of type "
          "timestamptz, and not by months or years.");
    }
    const bool ignores = maker->IgnoreDefaultRows();
    const std::int64_t cancelled = maker->CancelMaintenance();
    if (cancelled > 0)
      fmt::print(stderr, "A run of pg_partman's maintenance that did not end is cancelled\n");
    const PartitionsMade made = maker->MoveDefaultRows();
    const std::int64_t left = maker->DefaultRows();
    if (options->json) {
      const nlohmann::json out = {{"partitions_made", made.partitions},
                                  {"rows_moved", made.rows},
                                  {"rows_left", left},
                                  {"ignore_default_data_set", ignores}};
      fmt::print("{}\n", out.dump(2));
      return;
    }
    fmt::print("{} of {} moved, {} made\n", FormatCount(made.rows, "row", "rows"), options->table,
               FormatCount(made.partitions, "partition", "partitions"));
    if (left > 0) {
      fmt::print(
          "{} in the default partition: at infinity, or too far ahead. Such rows count as "
          "any other, and do no harm there.\n",
          FormatCount(left, "row stays", "rows stay"));
    }
    if (ignores) {
      fmt::print("pg_partman goes by the clock from now on (ignore_default_data)\n");
    }
  });
}

}  // namespace millrace::cli
