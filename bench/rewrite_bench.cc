// The workshop's questions over all tenants, of declared rollups with summaries: answered by
// reading the rollup's rows (millrace.enable_rewrite off), and from the summaries (on). Also what
// the rewrite adds to planning.
//
//   rewrite_bench CONNINFO [--rows N] [--rounds N]
//
// CONNINFO is a superuser's on a server made by `millrace up`. Makes the schema rewrite_bench, and
// drops it at the end. Prints tables in Markdown: medians of the rounds, which take turns.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "client/connection.h"
#include "client/error.h"
#include "client/output.h"
#include "workshop_sql.h"

namespace {

using millrace::Connection;
using millrace::FormatCount;
using millrace::FormatDuration;
namespace sql = millrace::bench;

struct Options {
  std::string conninfo;
  int rows = 4'000'000;  // by the hour; a quarter of it by 5 minutes
  int rounds = 9;
};

// Two tables of events, so that each rollup has its rows: one event per row, spread over the week,
// and over the last 55 minutes.
constexpr const char* kEvents = R"(
  DROP SCHEMA IF EXISTS rewrite_bench CASCADE;
  CREATE SCHEMA rewrite_bench;
  SET search_path = rewrite_bench, public;
  CREATE TABLE week_events (event_id bigint GENERATED ALWAYS AS IDENTITY, event_time timestamptz NOT NULL, customer_id bigint NOT NULL,
    event_type text, country text, browser text, device_id bigint, session_id bigint);
  CREATE TABLE hour_events (LIKE week_events INCLUDING IDENTITY);
  INSERT INTO week_events (event_time, customer_id, event_type, country, browser, device_id, session_id)
  SELECT date_trunc('hour', now()) - (i / 1000 % 168) * interval '1 hour', i % 1000,
         (ARRAY['Click', 'Visit', 'Conversion', 'Impression'])[1 + i / 168000 % 4],
         (ARRAY['France', 'Germany', 'Italy', 'Spain', 'Norway', 'Japan'])[1 + i / 672000 % 6],
         (ARRAY['Firefox', 'Chrome', 'Safari', 'Edge'])[1 + i / 4032000 % 4], i * 31 % 10007, i * 37 % 100003
  FROM generate_series(1, {0}::bigint) i;
  INSERT INTO hour_events (event_time, customer_id, event_type, country, browser, device_id, session_id)
  SELECT date_bin('5 minutes', now(), timestamptz 'epoch') - (i / 1000 % 11) * interval '5 minutes', i % 1000,
         (ARRAY['Click', 'Visit', 'Conversion', 'Impression'])[1 + i / 11000 % 4],
         (ARRAY['France', 'Germany', 'Italy', 'Spain', 'Norway', 'Japan'])[1 + i / 44000 % 6],
         (ARRAY['Firefox', 'Chrome', 'Safari', 'Edge'])[1 + i / 264000 % 4], i * 31 % 10007, i * 37 % 100003
  FROM generate_series(1, {0}::bigint / 4) i;
)";

constexpr const char* kRollups = R"(
  SELECT millrace.create_rollup('rollup_events_1hr', $$SELECT customer_id, event_type, country, browser, date_trunc('hour', event_time, 'UTC') AS hour,
    count(*) AS event_count, hll_add_agg(hll_hash_bigint(device_id)) AS device_distinct_count,
    hll_add_agg(hll_hash_bigint(session_id)) AS session_distinct_count FROM week_events GROUP BY 1, 2, 3, 4, 5$$);
  SELECT millrace.create_rollup('rollup_events_5min', $$SELECT customer_id, event_type, country, browser,
    date_bin('5 minutes', event_time, timestamptz 'epoch') AS minute,
    count(*) AS event_count, hll_add_agg(hll_hash_bigint(device_id)) AS device_distinct_count,
    hll_add_agg(hll_hash_bigint(session_id)) AS session_distinct_count FROM hour_events GROUP BY 1, 2, 3, 4, 5$$);
  SELECT millrace.create_rollup('total_1hr', $$SELECT hour, sum(event_count)::bigint AS event_count,
    hll_union_agg(device_distinct_count) AS device_distinct_count, hll_union_agg(session_distinct_count) AS session_distinct_count
    FROM rollup_events_1hr GROUP BY 1$$);
  SELECT millrace.create_rollup('total_5min', $$SELECT minute, sum(event_count)::bigint AS event_count,
    hll_union_agg(device_distinct_count) AS device_distinct_count, hll_union_agg(session_distinct_count) AS session_distinct_count
    FROM rollup_events_5min GROUP BY 1$$);
)";

// Nothing of it has to do with rollups.
constexpr const char* kUnrelated =
    "SELECT n.nspname, count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
    "LEFT JOIN pg_attribute a ON a.attrelid = c.oid WHERE c.relkind = 'r' GROUP BY 1 ORDER BY 2";

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

double Time(Connection& connection, const std::string& statement) {
  const auto start = std::chrono::steady_clock::now();
  connection.Execute(statement);
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

class Bench {
 public:
  explicit Bench(const Options& options)
      : options_(options), admin_(Connection::Open(options.conninfo)) {
    admin_.Execute(
        "SET client_min_messages = warning; CREATE EXTENSION IF NOT EXISTS hll; CREATE EXTENSION "
        "IF NOT EXISTS topn; "
        "CREATE EXTENSION IF NOT EXISTS millrace");
    admin_.Execute(fmt::format(fmt::runtime(kEvents), options.rows));
    admin_.Execute(kRollups);
    for (const char* table :
         {"rollup_events_1hr", "rollup_events_5min", "total_1hr", "total_5min"}) {
      admin_.Execute(fmt::format("VACUUM ANALYZE {}", table));
    }
    ways_.push_back(Open("off"));
    ways_.push_back(Open("on"));
  }
  ~Bench() try {
    ways_.clear();  // and with them the locks of their transactions
    admin_.Execute("DROP SCHEMA rewrite_bench CASCADE");
  } catch (const std::exception& e) {
    fmt::print(stderr, "rewrite_bench: {}\n", e.what());
  }

  void Run() {
    const auto rows = [&](const char* table) {
      return FormatCount(std::stoll(
          std::string(admin_.Execute(fmt::format("SELECT count(*) FROM {}", table)).Value(0, 0))));
    };
    fmt::print("{} rows by the hour, {} by 5 minutes.\n\n", rows("rollup_events_1hr"),
               rows("rollup_events_5min"));
    fmt::print("| question | off | on | off/on |\n| --- | --- | --- | --- |\n");
    Compare("question 1: totals of 15 minutes", sql::kTotalsOf15Minutes);
    Compare("question 2: totals of a week", sql::kTotalsOfAWeek);
    Compare("question 3: by hour over 2 days", sql::kByHour);
    fmt::print("\n| planning | off | on | more |\n| --- | --- | --- | --- |\n");
    ComparePlanning("a query without rollups", kUnrelated);
    ComparePlanning("question 2, rewritten", sql::kTotalsOfAWeek);
    ComparePlanning("question 3, rewritten", sql::kByHour);
  }

 private:
  std::unique_ptr<Connection> Open(const std::string& rewrite) {
    auto connection = std::make_unique<Connection>(Connection::Open(options_.conninfo));
    connection->Execute(
        fmt::format("SET search_path = rewrite_bench, public; SET timezone = 'UTC'; SET "
                    "millrace.enable_rewrite = {}; "
                    "SET max_parallel_workers_per_gather = 0; BEGIN",
                    rewrite));
    return connection;
  }

  void Compare(const std::string& name, const std::string& question) {
    std::vector<double> times[2];
    for (auto& way : ways_) way->Execute(question);
    for (int round = 0; round < options_.rounds; ++round) {
      for (int way = 0; way < 2; ++way) times[way].push_back(Time(*ways_[way], question));
    }
    const double off = Median(times[0]), on = Median(times[1]);
    fmt::print("| {} | {} | {} | {:.0f} |\n", name, FormatDuration(off), FormatDuration(on),
               off / on);
    std::fflush(stdout);
  }

  // The server's own figure, in microseconds.
  double PlanningTime(Connection& connection, const std::string& question) {
    const auto plan = connection.Execute("EXPLAIN (SUMMARY, FORMAT JSON) " + question);
    const std::string text(plan.Value(0, 0));
    const std::string key = "\"Planning Time\": ";
    return std::stod(text.substr(text.find(key) + key.size())) * 1000;
  }

  void ComparePlanning(const std::string& name, const std::string& question) {
    std::vector<double> times[2];
    for (int round = 0; round < 400; ++round) {
      for (int way = 0; way < 2; ++way) times[way].push_back(PlanningTime(*ways_[way], question));
    }
    const double off = Median(times[0]), on = Median(times[1]);
    fmt::print("| {} | {:.0f} us | {:.0f} us | {:.0f} us |\n", name, off, on, on - off);
  }

  Options options_;
  Connection admin_;
  std::vector<std::unique_ptr<Connection>> ways_;  // off, on
};

}  // namespace

int main(int argc, char** argv) try {
  Options options;
  CLI::App app{"Questions over all tenants, from the rollup and from its summaries"};
  app.add_option("conninfo", options.conninfo, "Connection string of a superuser")->required();
  app.add_option("--rows", options.rows, "Rows by the hour")
      ->capture_default_str()
      ->check(CLI::Range(100'000, 16'000'000));
  app.add_option("--rounds", options.rounds, "Rounds")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  CLI11_PARSE(app, argc, argv);
  Bench(options).Run();
  return 0;
} catch (const std::exception& e) {
  fmt::print(stderr, "rewrite_bench: {}\n", e.what());
  return 1;
}
