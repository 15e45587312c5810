#include "cli/commands/workshop.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <memory>
#include <string_view>
#include <utility>

#include "cli/commands/commands.h"
#include "cli/commands/dense.h"
#include "client/error.h"
#include "client/output.h"
#include "embedded/workshop.h"
#include "server/options.h"

namespace millrace::cli {
namespace {

using Clock = std::chrono::steady_clock;

double SecondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// One file that InstallWorkshop runs, and the line that it prints for it.
struct InstallStep {
  std::string_view file;
  std::string_view what;
};

constexpr std::array<InstallStep, 4> kInstallSteps{{
    {"01_events.sql", "events, in partitions of five minutes"},
    {"02_rollups.sql", "rollup_events_5min, rollup_events_1hr and their watermarks"},
    {"03_functions.sql", "five_minutely_aggregation() and hourly_aggregation()"},
    {"04_schedule.sql", "the schedule: both functions every five minutes"},
}};
constexpr std::string_view kEventsFile = kInstallSteps[0].file;
constexpr std::string_view kDashboardFile = "05_dashboard.sql";

std::string FileText(std::string_view name) {
  for (const auto& file : embedded::kWorkshop) {
    if (file.name == name) return std::string(file.text);
  }
  throw CliError(fmt::format("this program was built without {}", name));
}

// A transaction that is rolled back unless committed.
class Transaction {
 public:
  explicit Transaction(Connection& connection) : connection_(connection) {
    connection_.Execute("BEGIN ISOLATION LEVEL READ COMMITTED");
  }
  ~Transaction() {
    if (committed_) return;
    try {
      connection_.Execute("ROLLBACK");
    } catch (const std::exception&) {
      // The connection is gone, and the transaction with it.
    }
  }
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  void Commit() {
    connection_.Execute("COMMIT");
    committed_ = true;
  }

 private:
  Connection& connection_;
  bool committed_ = false;
};

enum class Presence { kAbsent, kComplete };

// Finds out how much of the workshop the database has. Only our version of it has restart_rollup
// and an identity column, so if both of these and everything else are there, the workshop is
// complete.
Presence FindWorkshop(Connection& connection) {
  const QueryResult found = connection.Execute(R"sql(
    SELECT string_agg(name, ', ' ORDER BY place) FILTER (WHERE present),
           string_agg(name, ', ' ORDER BY place) FILTER (WHERE NOT present)
    FROM (
      SELECT place, 'table ' || name, to_regclass('public.' || name) IS NOT NULL
      FROM unnest('{events,rollup_events_5min,rollup_events_1hr,rollups}'::text[])
           WITH ORDINALITY AS t (name, place)
      UNION ALL
      SELECT 10 + place, 'function ' || name, to_regprocedure('public.' || name) IS NOT NULL
      FROM unnest(ARRAY['incremental_rollup_window(text)', 'five_minutely_aggregation()',
                        'hourly_aggregation()', 'restart_rollup(text)',
                        'refuse_restart_identity()'])
           WITH ORDINALITY AS f (name, place)
      UNION ALL
      SELECT 20, 'identity column events.event_id',
             EXISTS (SELECT FROM pg_catalog.pg_attribute
                     WHERE attrelid = to_regclass('public.events')
                       AND attname = 'event_id' AND attidentity = 'a')
    ) AS part (place, name, present))sql");
  if (found.IsNull(0, 0)) return Presence::kAbsent;
  if (found.IsNull(0, 1)) return Presence::kComplete;
  throw CliError(
      fmt::format(
          "the database has some of the workshop already, and not as this command makes it\n"
          "  there:   {}\n  missing: {}",
          found.Value(0, 0), found.Value(0, 1)),
      "Where the workshop's text was run by hand, go on by hand. To start again, drop what is "
      "there, or "
      "take another server: --data-dir names one, and `millrace up --data-dir` makes it.");
}

long long ToInteger(std::string_view text) {
  long long value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

bool IsNumber(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789.,-+eE") == std::string_view::npos;
}

std::string_view Trim(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n";
  const auto first = text.find_first_not_of(kSpace);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

// The statements of the dashboard's file with their titles: a statement begins after the line "--
// Answer: <title>" and ends at the next such line.
std::vector<std::pair<std::string, std::string>> DashboardStatements() {
  constexpr std::string_view kMark = "\n-- Answer:";
  const std::string text = FileText(kDashboardFile);
  std::vector<std::pair<std::string, std::string>> statements;
  auto mark = text.find(kMark);
  while (mark != std::string::npos) {
    const auto title = mark + kMark.size();
    const auto body = text.find('\n', title);
    const auto next = text.find(kMark, body);
    statements.emplace_back(Trim(std::string_view(text).substr(title, body - title)),
                            Trim(std::string_view(text).substr(body, next - body)));
    mark = next;
  }
  return statements;
}

// The text of a file that InstallWorkshop runs, with what `dense` adds to it.
std::string StepText(std::string_view name, bool dense) {
  if (!dense || name != kEventsFile) return FileText(name);
  return fmt::format("{}\n{}", DensePartitionsSql(), FileText(name));
}

void PrintFiles(bool dense) {
  for (const auto& file : embedded::kWorkshop) fmt::print("{}\n", StepText(file.name, dense));
}

bool HasRelation(Connection& connection, const char* name) {
  return connection.Execute("SELECT FROM to_regclass($1) t WHERE t IS NOT NULL", {name}).rows() ==
         1;
}

// If jobs come in the same transaction as many catalog changes, such as many new partitions, these
// do not fit into a queue of PostgreSQL's, and pg_cron's launcher does not notice the jobs. So
// announce them again in a transaction of their own.
void AnnounceJobs(Connection& connection) {
  if (!HasRelation(connection, "cron.job")) return;
  connection.Execute(
      "SELECT cron.schedule(jobname::text, schedule, command) FROM cron.job WHERE username = "
      "current_user "
      "AND jobname IN ('events_partitions', 'rollup_events_5min', 'rollup_events_1hr')");
}

}  // namespace

void InstallWorkshop(Connection& connection, bool quiet, bool dense) {
  if (dense) CheckDense(connection);
  Transaction transaction(connection);
  // With Citus, functions are made on its nodes after tables were distributed in this transaction,
  // so use one connection per node. Without Citus, the setting has no effect.
  connection.Execute("SET LOCAL citus.multi_shard_modify_mode = 'sequential'");
  // If two of these run at once, the second waits, and then finds the workshop there.
  connection.Execute("SELECT pg_advisory_xact_lock(hashtext('millrace workshop'))");
  if (FindWorkshop(connection) == Presence::kComplete) {
    if (!quiet) {
      fmt::print("The workshop is already there.\n{}",
                 dense ? "Its partitions stay as they are: SELECT millrace.seal_after('events', '1 "
                         "hour') makes them dense after their end.\n"
                       : "");
    }
    return;
  }
  for (const InstallStep& step : kInstallSteps) {
    try {
      connection.Execute(StepText(step.file, dense));
    } catch (const CliError& e) {
      throw CliError(
          fmt::format("the workshop was not created: {} failed\n{}", step.file, e.what()),
          e.way_out(), e.exit_code());
    }
    if (!quiet) fmt::print("  {:<18} {}\n", step.file, step.what);
  }
  transaction.Commit();
  AnnounceJobs(connection);
}

std::vector<RollupRun> RunRollups(Connection& connection) {
  std::vector<RollupRun> runs;
  for (const char* function : {"five_minutely_aggregation", "hourly_aggregation"}) {
    const auto start = Clock::now();
    const QueryResult window =
        connection.Execute(fmt::format("SELECT start_id, end_id FROM public.{}()", function));
    runs.push_back({function, ToInteger(window.Value(0, 0)), ToInteger(window.Value(0, 1)),
                    SecondsSince(start)});
  }
  return runs;
}

void DeclareSummaries(Connection& connection) {
  if (HasRelation(connection, "public.declared_1hr_by_browser")) return;
  Transaction transaction(connection);
  connection.Execute(FileText("09_summaries.sql"));
  transaction.Commit();
}

DeclaredRun RunDeclared(Connection& connection) {
  constexpr const char* kPosition =
      "SELECT coalesce((SELECT watermark FROM millrace.rollups "
      "WHERE rollup = to_regclass('public.declared_5min')), 0)";
  const long long before = ToInteger(connection.Execute(kPosition).Value(0, 0));
  const auto start = Clock::now();
  if (!HasRelation(connection, "public.declared_1hr")) {
    Transaction transaction(connection);
    connection.Execute(FileText("07_declared.sql"));
    transaction.Commit();
  }
  connection.Execute("SELECT millrace.refresh_rollup('public.declared_5min')");
  const double seconds = SecondsSince(start);
  return {ToInteger(connection.Execute(kPosition).Value(0, 0)) - before, seconds};
}

long long CompareWithDeclared(Connection& connection) {
  return connection.Execute(FileText("08_compare.sql")).rows();
}

double TimeGrouping(Connection& connection, bool engine) {
  connection.Execute(
      fmt::format("BEGIN; SET LOCAL millrace.enable_vector_agg = {}; "
                  "SET LOCAL max_parallel_workers_per_gather = 0",
                  engine ? "on" : "off"));
  const auto start = Clock::now();
  // Computes everything, and discards the result.
  connection.Execute("EXPLAIN (ANALYZE, TIMING off) SELECT * FROM public.declared_5min_definition");
  const double seconds = SecondsSince(start);
  connection.Execute("COMMIT");
  return seconds;
}

std::vector<DashboardAnswer> RunDashboard(Connection& connection) {
  std::vector<DashboardAnswer> answers;
  for (auto& [title, sql] : DashboardStatements()) {
    const auto start = Clock::now();
    QueryResult result = connection.Execute(sql);
    answers.push_back({std::move(title), std::move(sql), std::move(result), SecondsSince(start)});
  }
  return answers;
}

std::string FormatAnswer(const DashboardAnswer& answer) {
  std::vector<std::string> heading;
  std::vector<bool> right_aligned;
  for (int column = 0; column < answer.result.columns(); ++column) {
    heading.push_back(answer.result.ColumnName(column));
    right_aligned.push_back(true);
  }
  std::vector<std::vector<std::string>> rows;
  for (int row = 0; row < answer.result.rows(); ++row) {
    std::vector<std::string>& cells = rows.emplace_back();
    for (int column = 0; column < answer.result.columns(); ++column) {
      const std::string_view value = answer.result.Value(row, column);
      if (!answer.result.IsNull(row, column) && !IsNumber(value)) right_aligned[column] = false;
      cells.emplace_back(value);
    }
  }
  return fmt::format("{} ({})\n{}", answer.title, FormatDuration(answer.seconds),
                     FormatTable(heading, rows, right_aligned));
}

void AddWorkshopCommand(CLI::App& app) {
  struct Options {
    ConnectionOptions connection;
    bool quiet = false;
    bool print = false;
    bool dense = false;
  };
  auto options = std::make_shared<Options>();
  CLI::App* command =
      app.add_subcommand("workshop",
                         "Create the workshop's tables, rollups, functions and schedule in the "
                         "database.\nIf they are already there, nothing is changed.");
  AddConnectionOptions(*command, options->connection);
  command->add_flag("-q,--quiet", options->quiet, "Print nothing but errors");
  command->add_flag("--print", options->print,
                    "Print the SQL, with the dashboard's queries, instead of running it");
  command->add_flag("--dense", options->dense,
                    "Make the partitions of events dense (docs/dense-events.md): sets "
                    "millrace.dense_partitions for the database");
  command->callback([options] {
    if (options->print) return PrintFiles(options->dense);
    Connection connection = Connection::Open(ResolveConninfo(options->connection), !options->quiet);
    InstallWorkshop(connection, options->quiet, options->dense);
    if (options->quiet) return;
    fmt::print(
        "Next: millrace generate --rows 100000, then in millrace psql:\n"
        "  SELECT five_minutely_aggregation(), hourly_aggregation();\n"
        "Or have rollups that keep themselves current: examples/workshop/07_declared.sql\n");
  });
}

}  // namespace millrace::cli
