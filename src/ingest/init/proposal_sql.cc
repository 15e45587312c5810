#include "ingest/init/proposal_sql.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "client/text.h"
#include "ingest/init/plain_names.h"
#include "ingest/init/rollups.h"
#include "ingest/qualified_name.h"

namespace millrace::cli {
namespace {

using What = SqlPart::What;

constexpr std::size_t kLineWidth = 100;

// A column's comment: its name in the file if that is another, and the decision.
std::string ColumnComment(const Column& column) {
  const bool renamed = !column.profile.name.empty() && column.profile.name != column.name;
  return SqlComment(
      fmt::format("{}{}: {}", column.name,
                  renamed ? fmt::format(" (\"{}\")", column.profile.name) : "", column.why),
      "    ");
}

std::string ColumnLines(const Proposal& proposal) {
  std::string lines;
  for (std::size_t i = 0; i < proposal.columns.size(); ++i) {
    const Column& column = proposal.columns[i];
    lines += ",\n" + ColumnComment(column);
    if (!column.raw_name.empty()) {
      lines += fmt::format("    {} text,\n", SqlName(column.raw_name));
    }
    lines += fmt::format("    {} {}", SqlName(column.name), column.type);
    if (i == proposal.time) lines += " NOT NULL";
    if (!column.expression.empty()) {
      lines += fmt::format(" GENERATED ALWAYS AS ({}) STORED", column.expression);
    }
  }
  return lines;
}

SqlPart TablePart(const Proposal& proposal) {
  std::string sql = SqlComment("1. The events: one row per event.");
  sql += fmt::format("CREATE TABLE {} (\n", SqlName(proposal.table));
  sql += SqlComment(
      fmt::format("{}: the server draws it, and rollups follow the events by it. The sequence must "
                  "not cache.",
                  proposal.id_column),
      "    ");
  sql += fmt::format("    {} bigint GENERATED ALWAYS AS IDENTITY (CACHE 1)",
                     SqlName(proposal.id_column));
  sql += ColumnLines(proposal) + "\n)";
  if (!proposal.partitions.width.empty()) {
    sql += fmt::format(" PARTITION BY RANGE ({})", SqlName(proposal.columns[proposal.time].name));
  }
  return {What::kTable, SqlName(proposal.table), sql + ";\n"};
}

SqlPart PartitionPart(const Proposal& proposal) {
  const Partitions& partitions = proposal.partitions;
  const std::string table = SqlText(proposal.table.schema + "." + proposal.table.name);
  const char* const who =
      proposal.time_type == "date"
          ? "pg_partman makes them; rows of other days go into the default "
            "partition."
          : "pg_partman makes those of the times to come; `millrace load` makes "
            "those of the rows that it loads.";
  std::string sql = SqlComment(fmt::format("2. Partitions: {}. {}", partitions.why, who));
  std::string start;
  if (!partitions.start.empty()) {
    start = fmt::format(",\n    p_start_partition := {}", partitions.start);
  }
  sql += fmt::format(
      "SELECT {0}.create_parent(\n    p_parent_table := {1},\n    p_control := {2},\n"
      "    -- The name of PostgreSQL's own partitioning by ranges: pg_partman 5 has another for "
      "it.\n"
      "    p_type := (SELECT CASE WHEN split_part(extversion, '.', 1)::int < 5 THEN 'native' ELSE "
      "'range' END\n               FROM pg_catalog.pg_extension WHERE extname = 'pg_partman'),\n"
      "    p_interval := {3},\n    p_premake := {4}{5});\n",
      proposal.partman_schema, table, SqlText(proposal.columns[proposal.time].name),
      SqlText(partitions.width), partitions.premake, start);
  sql += SqlComment(
      "pg_partman goes on while no events come in, and looks only at the clock: one event of the "
      "year 2100 must not make it create partitions until then.");
  sql += fmt::format(
      "UPDATE {}.part_config SET infinite_time_partitions = true, ignore_default_data = true\n"
      "WHERE parent_table = {};\n",
      proposal.partman_schema, table);
  return {What::kPartitions, "", sql};
}

SqlPart NoPartitionPart(const Proposal& proposal) {
  const std::string time = proposal.columns[proposal.time].name;
  std::string sql = SqlComment(
      fmt::format("2. An index: {}. Rows lie about in the order of their times, so a small index "
                  "finds a span.",
                  proposal.partitions.why));
  sql +=
      fmt::format("CREATE INDEX ON {} USING brin ({});\n", SqlName(proposal.table), SqlName(time));
  return {What::kIndexes, "", sql};
}

// What its rows are, in a sentence.
std::string Explain(const ProposedRollup& rollup) {
  std::vector<std::string> keys;
  for (const RollupColumn& key : rollup.keys) keys.push_back(key.name);
  return fmt::format("One row per {}.", fmt::join(keys, ", "));
}

SqlPart RollupPart(const Proposal& proposal, const ProposedRollup& rollup, int number,
                   const std::string& id_column) {
  std::string sql = SqlComment(fmt::format("{}. {} {}", number, rollup.title, Explain(rollup))) +
                    DeclareSql(rollup, rollup.over_rollup ? "" : id_column);
  const std::string bucket = SqlName(rollup.keys.back().name);
  const std::string name = SqlName(rollup.name);
  if (proposal.tenant) {
    sql += SqlComment("For queries of a span of time: of one tenant, and of all.");
    sql += fmt::format("CREATE INDEX ON {} ({}, {});\n", name,
                       SqlName(proposal.columns[*proposal.tenant].name), bucket);
  } else {
    sql += SqlComment("For queries of a span of time.");
  }
  sql += fmt::format("CREATE INDEX ON {} ({});\n", name, bucket);
  return {What::kRollup, name, sql};
}

// The dashboard knows tenants by usual names alone.
SqlPart TenantPart(const Proposal& proposal, const ProposedRollup& rollup) {
  const std::string tenant = proposal.columns[*proposal.tenant].name;
  return {
      What::kTenant, "",
      SqlComment(fmt::format("On the dashboard, {} is the tenant.", tenant)) +
          fmt::format("INSERT INTO millrace.label (rollup, name, tenant) VALUES ({}, {}, true);\n",
                      SqlText(SqlName(rollup.name)), SqlText(tenant))};
}

SqlPart RetentionPart(const Proposal& proposal, int number) {
  return {
      What::kRetention, "",
      SqlComment(fmt::format("{}. Events are kept for ever. To drop each partition once its events "
                             "are so old and all rollups have them:",
                             number)) +
          fmt::format("-- SELECT millrace.set_retention({}, '90 days');\n",
                      SqlText(SqlName(proposal.table)))};
}

std::string Heading(const Proposal& proposal) {
  const std::string rows =
      proposal.whole
          ? (proposal.total_rows == 1
                 ? "the one row"
                 : fmt::format("all {} rows", FormatCount(proposal.total_rows)))
          : fmt::format("a sample of {} of about {} rows", FormatCount(proposal.sample_rows),
                        FormatCount(proposal.total_rows));
  return fmt::format(
      "A proposal for {}, from {} of {}. Change what you know better, or give `millrace init` the "
      "option that is named there, and run it with psql -f.",
      SqlName(proposal.table), rows, fmt::join(proposal.sources, ", "));
}

}  // namespace

std::string SqlComment(const std::string& text, const std::string& indent) {
  const std::string begin = indent + "--";
  std::string out, line = begin;
  std::size_t at = 0;
  while (at < text.size()) {
    const auto end = std::min(text.find_first_of(" \n", at), text.size());
    std::string word = text.substr(at, end - at);
    // Nothing of a file may end the comment.
    std::erase_if(word, [](char c) { return static_cast<unsigned char>(c) < 0x20; });
    if (line.size() + 1 + word.size() > kLineWidth && line != begin) {
      out += line + "\n";
      line = begin;
    }
    line += " " + word;
    at = end + 1;
  }
  return out + line + "\n";
}

std::vector<SqlPart> SqlParts(const Proposal& proposal) {
  std::vector<SqlPart> parts;
  int number = 3;
  std::string id_column;
  if (!proposal.table_is_there) {
    parts.push_back(TablePart(proposal));
    parts.push_back(proposal.partitions.width.empty() ? NoPartitionPart(proposal)
                                                      : PartitionPart(proposal));
  } else {
    number = 1;
    if (!proposal.mending.empty()) {
      parts.push_back({What::kMending, "", proposal.mending});
    }
    if (proposal.name_id) id_column = proposal.id_column;
  }
  for (const ProposedRollup& rollup : RollupsOf(proposal)) {
    parts.push_back(RollupPart(proposal, rollup, number++, id_column));
    if (proposal.tenant && !rollup.over_rollup) parts.push_back(TenantPart(proposal, rollup));
  }
  if (!proposal.partitions.width.empty()) parts.push_back(RetentionPart(proposal, number));
  return parts;
}

std::string SqlScript(const Proposal& proposal, const std::vector<SqlPart>& parts,
                      const std::string& load_command) {
  std::string script = SqlComment(Heading(proposal));
  for (const std::string& note : proposal.notes) script += "--\n" + SqlComment(note);
  if (proposal.table_is_there) {
    script += "--\n-- The columns:\n";
    for (const Column& column : proposal.columns) {
      script += SqlComment(fmt::format("{}: {}", column.name, column.why));
    }
  }
  script += "\n\\set ON_ERROR_STOP on\nBEGIN;\n\n";
  for (const SqlPart& part : parts) script += part.sql + "\n";
  script += "COMMIT;\n";
  if (!load_command.empty()) {
    // The name of a file may have line ends in it: these must not end the comment.
    script += "\n-- Then load the files:\n--   ";
    for (const char c : load_command) script += c == '\n' || c == '\r' ? "\n--" : std::string(1, c);
    script += "\n";
  }
  return script;
}

}  // namespace millrace::cli
