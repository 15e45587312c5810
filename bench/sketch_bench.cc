// The SQL functions of hll and topn against the published libraries, on one server, in one run.
//
//   sketch_bench CONNINFO [PUBLISHED_HLL [PUBLISHED_TOPN]] [benchmark options]
//
// CONNINFO is a superuser's. The published libraries are paths the server can read; where one is
// missing, ours is timed alone. Each is called from a connection of its own: the published topn
// cannot share a process with another topn. The floor is the same query with a plain aggregate in
// the sketch's place.

#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <memory>
#include <string>
#include <vector>

#include "client/connection.h"
#include "client/error.h"

namespace {

using millrace::Connection;

constexpr const char* kData = R"(
  DROP SCHEMA IF EXISTS bench CASCADE;
  CREATE SCHEMA bench;
  CREATE EXTENSION IF NOT EXISTS hll;
  CREATE EXTENSION IF NOT EXISTS topn;
  CREATE TABLE bench.values AS SELECT i::bigint AS x FROM generate_series(1, 1000000) i;
  -- explicit, sparse and full sketches alike: 30, 300 and 2,000 values
  CREATE TABLE bench.kinds AS
    SELECT g, public.hll_add_agg(public.hll_hash_bigint(g * 7919::bigint + i)) AS sketch
    FROM generate_series(1, 999) g, generate_series(1, (ARRAY[30, 300, 2000])[1 + g % 3]) i GROUP BY g;
  CREATE TABLE bench.sketches AS SELECT g % 3 AS kind, sketch FROM bench.kinds, generate_series(1, 101) ORDER BY random() LIMIT 100000;
  CREATE TABLE bench.summaries AS
    SELECT (SELECT jsonb_object_agg(g * 3 + i, i) FROM generate_series(1, 20) i) AS a,
           (SELECT jsonb_object_agg(g * 3 + i + 10, i) FROM generate_series(1, 20) i) AS b
    FROM generate_series(1, 50000) g;)";

// What a benchmark needs of a published library, under the schema `published`. The types are ours.
constexpr const char* kPublishedHll = R"(
  DROP SCHEMA IF EXISTS published CASCADE;
  CREATE SCHEMA published;
  CREATE FUNCTION published.hll_hash_bigint(bigint, integer DEFAULT 0) RETURNS hll_hashval AS '{0}', 'hll_hash_8byte' LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE;
  CREATE FUNCTION published.hll_cardinality(hll) RETURNS double precision AS '{0}' LANGUAGE C STRICT IMMUTABLE;
  CREATE FUNCTION published.hll_add_trans0(internal, hll_hashval) RETURNS internal AS '{0}' LANGUAGE C;
  CREATE FUNCTION published.hll_union_trans(internal, hll) RETURNS internal AS '{0}' LANGUAGE C;
  CREATE FUNCTION published.hll_pack(internal) RETURNS hll AS '{0}' LANGUAGE C;
  CREATE AGGREGATE published.hll_add_agg(hll_hashval) (SFUNC = published.hll_add_trans0, STYPE = internal, FINALFUNC = published.hll_pack);
  CREATE AGGREGATE published.hll_union_agg(hll) (SFUNC = published.hll_union_trans, STYPE = internal, FINALFUNC = published.hll_pack);)";

constexpr const char* kPublishedTopn = R"(
  CREATE SCHEMA IF NOT EXISTS published_topn;
  CREATE OR REPLACE FUNCTION published_topn.topn_union(jsonb, jsonb) RETURNS jsonb AS '{0}' LANGUAGE C STRICT IMMUTABLE;)";

struct Query {
  const char* name;
  std::string ours;       // {0} stands for the schema
  std::string floor;      // nothing but the scan
  const char* published;  // schema, or nullptr
};

void Register(const std::string& name, std::shared_ptr<Connection> connection,
              const std::string& sql) {
  benchmark::RegisterBenchmark(name.c_str(),
                               [connection, sql](benchmark::State& state) {
                                 connection->Execute(sql);  // warm
                                 for (auto _ : state) connection->Execute(sql);
                               })
      ->Unit(benchmark::kMillisecond)
      ->UseRealTime()
      ->Repetitions(5)
      ->ReportAggregatesOnly(true);
}

std::shared_ptr<Connection> Open(const std::string& conninfo) {
  auto connection = std::make_shared<Connection>(Connection::Open(conninfo));
  connection->Execute("SET max_parallel_workers_per_gather = 0");
  return connection;
}

}  // namespace

int main(int argc, char** argv) try {
  benchmark::Initialize(&argc, argv);
  if (argc < 2) {
    fmt::print(stderr, "usage: sketch_bench CONNINFO [PUBLISHED_HLL [PUBLISHED_TOPN]]\n");
    return 2;
  }
  const std::string conninfo = argv[1];
  const std::string hll = argc > 2 ? argv[2] : "", topn = argc > 3 ? argv[3] : "";
  auto ours = Open(conninfo), theirs = Open(conninfo), theirs_topn = Open(conninfo);
  ours->Execute(kData);
  for (const char* table : {"values", "sketches", "summaries"}) {
    ours->Execute(std::string("VACUUM ANALYZE bench.") + table);
  }
  if (!hll.empty()) theirs->Execute(fmt::format(fmt::runtime(kPublishedHll), hll));
  if (!topn.empty()) theirs_topn->Execute(fmt::format(fmt::runtime(kPublishedTopn), topn));

  auto compare = [&](const std::string& name, const std::string& sql, const std::string& floor,
                     const std::shared_ptr<Connection>& published, const char* schema, bool have) {
    Register(name + "/ours", ours, fmt::format(fmt::runtime(sql), "public"));
    if (have) Register(name + "/published", published, fmt::format(fmt::runtime(sql), schema));
    Register(name + "/floor", ours, floor);
  };
  const char* kinds[] = {"explicit", "sparse", "full"};
  compare("hll_union_agg/all_100000",
          "SELECT {0}.hll_cardinality({0}.hll_union_agg(sketch)) FROM bench.sketches",
          "SELECT count(sketch) FROM bench.sketches", theirs, "published", !hll.empty());
  for (int kind = 0; kind < 3; ++kind) {
    compare(fmt::format("hll_union_agg/{}_33333", kinds[kind]),
            fmt::format("SELECT {{0}}.hll_cardinality({{0}}.hll_union_agg(sketch)) FROM "
                        "bench.sketches WHERE kind = {}",
                        kind),
            fmt::format("SELECT count(sketch) FROM bench.sketches WHERE kind = {}", kind), theirs,
            "published", !hll.empty());
  }
  compare("hll_add_agg/1000000",
          "SELECT {0}.hll_cardinality({0}.hll_add_agg({0}.hll_hash_bigint(x))) FROM bench.values",
          "SELECT count(x) FROM bench.values", theirs, "published", !hll.empty());
  compare("topn_union/50000", "SELECT count({0}.topn_union(a, b)) FROM bench.summaries",
          "SELECT count(a) + count(b) FROM bench.summaries", theirs_topn, "published_topn",
          !topn.empty());
  benchmark::RunSpecifiedBenchmarks();
  return 0;
} catch (const std::exception& e) {
  fmt::print(stderr, "sketch_bench: {}\n", e.what());
  return 1;
}
