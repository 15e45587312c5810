#include "dashboard/rollup_tables.h"

#include <fmt/format.h>

namespace millrace::dashboard {
namespace {

constexpr std::chrono::seconds kLookAgain{5};

bool HasExtension(Database::Snapshot& snapshot) {
  return snapshot.Row("SELECT to_regclass('millrace.rollups') IS NOT NULL AS there")["there"];
}

// Tables with the columns of the workshop's rollups, and what millrace.rollup says of them.
std::string Candidates(bool has_extension) {
  return fmt::format(
      R"(
    SELECT format('%I.%I', n.nspname, c.relname) AS name, bucket.attname AS bucket,
           {live} AS live, {declared} AS declared
    FROM pg_class c
    JOIN pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_attribute bucket ON bucket.attrelid = c.oid AND bucket.attname IN ('minute', 'hour')
      AND bucket.atttypid = 'timestamptz'::regtype
    {join}
    WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition
      AND (SELECT count(*) FROM pg_attribute a
           WHERE a.attrelid = c.oid AND NOT a.attisdropped
             AND a.attname IN ('customer_id', 'event_type', 'country', 'browser', 'event_count',
                               'device_distinct_count', 'session_distinct_count', 'top_devices_1000')) = 8
      AND {{}}
    ORDER BY 4 DESC, 1)",
      fmt::arg("live", has_extension ? "(SELECT format('%I.%I', ln.nspname, l.relname) FROM "
                                       "pg_class l JOIN pg_namespace ln ON ln.oid = "
                                       "l.relnamespace WHERE l.oid = r.live)"
                                     : "NULL"),
      fmt::arg("declared", has_extension ? "r.relation IS NOT NULL" : "false"),
      fmt::arg("join", has_extension ? "LEFT JOIN millrace.rollup r ON r.relation = c.oid" : ""));
}

std::map<std::string, RollupSource> Summaries(Database::Snapshot& snapshot,
                                              const RollupTable& table) {
  std::map<std::string, RollupSource> summaries;
  const auto rows = snapshot.Rows(
      R"(SELECT of.what, format('%I.%I', n.nspname, c.relname) AS name, format('%I.%I', ln.nspname, l.relname) AS live
         FROM millrace.rollup r
         JOIN pg_class base ON base.oid = r.parent
         JOIN pg_class c ON c.oid = r.relation
         JOIN pg_namespace n ON n.oid = c.relnamespace
         JOIN pg_class l ON l.oid = r.live
         JOIN pg_namespace ln ON ln.oid = l.relnamespace
         JOIN (VALUES ('total', ARRAY['session_distinct_count', 'top_devices_1000']), ('country', ARRAY['country']),
                      ('browser', ARRAY['browser']), ('event_type', ARRAY['event_type']),
                      ('customer_id', ARRAY['customer_id'])) AS of (what, columns)
           ON c.relname = base.relname || CASE of.what WHEN 'total' THEN '_' ELSE '_by_' END || of.what
         WHERE r.parent = to_regclass($1)
           AND (SELECT count(*) FROM pg_attribute a
                WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
                  AND a.attname = ANY (of.columns || ARRAY[$2, 'event_count', 'device_distinct_count']))
             = cardinality(of.columns) + 3)",
      {table.name.c_str(), table.bucket.c_str()});
  for (const auto& row : rows) summaries[row["what"]] = {row["name"], row["live"]};
  return summaries;
}

std::optional<RollupTable> First(Database::Snapshot& snapshot, const std::string& candidates,
                                 const std::string& named, const char* bucket, int seconds) {
  const auto rows =
      named.empty()
          ? snapshot.Rows(fmt::format(fmt::runtime(candidates), "bucket.attname = $1"), {bucket})
          : snapshot.Rows(fmt::format(fmt::runtime(candidates),
                                      "bucket.attname = $1 AND c.oid = to_regclass($2)"),
                          {bucket, named.c_str()});
  if (rows.empty()) {
    if (named.empty()) return std::nullopt;
    throw ApiError(
        503, "unavailable",
        fmt::format("{} is no rollup with the workshop's columns and a column {}", named, bucket),
        "Name another table, or none.");
  }
  const auto& row = rows[0];
  RollupTable table = {{row["name"], row["live"].is_null() ? "" : row["live"].get<std::string>()},
                       row["bucket"],
                       seconds,
                       {}};
  if (!table.live.empty()) table.summaries = Summaries(snapshot, table);
  return table;
}

}  // namespace

RollupTables RollupFinder::Find(Database::Snapshot& snapshot) {
  const std::lock_guard lock(mutex_);
  const auto now = std::chrono::steady_clock::now();
  if (now < expires_) return found_;
  const std::string candidates = Candidates(HasExtension(snapshot));
  found_.minutes = First(snapshot, candidates, minutes_, "minute", 300);
  found_.hours = First(snapshot, candidates, hours_, "hour", 3600);
  expires_ = now + kLookAgain;
  return found_;
}

}  // namespace millrace::dashboard
