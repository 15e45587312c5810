// The workshop's rollups with the engine off (PostgreSQL's own plans) and on, in turns, in one run.
//
//   rollup_bench CONNINFO [--events N] [--rounds N]
//
// CONNINFO is the workshop's role on a server made by `millrace up`, in a database without the
// workshop. Prints a table in Markdown: the median of the rounds, and the ratio.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "cli/connection.h"
#include "cli/error.h"
#include "cli/output.h"

namespace {

using millrace::cli::Connection;
using millrace::cli::FormatCount;
using millrace::cli::FormatDuration;

struct Options {
  std::string conninfo;
  int events = 5'000'000;
  int rounds = 3;
};

// The workshop's rollup without the watermark around it, over the ids given.
constexpr const char* kSelect = R"(
  SELECT customer_id, event_type, country, browser,
         date_trunc('seconds', (event_time - TIMESTAMP 'epoch') / 300) * 300 + TIMESTAMP 'epoch' AS minute,
         count(*) AS event_count,
         hll_add_agg(hll_hash_bigint(device_id)) AS device_distinct_count,
         hll_add_agg(hll_hash_bigint(session_id)) AS session_distinct_count,
         topn_add_agg(device_id::text) AS top_devices_1000
  FROM bench_events WHERE event_id BETWEEN {} AND {}
  GROUP BY customer_id, event_type, country, browser, minute)";

constexpr const char* kUpsert = R"(INSERT INTO bench_rollup {}
  ON CONFLICT (customer_id, event_type, country, browser, minute) DO UPDATE
  SET event_count = bench_rollup.event_count + excluded.event_count,
      device_distinct_count = hll_union(bench_rollup.device_distinct_count, excluded.device_distinct_count),
      session_distinct_count = hll_union(bench_rollup.session_distinct_count, excluded.session_distinct_count),
      top_devices_1000 = topn_union(bench_rollup.top_devices_1000, excluded.top_devices_1000))";

// The tutorial's distribution in two buckets of five minutes.
constexpr const char* kSetup = R"(
  SET client_min_messages = warning;
  DROP TABLE IF EXISTS bench_events, bench_rollup;
  CREATE TABLE bench_events (event_id bigint, event_time timestamptz, customer_id bigint, event_type text, country text,
    browser text, device_id bigint, session_id bigint);
  CREATE TABLE bench_rollup (customer_id bigint, event_type text, country text, browser text, minute timestamptz,
    event_count bigint, device_distinct_count hll, session_distinct_count hll, top_devices_1000 jsonb);
  CREATE UNIQUE INDEX ON bench_rollup (customer_id, event_type, country, browser, minute);
  SELECT setseed(0.5);
  INSERT INTO bench_events
  SELECT i, timestamptz '2026-01-01' + (i % 600) * interval '1 second' + random() * interval '900 ms', 1 + floor(random() * 1000),
         (ARRAY['Click', 'Visit', 'Conversion', 'Impression'])[1 + floor(random() * 4)],
         (ARRAY['France', 'Germany', 'Italy', 'Spain', 'Norway', 'Italy', 'Japan'])[1 + floor(random() * 7)],
         (ARRAY['Firefox', 'Chrome', 'Safari', 'Edge'])[1 + floor(random() * 4)],
         1 + floor(random() * 10000), 1 + floor(random() * 100000)
  FROM generate_series(1, {}) i;)";

double Time(Connection& connection, const std::string& sql) {
  const auto start = std::chrono::steady_clock::now();
  connection.Execute(sql);
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

class Bench {
 public:
  Bench(Connection connection, const Options& options)
      : connection_(std::move(connection)), options_(options) {}

  // Times `run`, after `prepare`, with the engine off and on, round by round.
  void Compare(const std::string& name, double events, const std::function<void()>& prepare,
               const std::string& sql) {
    std::vector<double> times[2];
    for (int round = 0; round < options_.rounds; ++round) {
      for (int on = 0; on < 2; ++on) {
        connection_.Execute(on ? "SET millrace.enable_vector_agg = on"
                               : "SET millrace.enable_vector_agg = off");
        prepare();
        times[on].push_back(Time(connection_, sql));
      }
    }
    const double off = Median(times[0]), on = Median(times[1]);
    fmt::print("| {} | {} | {} | {:.1f} | {} |\n", name, FormatDuration(off), FormatDuration(on),
               off / on,
               events > 0 ? FormatCount(static_cast<std::int64_t>(events / on)) : std::string("-"));
    std::fflush(stdout);
  }

  void Run() {
    connection_.Execute("SET max_parallel_workers_per_gather = 0");
    connection_.Execute(fmt::format(fmt::runtime(kSetup), options_.events));
    connection_.Execute("VACUUM ANALYZE bench_events");
    const auto select = [](int first, int last) {
      return fmt::format(fmt::runtime(kSelect), first, last);
    };
    const auto upsert = [&](int first, int last) {
      return fmt::format(fmt::runtime(kUpsert), select(first, last));
    };
    const int n = options_.events;
    const auto nothing = [] {};
    const auto filled = [&](int first, int last) {
      return [this, sql = upsert(first, last)] {
        connection_.Execute("TRUNCATE bench_rollup");
        connection_.Execute(sql);
        connection_.Execute("VACUUM ANALYZE bench_rollup");
      };
    };
    // Counting the bytes of every sketch keeps the planner from leaving them out.
    const std::string read = fmt::format(
        "SELECT sum(length(device_distinct_count::bytea) + length(session_distinct_count::bytea)) "
        "+ "
        "sum(pg_column_size(top_devices_1000)) FROM ({}) x",
        select(1, n));
    fmt::print(
        "| work | engine off | engine on | ratio | events/s, on |\n| --- | --- | --- | --- | --- "
        "|\n");
    Compare(fmt::format("SELECT ... GROUP BY over {} events", FormatCount(n)), n, nothing, read);
    Compare(
        "the same, inserted into an empty rollup", n,
        [&] { connection_.Execute("TRUNCATE bench_rollup"); }, upsert(1, n));
    Compare(
        "800,000 events, inserted", 800000, [&] { connection_.Execute("TRUNCATE bench_rollup"); },
        upsert(1, 800000));
    Compare("800,000 events, every group merged", 800000, filled(800001, 1600000),
            upsert(1, 800000));
    filled(1, n)();
    Compare("dashboard: totals of all tenants", 0, nothing,
            "SELECT sum(event_count), ceil(hll_cardinality(hll_union_agg(device_distinct_count))) "
            "FROM bench_rollup");
    Compare("dashboard: by bucket", 0, nothing,
            "SELECT minute, sum(event_count), "
            "ceil(hll_cardinality(hll_union_agg(device_distinct_count))), "
            "ceil(hll_cardinality(hll_union_agg(session_distinct_count))) FROM bench_rollup GROUP "
            "BY minute");
    connection_.Execute("DROP TABLE bench_events, bench_rollup");
  }

 private:
  Connection connection_;
  Options options_;
};

}  // namespace

int main(int argc, char** argv) try {
  Options options;
  CLI::App app{"The workshop's rollups with the engine off and on"};
  app.add_option("conninfo", options.conninfo, "Connection string")->required();
  app.add_option("--events", options.events, "Events")
      ->capture_default_str()
      ->check(CLI::Range(2'000'000, 100'000'000));
  app.add_option("--rounds", options.rounds, "Rounds")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  CLI11_PARSE(app, argc, argv);
  Bench(Connection::Open(options.conninfo), options).Run();
  return 0;
} catch (const std::exception& e) {
  fmt::print(stderr, "rollup_bench: {}\n", e.what());
  return 1;
}
