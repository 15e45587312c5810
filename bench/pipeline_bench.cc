// From COPY to rollups that are up to date. Both of the workshop's rollups, declared, are compared
// with the workshop's way: one function with INSERT ... ON CONFLICT for each, over the same events,
// on PostgreSQL's own plans, with the published hll and topn if they are given, otherwise with
// ours.
//
//   pipeline_bench CONNINFO [PUBLISHED_HLL PUBLISHED_TOPN] [--events N] [--batch N] [--seconds N]
//
// CONNINFO is a superuser's on a server made by `millrace up`, on this machine. Makes the schemas
// pipeline_stock and pipeline_declared, and drops them at the end. Prints tables in Markdown.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "client/connection.h"
#include "client/error.h"
#include "client/output.h"
#include "workshop_sql.h"

namespace {

using millrace::Connection;
using millrace::FormatCount;
using millrace::FormatDuration;
using Clock = std::chrono::steady_clock;
namespace sql = millrace::bench;

struct Options {
  std::string conninfo;
  std::string hll, topn;  // the published libraries
  int events = 10'000'000;
  int batch = 2'000'000;
  int seconds = 20;                    // of steady events
  int rate = 100'000;                  // of these, a second
  std::string access_method = "heap";  // of the declared way's events
  std::string interval = "1 second";   // of the worker's refreshes
  bool live = false;                   // ask the live view whether an event is there
  bool binary = false;  // the declared way gets its rows as `millrace load` sends them
  int connections = 1;  // that send steady events
};

// Events and their partitions; 24 of five minutes.
constexpr const char* kEventsTable = R"(
  CREATE TABLE events (event_id bigserial, event_time timestamptz DEFAULT now(), customer_id bigint, event_type text,
    country text, browser text, device_id bigint, session_id bigint) PARTITION BY RANGE (event_time);
  DO $$ BEGIN FOR i IN 0..23 LOOP
    EXECUTE format('CREATE TABLE events_%s PARTITION OF events FOR VALUES FROM (%L) TO (%L)', i,
      timestamptz '2026-01-01' + i * interval '5 minutes', timestamptz '2026-01-01' + (i + 1) * interval '5 minutes');
  END LOOP; END $$;
  CREATE TABLE events_now PARTITION OF events DEFAULT)";

// A batch of the tutorial's distribution, all in bucket {0}, as a file of the server. {1}: rows,
// {2}: its path, {3}: CSV or BINARY.
constexpr const char* kBatch = R"(
  COPY (SELECT timestamptz '2026-01-01' + {0} * interval '5 minutes' + random() * interval '299 s', 1 + floor(random() * 1000)::bigint,
    (ARRAY['Click', 'Visit', 'Conversion', 'Impression'])[1 + floor(random() * 4)],
    (ARRAY['France', 'Germany', 'Italy', 'Spain', 'Norway', 'Italy', 'Japan'])[1 + floor(random() * 7)],
    (ARRAY['Firefox', 'Chrome', 'Safari', 'Edge'])[1 + floor(random() * 4)],
    1 + floor(random() * 10000)::bigint, 1 + floor(random() * 100000)::bigint FROM generate_series(1, {1})) TO '{2}' {3})";
// {0}: the path, {1}: CSV or BINARY.
constexpr const char* kCopy =
    "COPY events (event_time, customer_id, event_type, country, browser, device_id, session_id) "
    "FROM '{0}' {1}";
// What the workshop's way has loaded with the ids above {0} and up to {1}, into the file {2}.
constexpr const char* kSameInBinary = R"(
  COPY (SELECT event_time, customer_id, event_type, country, browser, device_id, session_id FROM events
    WHERE event_id > {0} AND event_id <= {1} ORDER BY event_id) TO '{2}' BINARY)";

constexpr const char* kStockTables = R"(
  CREATE TABLE five (customer_id bigint, event_type text, country text, browser text, bucket timestamptz,
    event_count bigint, devices hll, sessions hll, top_devices jsonb);
  CREATE UNIQUE INDEX ON five (customer_id, event_type, country, browser, bucket);
  CREATE TABLE hour (LIKE five);
  CREATE UNIQUE INDEX ON hour (customer_id, event_type, country, browser, bucket))";
// {0}: the table, {1}: the bucket's expression, {2} and {3}: after and up to which id.
constexpr const char* kStockRollup = R"(
  INSERT INTO {0} SELECT customer_id, event_type, country, browser, {1} AS bucket, count(*),
    hll_add_agg(hll_hash_bigint(device_id)), hll_add_agg(hll_hash_bigint(session_id)), topn_add_agg(device_id::text)
  FROM events WHERE event_id > {2} AND event_id <= {3} GROUP BY customer_id, event_type, country, browser, bucket
  ON CONFLICT (customer_id, event_type, country, browser, bucket) DO UPDATE SET
    event_count = {0}.event_count + excluded.event_count, devices = hll_union({0}.devices, excluded.devices),
    sessions = hll_union({0}.sessions, excluded.sessions), top_devices = topn_union({0}.top_devices, excluded.top_devices))";

constexpr const char* kDeclare = R"(
  SELECT millrace.create_rollup('five', $$
    SELECT customer_id, event_type, country, browser, date_bin('5 minutes', event_time, 'epoch') AS bucket, count(*) AS event_count,
      hll_add_agg(hll_hash_bigint(device_id)) AS devices, hll_add_agg(hll_hash_bigint(session_id)) AS sessions,
      topn_add_agg(device_id::text) AS top_devices
    FROM events GROUP BY 1, 2, 3, 4, 5 $$, refresh_interval => '{0}');
  SELECT millrace.create_rollup('hour', $$
    SELECT customer_id, event_type, country, browser, date_trunc('hour', bucket, 'UTC') AS bucket, sum(event_count)::bigint AS event_count,
      hll_union_agg(devices) AS devices, hll_union_agg(sessions) AS sessions, topn_union_agg(top_devices) AS top_devices
    FROM five GROUP BY customer_id, event_type, country, browser, date_trunc('hour', bucket, 'UTC') $$);
  SELECT millrace.pause_rollup('five'))";

template <typename... Args>
std::string Fill(const char* text, const Args&... args) {
  return fmt::format(fmt::runtime(text), args...);
}

double Seconds(Clock::time_point since) {
  return std::chrono::duration<double>(Clock::now() - since).count();
}

double Time(Connection& connection, const std::string& statement) {
  const auto start = Clock::now();
  connection.Execute(statement);
  return Seconds(start);
}

double Quantile(std::vector<double> values, double share) {
  if (values.empty()) throw millrace::CliError("nothing was measured");
  std::sort(values.begin(), values.end());
  return values[std::min(values.size() - 1, static_cast<std::size_t>(share * values.size()))];
}

class Bench {
 public:
  explicit Bench(const Options& options)
      : options_(options), stock_(Open("pipeline_stock")), declared_(Open("pipeline_declared")) {}

  void Run() {
    Clean();
    declared_.Execute(
        "CREATE EXTENSION IF NOT EXISTS hll; CREATE EXTENSION IF NOT EXISTS topn; "
        "CREATE EXTENSION IF NOT EXISTS millrace; CREATE SCHEMA pipeline_declared");
    declared_.Execute("SET default_table_access_method = " + options_.access_method);
    declared_.Execute(kEventsTable);
    declared_.Execute("RESET default_table_access_method");
    declared_.Execute(Fill(kDeclare, options_.interval));
    stock_.Execute("SET millrace.enable_vector_agg = off; CREATE SCHEMA pipeline_stock");
    stock_.Execute(kEventsTable);
    stock_.Execute(kStockTables);
    if (HasPublished()) {
      stock_.Execute("SET search_path = published, pipeline_stock, public");
      stock_.Execute(Fill(sql::kPublished, options_.hll, options_.topn));
    }
    folder_ = std::string(stock_.Execute("SELECT current_setting('data_directory')").Value(0, 0));
    Batches();
    Questions();
    Steady();
    Clean();
  }

 private:
  Connection Open(const std::string& schema) {
    Connection connection = Connection::Open(options_.conninfo);
    connection.Execute("SET client_min_messages = warning; SET search_path = " + schema +
                       ", public; SET timezone = 'UTC'; SET max_parallel_workers_per_gather = 0");
    return connection;
  }

  // How the declared way's rows are written.
  const char* Form() const { return options_.binary ? "BINARY" : "CSV"; }
  bool HasPublished() const { return !options_.hll.empty() && !options_.topn.empty(); }

  void Clean() {
    Connection connection = Open("public");
    connection.Execute("DROP SCHEMA IF EXISTS pipeline_stock, pipeline_declared CASCADE");
    connection.Execute("DROP SCHEMA IF EXISTS published CASCADE");
  }

  // COPY and both rollups, batch by batch, in turns.
  void Batches() {
    fmt::print(
        "| {} events in batches of {} | COPY | 5 minutes | hour | together | events/s |\n"
        "| --- | --- | --- | --- | --- | --- |\n",
        FormatCount(options_.events), FormatCount(options_.batch));
    double stock[3] = {}, declared[2] = {};
    const std::string path = folder_ + "/pipeline_bench.csv";
    std::int64_t last = 0;
    for (int batch = 0; last < options_.events; ++batch) {
      stock_.Execute(Fill(kBatch, batch, options_.batch, path, "CSV"));
      stock_.Execute("CHECKPOINT");
      stock[0] += Time(stock_, Fill(kCopy, path, "CSV"));
      const std::int64_t next = last + options_.batch;
      stock[1] += Time(stock_, Fill(kStockRollup, "five",
                                    "date_bin('5 minutes', event_time, 'epoch')", last, next));
      stock[2] +=
          Time(stock_, Fill(kStockRollup, "hour", "date_trunc('hour', event_time)", last, next));
      if (options_.binary) stock_.Execute(Fill(kSameInBinary, last, next, path));
      declared_.Execute("CHECKPOINT");
      declared[0] += Time(declared_, Fill(kCopy, path, Form()));
      declared[1] += Time(declared_, "SELECT millrace.refresh_rollup('five')");
      last = next;
    }
    const double together[] = {stock[0] + stock[1] + stock[2], declared[0] + declared[1]};
    const auto events = static_cast<double>(last);
    fmt::print("| workshop's way, {} | {} | {} | {} | {} | {} |\n",
               HasPublished() ? "published hll and topn" : "our hll and topn, engine off",
               FormatDuration(stock[0]), FormatDuration(stock[1]), FormatDuration(stock[2]),
               FormatDuration(together[0]),
               FormatCount(static_cast<std::int64_t>(events / together[0])));
    fmt::print("| declared, {}, {} | {} | {} | in it | {} | {} |\n\n", options_.access_method,
               Form(), FormatDuration(declared[0]), FormatDuration(declared[1]),
               FormatDuration(together[1]),
               FormatCount(static_cast<std::int64_t>(events / together[1])));
    fmt::print("Ratio: {:.1f}; of the rollups alone: {:.1f}.\n", together[0] / together[1],
               (stock[1] + stock[2]) / declared[1]);
    const auto differences = declared_.Execute(
        "SELECT count(*) FROM five d FULL JOIN pipeline_stock.five s USING (customer_id, "
        "event_type, "
        "country, browser, bucket) WHERE (d.event_count, d.devices::text, d.sessions::text) IS "
        "DISTINCT FROM (s.event_count, s.devices::text, s.sessions::text)");
    fmt::print("Groups that differ between the two: {}.\n\n", differences.Value(0, 0));
    const auto bytes =
        declared_.Execute("SELECT sum(pg_relation_size(relid)) FROM pg_partition_tree('events')");
    fmt::print("Bytes of an event: {:.1f}.\n\n",
               std::stod(std::string(bytes.Value(0, 0))) / events);
    std::fflush(stdout);
  }

  // A refresh with nothing new, and the live view over a tail.
  void Questions() {
    declared_.Execute("VACUUM ANALYZE");
    std::vector<double> idle;
    for (int i = 0; i < 200; ++i)
      idle.push_back(Time(declared_, "SELECT millrace.refresh_rollup('five')"));
    fmt::print("A refresh with nothing new: {} (median), {} (99 %).\n",
               FormatDuration(Quantile(idle, 0.5)), FormatDuration(Quantile(idle, 0.99)));
    const std::string path = folder_ + "/pipeline_bench.csv";
    constexpr int kTail = 100'000;
    declared_.Execute(Fill(kBatch, 22, kTail, path, Form()));
    declared_.Execute(Fill(kCopy, path, Form()));
    const struct {
      const char* name;
      const char* sql;
    } questions[] = {
        {"one bucket",
         "SELECT sum(event_count), hll_cardinality(hll_union_agg(devices)) FROM five_live "
         "WHERE bucket = timestamptz '2026-01-01 01:50Z'"},
        {"one tenant, every bucket",
         "SELECT sum(event_count), hll_cardinality(hll_union_agg(devices)) "
         "FROM five_live WHERE customer_id = 7"},
        {"everything",
         "SELECT sum(event_count), hll_cardinality(hll_union_agg(devices)) FROM five_live"}};
    for (const auto& question : questions) {
      std::vector<double> times;
      for (int i = 0; i < 9; ++i) times.push_back(Time(declared_, question.sql));
      fmt::print("Live view over a tail of {} events, {}: {}.\n", FormatCount(kTail), question.name,
                 FormatDuration(Quantile(times, 0.5)));
    }
    declared_.Execute("SELECT millrace.refresh_rollup('five')");
    std::fflush(stdout);
  }

  // Events at a steady rate: how long until one shows in the rollup, and what an insert takes, with
  // the worker refreshing each second and without.
  void Steady() {
    // A tenth of a second each; ten of them have most of the groups that there can be.
    constexpr int kFiles = 20;
    const int chunk = options_.rate / 10 / options_.connections;
    const auto path = [this](int file) {
      return fmt::format("{}/pipeline_bench_{}.csv", folder_, file);
    };
    for (int file = 0; file < kFiles; ++file)
      declared_.Execute(Fill(kBatch, 23, chunk, path(file), Form()));
    fmt::print(
        "\n| {} events/s for {} s on {} | insert, median | insert, 99 % | commit to {}, median | "
        "99 "
        "% |\n"
        "| --- | --- | --- | --- | --- |\n",
        FormatCount(options_.rate), options_.seconds,
        FormatCount(options_.connections, "connection", "connections"),
        options_.live ? "live view" : "rollup");
    for (const bool refreshing : {false, true}) {
      declared_.Execute("SELECT millrace.refresh_rollup('five')");  // what the last round left
      declared_.Execute(refreshing ? "SELECT millrace.resume_rollup('five')"
                                   : "SELECT millrace.pause_rollup('five')");
      std::atomic<bool> stop = false;
      std::atomic<std::int64_t> sent = 0;
      const auto start = Clock::now();
      std::vector<std::thread> feeders;
      for (int feeder = 0; feeder < options_.connections; ++feeder) {
        feeders.emplace_back([&, feeder] {
          Connection connection = Open("pipeline_declared");
          for (int i = 0; !stop; ++i) {
            std::this_thread::sleep_until(start + i * std::chrono::milliseconds(100));
            connection.Execute(Fill(kCopy, path((i + feeder) % kFiles), Form()));
            sent += chunk;
          }
        });
      }
      std::vector<double> inserts, delays;
      std::thread prober([&] {
        if (refreshing) Probe(stop, &delays);
      });
      Connection connection = Open("pipeline_declared");
      while (Seconds(start) < options_.seconds) {
        inserts.push_back(
            Time(connection,
                 "INSERT INTO events (customer_id, event_type, device_id) VALUES (1, 'Click', 1)"));
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
      }
      stop = true;
      for (std::thread& feeder : feeders) feeder.join();
      prober.join();
      fmt::print("| {}, {} events/s came | {} | {} | {} | {} |\n",
                 refreshing ? "refreshed every " + options_.interval : "rollups paused",
                 FormatCount(static_cast<std::int64_t>(sent / Seconds(start))),
                 FormatDuration(Quantile(inserts, 0.5)), FormatDuration(Quantile(inserts, 0.99)),
                 refreshing ? FormatDuration(Quantile(delays, 0.5)) : "-",
                 refreshing ? FormatDuration(Quantile(delays, 0.99)) : "-");
      std::fflush(stdout);
    }
    const auto sizes = declared_.Execute(
        "SELECT count(*), pg_size_pretty(pg_table_size('five')), "
        "pg_size_pretty(pg_table_size('hour')) "
        "FROM five");
    fmt::print("\nAfterwards {} rows by 5 minutes take {}; the table by the hour takes {}.\n",
               sizes.Value(0, 0), sizes.Value(0, 1), sizes.Value(0, 2));
  }

  // Commits one event of a tenant of its own, and waits until the rollup, or its live view, has it;
  // with the live view also until it has told the total of all events.
  void Probe(const std::atomic<bool>& stop, std::vector<double>* delays) {
    Connection connection = Open("pipeline_declared");
    for (int tenant = 1'000'001; !stop; ++tenant) {
      connection.Execute(fmt::format("INSERT INTO events (customer_id) VALUES ({})", tenant));
      const auto committed = Clock::now();
      const std::string ask = fmt::format("SELECT FROM {} WHERE customer_id = {}",
                                          options_.live ? "five_live" : "five", tenant);
      while (connection.Execute(ask).rows() == 0) {
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
        if (Seconds(committed) > 60) throw millrace::CliError("the rollup does not move");
      }
      if (options_.live) connection.Execute("SELECT sum(event_count) FROM five_live");
      delays->push_back(Seconds(committed));
    }
  }

  Options options_;
  Connection stock_, declared_;
  std::string folder_;
};

}  // namespace

int main(int argc, char** argv) try {
  Options options;
  CLI::App app{"From COPY to current rollups: the workshop's way and declared"};
  app.add_option("conninfo", options.conninfo, "Connection string of a superuser")->required();
  app.add_option("published_hll", options.hll, "Library of the published hll");
  app.add_option("published_topn", options.topn, "Library of the published topn");
  app.add_option("--events", options.events, "Events")->capture_default_str();
  app.add_option("--batch", options.batch, "Events a batch")->capture_default_str();
  app.add_option("--seconds", options.seconds, "Seconds of steady events")->capture_default_str();
  app.add_option("--rate", options.rate, "Of these, a second")->capture_default_str();
  app.add_option("--access-method", options.access_method,
                 "Of the declared way's events: heap or millrace_dense")
      ->capture_default_str();
  app.add_option("--interval", options.interval, "How often the worker refreshes")
      ->capture_default_str();
  app.add_flag("--live", options.live, "Steady events: ask the live view, not the rollup");
  app.add_flag("--binary", options.binary,
               "The declared way's rows come in COPY's binary form, as `millrace load` sends them");
  app.add_option("--connections", options.connections, "Connections that send steady events")
      ->capture_default_str();
  bool print = false;
  app.add_flag("--print-published", print,
               "Print the statements that make the published functions, and end");
  CLI11_PARSE(app, argc, argv);
  if (print) {
    fmt::print("{}\n", Fill(sql::kPublished, options.hll, options.topn));
    return 0;
  }
  Bench(options).Run();
  return 0;
} catch (const std::exception& e) {
  fmt::print(stderr, "pipeline_bench: {}\n", e.what());
  return 1;
}
