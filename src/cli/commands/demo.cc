// `millrace demo`: the workshop with real events, from an empty folder to checked answers.

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <future>

#include "cli/commands/commands.h"
#include "cli/commands/serve.h"
#include "cli/commands/workshop.h"
#include "client/error.h"
#include "client/output.h"
#include "ingest/generate_events.h"
#include "ingest/partitions.h"
#include "kafka/consume.h"
#include "kafka/local_broker.h"
#include "kafka/producer.h"
#include "server/up.h"
#include "server/user_service.h"

namespace millrace::cli {
namespace {

// Four standard errors of hll with the workshop's parameters, 1.04 / sqrt(2048). About a dozen
// counts are checked, so about one demo in a thousand exceeds it although everything is right.
constexpr double kTolerance = 4 * 0.02298;

struct DemoOptions {
  UpOptions up;
  std::int64_t rows = 2'000'000;
  std::uint64_t seed = 1;
  bool kafka = false;
};

// A query of the dashboard, run on the events themselves. It uses the buckets and the watermark of
// the dashboard's answer; columns and rows come in the same order.
struct PlainQuestion {
  const char* sql;
  int exact_columns;     // from the left: these must be exactly equal
  bool other_estimates;  // the columns after those are distinct counts
};

const char* const kRecent = R"(
  WITH recent AS MATERIALIZED (
    SELECT * FROM (SELECT date_bin('{} minutes', event_time, 'epoch') AS bucket, * FROM public.events) e
    WHERE bucket >= {} AND bucket <= now()
      AND event_id <= (SELECT last_aggregated_id FROM public.rollups WHERE name = '{}')) )";

std::vector<std::pair<std::string, PlainQuestion>> PlainQuestions() {
  const std::string five = "rollup_events_5min", hour = "rollup_events_1hr";
  auto recent = [](int minutes, const char* since, const std::string& rollup) {
    return fmt::format(fmt::runtime(kRecent), minutes, since, rollup);
  };
  return {
      {recent(5, "now() - interval '15 minutes'", five),
       {"SELECT count(*), count(DISTINCT device_id) FROM recent", 1, true}},
      {recent(60, "date_trunc('day', now()) - interval '7 days'", hour),
       {"SELECT count(*), count(DISTINCT session_id) FROM recent", 1, true}},
      {recent(60, "date_trunc('day', now()) - interval '2 days'", hour),
       {"SELECT bucket, count(*), count(DISTINCT device_id), count(DISTINCT session_id) FROM "
        "recent "
        "GROUP BY bucket ORDER BY bucket",
        2, true}},
      {recent(5, "now() - interval '15 minutes'", five),
       {"SELECT count(*), count(DISTINCT device_id) FROM recent WHERE customer_id = 1", 1, true}},
      {recent(5, "now() - interval '30 minutes'", five),
       {"SELECT device_id, count(*) FROM recent WHERE customer_id = 2 GROUP BY 1 "
        "ORDER BY 2 DESC, device_id::text COLLATE \"C\" LIMIT 10",
        2, false}}};
}

// Above 1,000 distinct devices topn's counts are estimates; below, they must be exactly equal.
bool SameAnswer(const QueryResult& answer, const QueryResult& plain,
                const PlainQuestion& question) {
  if (answer.rows() != plain.rows() || answer.columns() != plain.columns()) return false;
  for (int row = 0; row < answer.rows(); ++row) {
    for (int column = 0; column < answer.columns(); ++column) {
      const std::string a(answer.Value(row, column)), b(plain.Value(row, column));
      if (column < question.exact_columns) {
        if (a != b) return false;
      } else if (question.other_estimates) {
        const double estimate = std::stod(a), truth = std::stod(b);
        if (std::abs(estimate - truth) > std::max(1.0, kTolerance * truth)) return false;
      }
    }
  }
  return true;
}

// The events go to a topic of a broker in this process, and from there into the table.
void ThroughKafka(GenerateOptions generate, const std::string& conninfo) {
  // The broker keeps 5 MB of a partition.
  constexpr int kPartitions = 32;
  ProducerOptions producer;
  producer.topic = "clicks";
  const LocalBroker broker(producer.topic, kPartitions);
  producer.kafka.brokers = broker.address();
  fmt::print(stderr, "A broker of Kafka's protocol in this process, at {}: topic {}\n",
             broker.address(), producer.topic);
  generate.quiet = true;
  auto produced = std::async(std::launch::async, [&] {
    const auto sink = OpenKafkaSink(producer);
    GenerateEvents(generate, *sink);
    return sink->done();
  });
  ConsumeOptions consume;
  consume.kafka.brokers = broker.address();
  consume.topics = {producer.topic};
  consume.group = "millrace-demo";
  // A demonstration that is run again has a new topic of the same name.
  consume.cluster = "demo";
  Connection::Open(conninfo).Execute("DELETE FROM millrace.kafka_offset WHERE cluster = 'demo'");
  consume.max_events = generate.rows;
  consume.rejects.max_bytes = consume.messages.max_bytes;
  const auto start = std::chrono::steady_clock::now();
  const ConsumeProgress done = Consume(conninfo, consume);
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  const std::int64_t sent = produced.get();
  if (done.events != generate.rows || sent != generate.rows) {
    throw CliError(fmt::format("{} events were sent and {} arrived, of {}", FormatCount(sent),
                               FormatCount(done.events), FormatCount(generate.rows)));
  }
  fmt::print(stderr, "{} events sent and in the table, each once, in {}: {} events/s\n",
             FormatCount(done.events), FormatDuration(seconds),
             FormatCount(static_cast<std::int64_t>(static_cast<double>(done.events) / seconds)));
}

void Generate(const DemoOptions& options, const std::string& conninfo) {
  DatabaseSinkOptions database;
  database.conninfo = conninfo;
  GenerateOptions generate;
  generate.rows = options.rows;
  generate.model.seed = options.seed;
  // The time that the dashboard asks about, and for which pg_partman has made partitions.
  using namespace std::chrono;
  const auto now = duration_cast<microseconds>(system_clock::now().time_since_epoch()).count();
  generate.start = now - std::int64_t{15} * 60 * kMicrosPerSecond;
  generate.end = now;
  PrepareRange(conninfo, database.table, *generate.start, *generate.end, true);
  if (options.kafka) {
    ThroughKafka(generate, conninfo);
    return;
  }
  const auto sink = OpenCopySink(database);
  if (GenerateEvents(generate, *sink).stopped) throw CliError("stopped by a signal");
}

void ShowAnswers(Connection& connection) {
  // One snapshot for the answers and for the events that they are checked against.
  connection.Execute("BEGIN ISOLATION LEVEL REPEATABLE READ; SET LOCAL TimeZone = 'UTC'");
  const auto answers = RunDashboard(connection);
  const auto questions = PlainQuestions();
  if (answers.size() != questions.size()) {
    throw CliError("the dashboard has other questions than the demo can check");
  }
  int matching = 0;
  for (std::size_t i = 0; i < answers.size(); ++i) {
    fmt::print("\n{}", FormatAnswer(answers[i]));
    const auto& [recent, question] = questions[i];
    const auto start = std::chrono::steady_clock::now();
    const auto plain = connection.Execute(recent + question.sql);
    const double seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    const bool same = SameAnswer(answers[i].result, plain, question);
    matching += same;
    fmt::print("  {} plain SQL over the events, which takes {}\n",
               same ? "matches" : "DIFFERS from", FormatDuration(seconds));
  }
  connection.Execute("COMMIT");
  if (matching != static_cast<int>(answers.size())) {
    throw CliError(fmt::format("{} of {} answers differ from plain SQL over the events",
                               answers.size() - matching, answers.size()));
  }
  fmt::print(
      "\nAll {} answers match plain SQL: counts exactly, distinct counts within hll's error.\n",
      answers.size());
}

// Declares the same rollups beside the hand-written ones, and measures how much faster the engine
// is than PostgreSQL's own plan on this machine.
void ShowDeclared(Connection& connection) {
  const DeclaredRun run = RunDeclared(connection);
  fmt::print(stderr, "Both rollups declared: {} events in {}\n", FormatCount(run.ids),
             FormatDuration(run.seconds));
  // No events come in now, so after this the hand-written and the declared rollups both end at the
  // same event.
  RunRollups(connection);
  RunDeclared(connection);
  const long long differences = CompareWithDeclared(connection);
  if (differences != 0) {
    throw CliError(fmt::format("{} between the hand-written and the declared rollups",
                               FormatCount(differences, "row differs", "rows differ")));
  }
  fmt::print(stderr, "Hand-written and declared rollups are equal, row by row.\n");
  const double engine = TimeGrouping(connection, true), stock = TimeGrouping(connection, false);
  fmt::print(stderr,
             "Grouping all events: {} with the engine, {} by PostgreSQL's own plan: {:.1f} times\n",
             FormatDuration(engine), FormatDuration(stock), stock / engine);
}

struct Counted {
  std::vector<std::string> answer;
  double seconds = 0;
};

// Counts the events of a table in one process.
Counted CountEvents(Connection& connection, const std::string& table) {
  const auto start = std::chrono::steady_clock::now();
  const QueryResult result = connection.Execute("SELECT country, browser, count(*) FROM " + table +
                                                " GROUP BY 1, 2 ORDER BY 1, 2");
  Counted counted;
  counted.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  for (int row = 0; row < result.rows(); ++row) {
    for (int column = 0; column < result.columns(); ++column) {
      counted.answer.emplace_back(result.IsNull(row, column) ? "NULL" : result.Value(row, column));
    }
  }
  return counted;
}

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

// What dense events bring on this machine: the same events in two tables, of which nothing is left.
void ShowDense(Connection& connection) {
  // The extension may be there from before, on a server that was up already.
  if (connection.Execute("SELECT FROM pg_am WHERE amname = 'millrace_dense'").rows() == 0) return;
  constexpr int kMost = 500'000, kRuns = 5;
  const std::string heap = "public.millrace_demo_heap", dense = "public.millrace_demo_dense";
  const std::string drop = "DROP TABLE IF EXISTS " + heap + ", " + dense;
  connection.Execute(drop);
  connection.Execute(fmt::format(
      "CREATE TABLE {} USING heap AS SELECT * FROM public.events LIMIT {}", heap, kMost));
  connection.Execute("CREATE TABLE " + dense + " USING millrace_dense AS SELECT * FROM " + heap);
  connection.Execute("VACUUM (ANALYZE) " + heap);
  connection.Execute("VACUUM (ANALYZE) " + dense);
  const QueryResult figures =
      connection.Execute("SELECT count(*), pg_table_size($1), pg_table_size($2) FROM " + heap,
                         {heap.c_str(), dense.c_str()});
  const auto figure = [&figures](int column) {
    return std::stod(std::string(figures.Value(0, column)));
  };
  const double events = figure(0);
  connection.Execute("SET max_parallel_workers_per_gather = 0");
  std::vector<double> heap_seconds, dense_seconds;
  bool same = true;
  for (int run = 0; run < kRuns; ++run) {
    const Counted of_heap = CountEvents(connection, heap);
    const Counted of_dense = CountEvents(connection, dense);
    same = same && of_heap.answer == of_dense.answer;
    heap_seconds.push_back(of_heap.seconds);
    dense_seconds.push_back(of_dense.seconds);
  }
  connection.Execute("RESET max_parallel_workers_per_gather");
  connection.Execute(drop);
  if (!same) throw CliError("dense events give another answer than the same events as heap");
  const auto rate = [events](double seconds) {
    return FormatCount(static_cast<std::int64_t>(events / seconds));
  };
  const double slow = Median(heap_seconds), fast = Median(dense_seconds);
  fmt::print(
      "\nDense events: {:.1f} bytes each, {:.1f} as heap ({} events in both)\n"
      "Counting them by country and browser: {} events/s, {} as heap: {:.1f} times\n",
      figure(2) / events, figure(1) / events, FormatCount(static_cast<std::int64_t>(events)),
      rate(fast), rate(slow), slow / fast);
}

void RunDemo(const DemoOptions& options) {
  const ServerFacts facts = BringUp(options.up);
  const PrivateServer server(options.up.data_dir);
  const std::string conninfo = server.Conninfo(facts);
  Connection connection = Connection::Open(conninfo);
  InstallWorkshop(connection, true);
  Generate(options, conninfo);
  double seconds = 0;
  long long events = 0;
  for (const RollupRun& run : RunRollups(connection)) {
    const long long rolled_up = std::max(0LL, run.last_id - run.first_id + 1);
    fmt::print(stderr, "{}: {} events in {}\n", run.function, FormatCount(rolled_up),
               FormatDuration(run.seconds));
    seconds += run.seconds;
    events += rolled_up;
  }
  // If the schedule ran first, it has rolled up some of the events already.
  fmt::print(stderr, "Both rollups: {} events/s\n",
             FormatCount(static_cast<std::int64_t>(static_cast<double>(events) / 2 / seconds)));
  ShowDeclared(connection);
  ShowAnswers(connection);
  ShowDense(connection);
  DeclareSummaries(connection);
  ServeOptions serve;
  serve.connection.data_dir = options.up.data_dir;
  const std::string url = ServeInBackground(serve);
  // Where this program is: build/bin/, or nothing where a package has installed it.
  std::string folder = program_invocation_name;
  folder.erase(folder.rfind('/') + 1);
  fmt::print(R"(
The dashboard: {}
The server:    {}

Next:
)",
             url, ConninfoForUser(server, facts));
  for (const auto& [command, meaning] :
       {std::pair("millrace psql", "look around"),
        std::pair("millrace status", "partitions, rollups, jobs"),
        std::pair("millrace generate --rate 1000 --into-database", "events, until Ctrl-C")}) {
    fmt::print("  {:<45}  {}\n", folder + command, meaning);
  }
  fmt::print("  {:<45}  in psql: rollups that are current\n", "SELECT * FROM declared_5min_live");
  fmt::print("  {:<45}  stop both; the data stays\n", folder + "millrace down");
}

}  // namespace

void AddDemoCommand(CLI::App& app) {
  auto options = std::make_shared<DemoOptions>();
  CLI::App* command =
      app.add_subcommand("demo",
                         "Run up and workshop, generate events, run the rollups and the dashboard, "
                         "check its answers against plain SQL, and measure dense events");
  AddUpOptions(*command, options->up);
  command->add_option("--rows", options->rows, "Events to generate")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  command->add_option("--seed", options->seed, "The same seed gives the same events")
      ->capture_default_str();
  command->add_flag(
      "--kafka", options->kafka,
      "Send the events to a topic of Kafka and consume them from there; the broker is "
      "in this process, so that none has to be installed");
  command->callback([options] { RunDemo(*options); });
}

}  // namespace millrace::cli
