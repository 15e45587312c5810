#include "dashboard/rollup_tables.h"

#include <fmt/format.h>

namespace millrace::dashboard {
namespace {

constexpr std::chrono::seconds kLookAgain{5};

bool HasExtension(Database::Snapshot& snapshot) {
  return snapshot.Row("SELECT to_regclass('millrace.rollups') IS NOT NULL AS there")["there"];
}

// The columns that a rollup must have besides its bucket, and the types that the page's statements
// accept (and domains over them): names of types, or of a category of pg_type.
constexpr const char* kNeeded = R"((VALUES
    ('customer_id', ARRAY['int2', 'int4', 'int8'], NULL, 'an integer'),
    ('event_type', NULL, ARRAY['S', 'E'], 'a text'), ('country', NULL, ARRAY['S', 'E'], 'a text'),
    ('browser', NULL, ARRAY['S', 'E'], 'a text'),
    ('event_count', ARRAY['int2', 'int4', 'int8', 'numeric'], NULL, 'an integer'),
    ('device_distinct_count', ARRAY['hll'], NULL, 'an hll'), ('session_distinct_count', ARRAY['hll'], NULL, 'an hll'),
    ('top_devices_1000', ARRAY['jsonb'], NULL, 'a jsonb'),
    ('minute', ARRAY['timestamptz'], NULL, 'a timestamptz'), ('hour', ARRAY['timestamptz'], NULL, 'a timestamptz')
  ) AS needed (name, types, categories, wanted)
  LEFT JOIN LATERAL (
    WITH RECURSIVE base AS (
      SELECT a.attname, a.atttypid AS type FROM pg_attribute a
      WHERE a.attrelid = c.oid AND a.attname = needed.name AND a.attnum > 0 AND NOT a.attisdropped
      UNION ALL
      SELECT base.attname, t.typbasetype FROM base JOIN pg_type t ON t.oid = base.type WHERE t.typtype = 'd')
    SELECT base.attname, coalesce(t.typname = ANY (types), t.typcategory::text = ANY (categories)) AS fits, t.oid AS type
    FROM base JOIN pg_type t ON t.oid = base.type WHERE t.typtype <> 'd') found ON true)";

constexpr const char* kReadable =
    "has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT')";

// Tables with the columns of the workshop's rollups, and what millrace.rollup says about them:
// declared ones first, and of these the one with the most summaries.
std::string Candidates(bool has_extension) {
  return fmt::format(
      R"(
    SELECT format('%I.%I', n.nspname, c.relname) AS name, $1 AS bucket,
           {live} AS live, {declared} AS declared, {summaries} AS summaries
    FROM pg_class c
    JOIN pg_namespace n ON n.oid = c.relnamespace
    {join}
    WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition
      AND EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'top_devices_1000')
      AND (SELECT count(*) FILTER (WHERE fits) FROM {needed} WHERE needed.name NOT IN ('minute', 'hour') OR needed.name = $1) = 9
      AND {{}}
    ORDER BY 4 DESC, 5 DESC, 1)",
      fmt::arg("needed", kNeeded),
      fmt::arg("live", has_extension ? "(SELECT format('%I.%I', ln.nspname, l.relname) FROM "
                                       "pg_class l JOIN pg_namespace ln ON ln.oid = "
                                       "l.relnamespace WHERE l.oid = r.live)"
                                     : "NULL"),
      fmt::arg("summaries",
               has_extension ? "(SELECT count(*) FROM millrace.rollup s JOIN pg_class sc ON sc.oid "
                               "= s.relation WHERE s.parent = c.oid AND starts_with(sc.relname, "
                               "c.relname || '_'))"
                             : "0"),
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

std::string Join(const nlohmann::json& names) {
  std::string text;
  for (const auto& name : names) {
    text += (text.empty() ? "" : ", ") + name["text"].get<std::string>();
  }
  return text;
}

// Why a given table cannot be shown; empty if it can.
std::string WhyNot(Database::Snapshot& snapshot, const std::string& named, const char* bucket) {
  const auto relations = snapshot.Rows(
      "SELECT c.oid::text AS oid, c.relkind IN ('r', 'p') AND NOT c.relispartition AS is_table "
      "FROM "
      "pg_class c WHERE c.oid = to_regclass($1)",
      {named.c_str()});
  if (relations.empty()) return fmt::format("there is no table {}", named);
  if (!relations[0]["is_table"].get<bool>()) {
    return fmt::format("{} is no table (a rollup's live view is found by itself)", named);
  }
  const std::string oid = relations[0]["oid"];
  auto columns = [&](const char* text, const char* which) {
    return Join(snapshot.Rows(
        fmt::format("SELECT {} AS text FROM pg_class c CROSS JOIN {} WHERE c.oid = $1::oid AND "
                    "(needed.name NOT IN ('minute', 'hour') OR needed.name = $2) AND {}",
                    text, kNeeded, which),
        {oid.c_str(), bucket}));
  };
  const std::string missing = columns("needed.name", "found.attname IS NULL");
  if (!missing.empty()) return fmt::format("{} has no column {}", named, missing);
  const std::string wrong = columns(
      "format('%s is of type %s and not %s', needed.name, format_type(found.type, NULL), wanted)",
      "NOT found.fits");
  if (!wrong.empty()) return fmt::format("the columns of {} do not fit: {}", named, wrong);
  const std::string hidden =
      columns("needed.name", "NOT has_column_privilege(c.oid, needed.name, 'SELECT')");
  if (!hidden.empty()) {
    return fmt::format("the dashboard's role may not read {} of {}", hidden, named);
  }
  return "";
}

// Throws ApiError if a source cannot be read.
void TryToRead(Database::Snapshot& snapshot, const std::string& source, const char* bucket) {
  if (source.empty()) return;
  (void)snapshot.Rows(
      fmt::format("SELECT customer_id, event_type, country, browser, {0}, sum(event_count), "
                  "hll_union_agg(device_distinct_count), hll_union_agg(session_distinct_count), "
                  "topn_union_agg(top_devices_1000) FROM {1} WHERE false GROUP BY 1, 2, 3, 4, 5",
                  bucket, source));
}

std::optional<RollupTable> First(Database::Snapshot& snapshot, const std::string& candidates,
                                 const std::string& named, const char* bucket, int seconds) {
  const auto rows =
      named.empty()
          ? snapshot.Rows(fmt::format(fmt::runtime(candidates), kReadable), {bucket})
          : snapshot.Rows(fmt::format(fmt::runtime(candidates), "c.oid = to_regclass($2)"),
                          {bucket, named.c_str()});
  if (rows.empty()) {
    if (named.empty()) return std::nullopt;
    throw ApiError(503, "failed", WhyNot(snapshot, named, bucket),
                   "Name another table, or none: the dashboard finds rollups by their columns.");
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

void RollupFinder::Check(Database::Snapshot& snapshot) {
  const std::pair<const std::string&, const char*> all[] = {{minutes_, "minute"}, {hours_, "hour"}};
  for (const auto& [named, bucket] : all) {
    if (named.empty()) continue;
    const std::string why = WhyNot(snapshot, named, bucket);
    if (why.empty()) continue;
    throw ApiError(503, "failed", why,
                   "Name another table, or none: the dashboard finds rollups by their columns.");
  }
  const RollupTables found = Find(snapshot);
  if (!found.minutes && !found.hours) {
    // There may be some, but we may not read them.
    const std::string candidates =
        fmt::format(fmt::runtime(Candidates(HasExtension(snapshot))), "true");
    for (const char* bucket : {"minute", "hour"}) {
      for (const auto& row : snapshot.Rows(candidates, {bucket})) {
        TryToRead(snapshot, row["name"], bucket);
      }
    }
  }
  for (const auto* table : {&found.minutes, &found.hours}) {
    if (!table->has_value()) continue;
    TryToRead(snapshot, (*table)->name, (*table)->bucket.c_str());
    TryToRead(snapshot, (*table)->live, (*table)->bucket.c_str());
  }
}

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
