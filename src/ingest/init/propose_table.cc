#include "ingest/init/propose_table.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

#include "client/error.h"
#include "client/text.h"
#include "ingest/init/choose_columns.h"
#include "ingest/init/event_table.h"
#include "ingest/init/plain_names.h"
#include "ingest/init/proposal_sql.h"
#include "ingest/init/rollups.h"

namespace millrace::cli {
namespace {

constexpr std::int64_t kSampleRows = 50'000;
// The index that the first rollup makes takes a while over more rows than this.
constexpr std::int64_t kManyRows = 10'000'000;
constexpr std::size_t kLongestValue = 1'000;  // characters

Sample ReadSample(Connection& connection, const EventTable& table) {
  // Times as ISO writes them, with their zone.
  connection.Execute("SET datestyle = 'ISO'; SET timezone = 'UTC'; SET bytea_output = 'hex'");
  std::string select;
  Sample sample;
  for (const EventColumn& column : table.columns) {
    sample.names.push_back(column.name);
    select += fmt::format("{}pg_catalog.left({}::pg_catalog.text, {})", select.empty() ? "" : ", ",
                          QuoteIdentifier(column.name), kLongestValue);
  }
  std::string from = table.name.Quoted();
  if (table.rows > kSampleRows) {
    const double percent =
        100.0 * static_cast<double>(kSampleRows) / static_cast<double>(table.rows);
    from += fmt::format(" TABLESAMPLE SYSTEM ({:.6f}) REPEATABLE (1)", std::min(percent, 100.0));
  }
  const QueryResult rows =
      connection.Execute(fmt::format("SELECT {} FROM {} LIMIT {}", select, from, 2 * kSampleRows));
  for (int row = 0; row < rows.rows(); ++row) {
    std::vector<CsvField> fields;
    fields.reserve(table.columns.size());
    for (int column = 0; column < rows.columns(); ++column) {
      fields.push_back({std::string(rows.Value(row, column)), !rows.IsNull(row, column)});
    }
    sample.rows.push_back(std::move(fields));
  }
  sample.whole = table.rows <= kSampleRows && rows.rows() < 2 * kSampleRows;
  sample.total_rows = sample.whole ? rows.rows() : std::max<std::int64_t>(table.rows, rows.rows());
  return sample;
}

// What the statistics know better than the sample: how many values differ in all rows.
void TakeStatistics(const EventColumn& column, std::int64_t total, ColumnProfile* profile) {
  const double distinct =
      column.distinct < 0 ? -column.distinct * static_cast<double>(total) : column.distinct;
  const auto known = static_cast<std::int64_t>(std::llround(distinct));
  if (known <= profile->distinct || profile->values == 0) return;
  const double share =
      static_cast<double>(profile->values) / static_cast<double>(profile->values + profile->nulls);
  profile->distinct = known;
  profile->values = std::max(known, static_cast<std::int64_t>(share * static_cast<double>(total)));
}

std::vector<Column> ColumnsOf(const EventTable& table, const Sample& sample) {
  std::vector<Column> columns;
  const std::vector<ColumnProfile> profiles = ProfileColumns(sample, "");
  for (std::size_t i = 0; i < table.columns.size(); ++i) {
    Column column;
    column.name = table.columns[i].name;
    column.type = table.columns[i].type;
    column.enumeration = table.columns[i].enumeration;
    column.profile = profiles[i];
    if (!sample.whole) TakeStatistics(table.columns[i], sample.total_rows, &column.profile);
    columns.push_back(std::move(column));
  }
  return columns;
}

bool IsTime(const std::string& type) {
  return type == "timestamptz" || type == "timestamp" || type == "date";
}

// Buckets are made of times, or of numbers of seconds since 1970.
void SetTimeSql(const EventTable& table, Proposal* proposal) {
  Column& column = proposal->columns[proposal->time];
  const std::string type = table.columns[proposal->time].type;
  column.type = type;
  if (IsTime(type)) return;
  const std::string name = SqlName(column.name);
  const std::uint32_t epoch = column.profile.time_forms & kEpochForms;
  if (epoch == 0) {
    throw CliError(
        fmt::format("{} is {}, and buckets are made of times", name, type),
        fmt::format("Run: ALTER TABLE {} ALTER COLUMN {} TYPE timestamptz USING {}::timestamptz;",
                    SqlName(proposal->table), name, name));
  }
  const char* divisor = epoch == kTimeSeconds ? "" : epoch == kTimeMillis ? " / 1e3" : " / 1e6";
  proposal->time_sql = fmt::format("to_timestamp({}{})", name, divisor);
  proposal->time_type = "timestamptz";
}

// The id, and what else rollups need.
void SetId(const EventTable& table, const std::string& chosen, Proposal* proposal) {
  const std::string name = SqlName(table.name);
  for (std::size_t i = 0; i < table.mending.size(); ++i) {
    proposal->mending += SqlComment(table.reasons[i] + ".") + table.mending[i] + "\n";
  }
  if (!table.id_columns.empty()) {
    const auto& ids = table.id_columns;
    proposal->id_column = chosen.empty() ? ids[0] : chosen;
    if (std::find(ids.begin(), ids.end(), proposal->id_column) == ids.end()) {
      throw CliError(fmt::format("--id-column: no sequence fills a column {} of {}", chosen, name),
                     fmt::format("Sequences fill: {}", fmt::join(ids, ", ")));
    }
    proposal->name_id = ids.size() > 1;
    return;
  }
  std::string id = "event_id";
  const auto taken = [&] {
    return std::any_of(table.columns.begin(), table.columns.end(),
                       [&](const EventColumn& column) { return column.name == id; });
  };
  for (const char* other : {"row_id", "sequence_id", "millrace_id"}) {
    if (taken()) id = other;
  }
  proposal->id_column = id;
  proposal->mending += SqlComment(
      fmt::format("Rollups follow the events by an id that a sequence fills, and {} has none. This "
                  "writes all rows anew, and nobody reads or writes the table meanwhile.",
                  name));
  // A table with partitions takes no IDENTITY later (PostgreSQL 15 and 16).
  proposal->mending +=
      table.partitioned
          ? fmt::format("ALTER TABLE {} ADD COLUMN {} bigserial;\n", name, id)
          : fmt::format("ALTER TABLE {} ADD COLUMN {} bigint GENERATED ALWAYS AS IDENTITY;\n", name,
                        id);
}

void AddNotes(const EventTable& table, Proposal* proposal) {
  const std::string name = SqlName(table.name);
  if (!table.rollups.empty()) {
    proposal->notes.push_back(
        fmt::format("Rollups over it already: {}.", fmt::join(table.rollups, ", ")));
  }
  if (proposal->name_id) {
    proposal->notes.push_back(fmt::format(
        "Sequences fill several columns: {}. Rollups follow the events by {} (--id-column).",
        fmt::join(table.id_columns, ", "), proposal->id_column));
  }
  if (table.changed) {
    proposal->notes.push_back(
        "Rows of it were changed or deleted. Rollups do not see that: millrace.rebuild_rollup "
        "takes "
        "it in.");
  }
  if (table.rows > kManyRows && !table.partitioned && !table.id_columns.empty()) {
    proposal->notes.push_back(fmt::format(
        "The first rollup makes an index over the id, with one scan of the table during which "
        "writers wait. To avoid that, make it before: CREATE INDEX CONCURRENTLY ON {} USING brin "
        "({});",
        name, SqlName(table.id_columns[0])));
  }
}

}  // namespace

Proposal ProposeForTable(Connection& connection, const std::string& name,
                         const InitChoices& choices) {
  const EventTable table = FindEventTable(connection, QualifiedName::Parse(name));
  const Sample sample = ReadSample(connection, table);
  Proposal proposal;
  proposal.table = table.name;
  proposal.table_is_there = true;
  proposal.sources = {SqlName(table.name)};
  if (sample.rows.empty()) {
    throw CliError(SqlName(table.name) + " has no rows: there is nothing to guess from",
                   "Load some; or declare rollups by millrace.create_rollup.");
  }
  proposal.sample_rows = static_cast<std::int64_t>(sample.rows.size());
  proposal.total_rows = sample.total_rows;
  proposal.whole = sample.whole;
  proposal.columns = ColumnsOf(table, sample);
  ChooseUses(choices, &proposal);
  SetTimeSql(table, &proposal);
  SetId(table, choices.id_column, &proposal);
  AddNotes(table, &proposal);
  return proposal;
}

}  // namespace millrace::cli
