// The workshop's rollups and questions in three ways, round by round, in one run: `stock` is
// PostgreSQL's own plan with the published hll and topn, `engine off` PostgreSQL's own plan with
// ours, `engine on` the engine.
//
//   rollup_bench CONNINFO [PUBLISHED_HLL [PUBLISHED_TOPN]] [--events N] [--rounds N] [--only NAME]
//
// CONNINFO is a superuser's on a server made by `millrace up`. The published libraries are paths
// the server can read; unless both are there, stock is left out. Makes the schemas rollup_bench and
// published, and drops them at the end. Prints a table in Markdown: medians of the rounds, and
// their ratios.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <functional>
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
  std::string hll, topn;  // the published libraries
  std::string only;
  int events = 5'000'000;
  int rounds = 5;
};

// One row of the table: `statement` is timed, `prepare` runs before it.
struct Work {
  std::string name;
  double events;  // 0: it reads none
  std::function<void()> prepare;
  std::string statement;
  std::string floor = "";  // a statement that goes over the same rows, timed with the engine on
};

// Rows that need the same tables.
struct Phase {
  std::function<void()> begin;
  std::vector<Work> works;
};

enum Way { kStock, kOff, kOn, kWays };

constexpr int kFewEvents = 800'000;
constexpr const char* kFunction = "five_minutely_aggregation()";
constexpr const char* kRollUp = "SELECT five_minutely_aggregation()";

template <typename... Args>
std::string Fill(const char* text, const Args&... args) {
  return fmt::format(fmt::runtime(text), args...);
}

double Time(Connection& connection, const std::string& statement) {
  const auto start = std::chrono::steady_clock::now();
  connection.Execute(statement);
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

std::string Ratio(double numerator, double denominator) {
  return fmt::format("{:.1f}", numerator / denominator);
}

class Bench {
 public:
  explicit Bench(const Options& options) : options_(options) {
    admin_ = Open("rollup_bench, public", true);
    admin_->Execute(
        "CREATE EXTENSION IF NOT EXISTS hll; CREATE EXTENSION IF NOT EXISTS topn; "
        "CREATE EXTENSION IF NOT EXISTS millrace");
    admin_->Execute(sql::kTables);
    admin_->Execute(Fill(sql::kRollupFunction,
                         Fill(sql::kSelect, std::string("start_id"), std::string("end_id"))));
    // One connection each: the published topn cannot share a process with another topn.
    ways_[kOff] = Open("rollup_bench, public", false);
    ways_[kOn] = Open("rollup_bench, public", true);
    if (options_.hll.empty() || options_.topn.empty()) return;
    ways_[kStock] = Open("published, rollup_bench, public", false);
    ways_[kStock]->Execute(Fill(sql::kPublished, options_.hll, options_.topn));
  }

  void Run() {
    fmt::print(
        "| work | stock (published) | engine off | engine on | stock/on | off/on | events/s, on |\n"
        "| --- | --- | --- | --- | --- | --- | --- |\n");
    std::fflush(stdout);
    for (const Phase& phase : {FirstEvents(), NextEvents(), FewEvents(), Questions()}) {
      std::vector<Work> wanted;
      for (const Work& work : phase.works) {
        if (work.name.find(options_.only) != std::string::npos) wanted.push_back(work);
      }
      if (wanted.empty()) continue;
      phase.begin();
      for (const Work& work : wanted) Compare(work);
    }
    if (!ways_[kStock]) {
      notes_.push_back(fmt::format("stock: no path to the published {} was given.",
                                   !options_.hll.empty()    ? "topn"
                                   : !options_.topn.empty() ? "hll"
                                                            : "hll or topn"));
    }
    for (const std::string& note : notes_) fmt::print("\n{}\n", note);
    for (auto& way : ways_) way.reset();  // and with it the locks of an open transaction
    admin_->Execute("DROP SCHEMA rollup_bench CASCADE; DROP SCHEMA IF EXISTS published CASCADE");
  }

 private:
  std::unique_ptr<Connection> Open(const std::string& search_path, bool engine) {
    auto connection = std::make_unique<Connection>(Connection::Open(options_.conninfo));
    // Plans as on the first call in a session, which every call by pg_cron is.
    connection->Execute(
        fmt::format("SET client_min_messages = warning; SET search_path = {}; "
                    "SET millrace.enable_vector_agg = {}; SET timezone = 'UTC'; "
                    "SET max_parallel_workers_per_gather = 0; "
                    "SET plan_cache_mode = force_custom_plan",
                    search_path, engine ? "on" : "off"));
    return connection;
  }

  void Compare(const Work& work) {
    std::vector<double> times[kWays], floors;
    // Short statements are timed after their tables have been read once.
    for (auto& way : ways_) {
      if (way && work.events == 0) way->Execute(work.statement);
    }
    for (int round = 0; round < options_.rounds; ++round) {
      for (int way = 0; way < kWays; ++way) {
        if (!ways_[way]) continue;
        work.prepare();
        admin_->Execute("CHECKPOINT");  // so that full-page images are alike
        times[way].push_back(Time(*ways_[way], work.statement));
      }
      if (!work.floor.empty()) floors.push_back(Time(*ways_[kOn], work.floor));
    }
    const double off = Median(times[kOff]), on = Median(times[kOn]);
    const double stock = ways_[kStock] ? Median(times[kStock]) : 0;
    fmt::print("| {} | {} | {} | {} | {} | {} | {} |\n", work.name,
               ways_[kStock] ? FormatDuration(stock) : "-", FormatDuration(off), FormatDuration(on),
               ways_[kStock] ? Ratio(stock, on) : "-", Ratio(off, on),
               work.events > 0 ? FormatCount(static_cast<std::int64_t>(work.events / on)) : "-");
    std::fflush(stdout);
    if (floors.empty()) return;
    const double floor = Median(floors);
    notes_.push_back(
        fmt::format("floor: {} over the same {} events, engine on: {}. {}: {} times that.",
                    work.floor, FormatCount(static_cast<std::int64_t>(work.events)),
                    FormatDuration(floor), work.name, Ratio(on, floor)));
  }

  // Events up to the id `last`, in the first `seconds` seconds of the partitions.
  void Load(int last, int seconds) {
    if (loaded_ < last) admin_->Execute(Fill(sql::kEvents, loaded_ + 1, last, seconds));
    loaded_ = std::max(loaded_, last);
    admin_->Execute("VACUUM ANALYZE events");
  }

  // The next five_minutely_aggregation() takes the events from `first` to `last`.
  void SetWindow(int first, int last) {
    admin_->Execute(
        fmt::format("UPDATE rollups SET last_aggregated_id = {}; "
                    "SELECT setval('events_event_id_seq', {})",
                    first - 1, last));
  }

  // The rollup of the events up to `filled`, of which the next run merges those up to `last`.
  void FillRollup(int filled, int last) {
    admin_->Execute("TRUNCATE rollup_events_5min");
    if (filled > 0) {
      SetWindow(1, filled);
      admin_->Execute(kRollUp);
    }
    admin_->Execute("VACUUM ANALYZE rollup_events_5min");
    SetWindow(filled + 1, last);
  }

  Phase FirstEvents() {
    const int n = options_.events;
    const std::string select = Fill(sql::kSelect, 1, n);
    return {[=, this] { Load(n, 600); },
            {{fmt::format("SELECT ... GROUP BY over {} events, 192,000 groups", FormatCount(n)),
              1.0 * n, [] {}, Fill(sql::kRead, select), sql::kFloor},
             {fmt::format("{}, {} events into an empty rollup", kFunction, FormatCount(n)), 1.0 * n,
              [=, this] { FillRollup(0, n); }, kRollUp}}};
  }

  Phase NextEvents() {
    const int n = options_.events;
    return {[=, this] { Load(2 * n, 600); },
            {{fmt::format("{}, the next {} events, all merged", kFunction, FormatCount(n)), 1.0 * n,
              [=, this] { FillRollup(n, 2 * n); }, kRollUp}}};
  }

  Phase FewEvents() {
    return {[this] {
              admin_->Execute("TRUNCATE events");
              loaded_ = 0;
              Load(2 * kFewEvents, 300);
            },
            {{fmt::format("{}, {} events, 96,000 groups, all merged", kFunction,
                          FormatCount(kFewEvents)),
              kFewEvents, [this] { FillRollup(kFewEvents, 2 * kFewEvents); }, kRollUp}}};
  }

  // now() must not move on while the questions are asked: each way asks them in one transaction.
  void FillLongRollups() {
    for (auto& way : ways_) {
      if (way) way->Execute("BEGIN");
    }
    const auto now = ways_[kOff]->Execute("SELECT now()");
    admin_->Execute(Fill(sql::kLongRollups, now.Value(0, 0)));
    admin_->Execute("VACUUM ANALYZE rollup_events_5min");
    admin_->Execute("VACUUM ANALYZE rollup_events_1hr");
    const auto rows = admin_->Execute(
        "SELECT (SELECT count(*) FROM rollup_events_5min), count(*) FROM rollup_events_1hr");
    const auto count = [&](int column) {
      return FormatCount(std::stoll(std::string(rows.Value(0, column))));
    };
    notes_.push_back(
        fmt::format("Questions: {} rows by 5 minutes, of which 3 buckets of 11 are in the last "
                    "15 minutes; {} rows by the hour, in a week.",
                    count(0), count(1)));
  }

  Phase Questions() {
    const auto ask = [](const std::string& name, const char* question) {
      return Work{name, 0, [] {}, question};
    };
    return {[this] { FillLongRollups(); },
            {ask("question 1: totals of 15 minutes, 1 million rows by 5 minutes",
                 sql::kTotalsOf15Minutes),
             ask("question 2: totals of a week, 1 million rows by the hour", sql::kTotalsOfAWeek),
             ask("question 3: by hour over 2 days, the same rows", sql::kByHour)}};
  }

  Options options_;
  std::unique_ptr<Connection> admin_;  // prepares, with the engine on
  std::unique_ptr<Connection> ways_[kWays];
  std::vector<std::string> notes_;  // below the table
  int loaded_ = 0;
};

}  // namespace

int main(int argc, char** argv) try {
  Options options;
  CLI::App app{"The workshop's rollups and questions: stock PostgreSQL, engine off, engine on"};
  app.add_option("conninfo", options.conninfo, "Connection string of a superuser")->required();
  app.add_option("published_hll", options.hll, "Library of the published hll");
  app.add_option("published_topn", options.topn, "Library of the published topn");
  app.add_option("--events", options.events, "Events")
      ->capture_default_str()
      ->check(CLI::Range(2'000'000, 100'000'000));
  app.add_option("--rounds", options.rounds, "Rounds")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  app.add_option("--only", options.only, "Only the rows whose name contains this");
  CLI11_PARSE(app, argc, argv);
  Bench(options).Run();
  return 0;
} catch (const std::exception& e) {
  fmt::print(stderr, "rollup_bench: {}\n", e.what());
  return 1;
}
