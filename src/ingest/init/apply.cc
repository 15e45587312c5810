#include "ingest/init/apply.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <set>

#include "client/error.h"
#include "ingest/init/plain_names.h"
#include "ingest/init/rollups.h"
#include "ingest/qualified_name.h"

namespace millrace::cli {
namespace {

// Whether there is a relation of this name, as in SQL.
bool IsThere(Connection& connection, const std::string& name) {
  return connection
             .Execute("SELECT FROM pg_catalog.to_regclass($1) t WHERE t IS NOT NULL",
                      {name.c_str()})
             .rows() > 0;
}

bool IsRollup(Connection& connection, const std::string& name) {
  return connection
             .Execute("SELECT FROM millrace.rollup WHERE relation = pg_catalog.to_regclass($1)",
                      {name.c_str()})
             .rows() > 0;
}

bool MayLabel(Connection& connection) {
  return connection
             .Execute("SELECT WHERE pg_catalog.has_table_privilege('millrace.label', 'INSERT')")
             .rows() > 0;
}

// A table that somebody has made before: by this command, or otherwise.
void CheckColumns(Connection& connection, const Proposal& proposal) {
  const std::string name = SqlName(proposal.table);
  const QueryResult found = connection.Execute(
      "SELECT attname FROM pg_catalog.pg_attribute WHERE attrelid = pg_catalog.to_regclass($1) AND "
      "attnum > 0 AND NOT attisdropped",
      {name.c_str()});
  std::set<std::string> columns;
  for (int row = 0; row < found.rows(); ++row) columns.emplace(found.Value(row, 0));
  std::vector<std::string> missing;
  for (const Column& column : proposal.columns) {
    const std::string& wanted = column.raw_name.empty() ? column.name : column.raw_name;
    if (columns.count(wanted) == 0) missing.push_back(wanted);
  }
  if (missing.empty()) return;
  throw CliError(
      fmt::format("there is a table {} already, and it has no column {}", name,
                  fmt::join(missing, ", ")),
      fmt::format(
          "--table NAME makes another one. `millrace init --from-table {}` proposes rollups "
          "for the one that is there, and `millrace load --table {} --map ...` loads into it.",
          name, name));
}

// pg_partman keeps a table in its configuration when the table is dropped, and then makes no
// partitions for another one of that name.
void CheckConfiguration(Connection& connection, const Proposal& proposal) {
  const std::string name = proposal.table.schema + "." + proposal.table.name;
  const std::string config = proposal.partman_schema + ".part_config";
  const QueryResult found = connection.Execute(
      fmt::format("SELECT template_table FROM {} WHERE parent_table = $1", config), {name.c_str()});
  if (found.rows() == 0) return;
  throw CliError(
      fmt::format("pg_partman still has {} in its configuration, of a table that was dropped",
                  name),
      fmt::format("Run: DELETE FROM {} WHERE parent_table = {}; DROP TABLE IF EXISTS {};", config,
                  SqlText(name), found.Value(0, 0)));
}

}  // namespace

void CheckExtensions(Connection& connection, Proposal* proposal) {
  const QueryResult found = connection.Execute(
      "SELECT extname, pg_catalog.quote_ident(nspname) FROM pg_catalog.pg_extension x JOIN "
      "pg_catalog.pg_namespace n ON n.oid = x.extnamespace");
  std::set<std::string> there;
  for (int row = 0; row < found.rows(); ++row) {
    there.emplace(found.Value(row, 0));
    if (found.Value(row, 0) == "pg_partman") proposal->partman_schema = found.Value(row, 1);
  }
  for (const char* name : {"hll", "topn", "millrace"}) {
    if (there.count(name) > 0) continue;
    throw CliError(fmt::format("the database {} has no extension {}", PQdb(connection.get()), name),
                   "`millrace doctor` says what is missing, and the commands that mend it.");
  }
  if (!proposal->partitions.width.empty() && there.count("pg_partman") == 0) {
    throw CliError(
        fmt::format("the database {} has no extension pg_partman", PQdb(connection.get())),
        "--no-partitions makes a table without partitions; `millrace doctor` says how to install "
        "it.");
  }
}

std::vector<SqlPart> MissingParts(Connection& connection, const Proposal& proposal,
                                  const std::vector<SqlPart>& parts, Applied* applied) {
  std::vector<SqlPart> missing;
  const bool table = IsThere(connection, SqlName(proposal.table));
  if (!table && !proposal.partitions.width.empty()) CheckConfiguration(connection, proposal);
  if (table && !proposal.table_is_there) {
    CheckColumns(connection, proposal);
    applied->there.push_back(SqlName(proposal.table));
  }
  for (const SqlPart& part : parts) {
    const bool of_table = part.what == SqlPart::What::kTable ||
                          part.what == SqlPart::What::kPartitions ||
                          part.what == SqlPart::What::kIndexes;
    if (part.what == SqlPart::What::kRetention || (of_table && table)) continue;
    // It belongs to the rollup before it: if that was there, somebody may have chosen otherwise.
    if (part.what == SqlPart::What::kTenant &&
        (missing.empty() || missing.back().what != SqlPart::What::kRollup)) {
      continue;
    }
    if (part.what == SqlPart::What::kRollup && IsThere(connection, part.name)) {
      if (!IsRollup(connection, part.name)) {
        throw CliError(
            fmt::format("there is a relation {} already, and it is no rollup", part.name),
            "--table NAME gives the table and its rollups other names; or rename that one.");
      }
      applied->there.push_back(part.name);
      continue;
    }
    missing.push_back(part);
  }
  return missing;
}

Applied Apply(Connection& connection, const Proposal& proposal, const std::vector<SqlPart>& parts) {
  Applied applied;
  connection.Execute("BEGIN ISOLATION LEVEL READ COMMITTED");
  try {
    for (const SqlPart& part : MissingParts(connection, proposal, parts, &applied)) {
      if (part.what == SqlPart::What::kTenant && !MayLabel(connection)) {
        applied.may_not_label = true;
        continue;
      }
      connection.Execute(part.sql);
      applied.mended |= part.what == SqlPart::What::kMending;
      if (!part.name.empty()) applied.made.push_back(part.name);
    }
    connection.Execute("COMMIT");
  } catch (const CliError& e) {
    if (PQstatus(connection.get()) == CONNECTION_OK) connection.Execute("ROLLBACK");
    throw CliError(e.what(), fmt::format("{}{}Nothing was made.", e.way_out(),
                                         e.way_out().empty() ? "" : "\n"));
  }
  return applied;
}

}  // namespace millrace::cli
