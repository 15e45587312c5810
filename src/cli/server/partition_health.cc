#include "cli/server/partition_health.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "cli/error.h"
#include "cli/output.h"

namespace millrace::cli {
namespace {

using nlohmann::json;

// pg_partman's master worker starts a run a minute after the last, and the first at once.
constexpr std::int64_t kPatience = 5 * 60;
constexpr std::int64_t kAfterStart = 2 * 60;

// Times are seconds since 1970.
constexpr const char* kTables = R"(
  SELECT c.oid::pg_catalog.regclass::pg_catalog.text AS name,
         pg_catalog.quote_ident(s.nspname) || '.' || pg_catalog.quote_ident(c.relname) AS full_name,
         pg_catalog.quote_ident(p.control) AS control,
         extract(epoch FROM p.partition_interval::interval)::bigint AS width, p.premake,
         p.infinite_time_partitions AS endless, p.automatic_maintenance = 'on' AS automatic,
         coalesce((pg_catalog.to_jsonb(p) ->> 'ignore_default_data')::boolean, false) AS ignores,
         a.atttypid = 'timestamptz'::pg_catalog.regtype AND p.epoch = 'none'
           AND extract(month FROM p.partition_interval::interval) = 0
           AND extract(year FROM p.partition_interval::interval) = 0 AS movable,
         d.name AS rest, coalesce(d.size, 0) AS rest_size, coalesce(d.readable, false) AS readable,
         floor(extract(epoch FROM n.newest))::bigint AS newest,
         extract(epoch FROM pg_catalog.now())::bigint AS now,
         extract(epoch FROM pg_catalog.now() - pg_catalog.pg_postmaster_start_time())::bigint AS uptime
  FROM {}.part_config p
  JOIN pg_catalog.pg_namespace s ON s.nspname = pg_catalog.split_part(p.parent_table, '.', 1)
  JOIN pg_catalog.pg_class c ON c.relnamespace = s.oid
                            AND c.relname = pg_catalog.split_part(p.parent_table, '.', 2)
  JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attname = p.control
  CROSS JOIN LATERAL (
    SELECT max(b[1]::timestamptz) AS newest
    FROM pg_catalog.pg_inherits i JOIN pg_catalog.pg_class x ON x.oid = i.inhrelid,
         pg_catalog.regexp_match(pg_catalog.pg_get_expr(x.relpartbound, x.oid), $$ TO \('([^']+)'\)$$) b
    WHERE i.inhparent = c.oid AND b IS NOT NULL) n
  LEFT JOIN LATERAL (
    SELECT x.oid::pg_catalog.regclass::pg_catalog.text AS name, pg_catalog.pg_relation_size(x.oid) AS size,
           pg_catalog.has_table_privilege(x.oid, 'SELECT') AS readable
    FROM pg_catalog.pg_inherits i JOIN pg_catalog.pg_class x ON x.oid = i.inhrelid
    WHERE i.inhparent = c.oid AND pg_catalog.pg_get_expr(x.relpartbound, x.oid) = 'DEFAULT') d ON true
  WHERE c.relkind = 'p' AND p.partition_type IN ('native', 'range') AND p.epoch = 'none'
    AND NOT p.undo_in_progress AND n.newest IS NOT NULL
    AND a.atttypid IN ('timestamptz'::pg_catalog.regtype, 'timestamp'::pg_catalog.regtype, 'date'::pg_catalog.regtype))";

constexpr std::int64_t kLargestDefault = std::int64_t{128} << 20;

// The default partition, by what its rows are to pg_partman. Past the year 200000 is as good as
// never.
constexpr const char* kRest = R"(
  SELECT pg_catalog.count(*) AS rows, pg_catalog.count(*) FILTER (WHERE c = 'infinity') AS endless,
         pg_catalog.count(*) FILTER (WHERE c >= pg_catalog.to_timestamp({0}) AND isfinite(c)) AS ahead,
         extract(epoch FROM pg_catalog.min(c) FILTER (WHERE c >= pg_catalog.to_timestamp({0})
                                                      AND c < timestamptz '200000-01-01'))::bigint AS next,
         pg_catalog.count(*) FILTER (WHERE c BETWEEN timestamptz '1000-01-02'
                                                 AND pg_catalog.to_timestamp({1})) AS movable
  FROM (SELECT {2}::timestamptz AS c FROM {3}) r)";

// Backends of pg_partman have no usable backend_type: their query tells them.
constexpr const char* kRuns = R"(
  SELECT pid, extract(epoch FROM pg_catalog.now() - xact_start)::bigint AS seconds
  FROM pg_catalog.pg_stat_activity
  WHERE datname = pg_catalog.current_database() AND pid <> pg_catalog.pg_backend_pid() AND state = 'active'
    AND query ~ '\mrun_maintenance(_proc)?\(' AND xact_start < pg_catalog.now() - interval '2 minutes')";

json Rows(Connection& connection, const std::string& sql) {
  const auto result = connection.Execute(
      "SELECT coalesce(pg_catalog.json_agg(pg_catalog.row_to_json(q)), '[]') FROM (" + sql + ") q");
  return json::parse(result.Value(0, 0));
}

std::string Schema(Connection& connection) {
  const auto found = connection.Execute(
      "SELECT pg_catalog.quote_ident(n.nspname) FROM pg_catalog.pg_extension x JOIN "
      "pg_catalog.pg_namespace n ON n.oid = x.extnamespace JOIN pg_catalog.pg_class c ON "
      "c.relnamespace = n.oid AND c.relname = 'part_config' WHERE x.extname = 'pg_partman' AND "
      "pg_catalog.has_schema_privilege(n.oid, 'USAGE') AND "
      "pg_catalog.has_table_privilege(c.oid, 'SELECT')");
  return found.rows() == 0 ? "" : std::string(found.Value(0, 0));
}

std::string AsTime(Connection& connection, std::int64_t seconds) {
  return std::string(connection
                         .Execute("SELECT pg_catalog.to_char(pg_catalog.to_timestamp($1::float8), "
                                  "'YYYY-MM-DD HH24:MI')",
                                  {std::to_string(seconds).c_str()})
                         .Value(0, 0));
}

// One table that pg_partman keeps.
class Health {
 public:
  Health(Connection& connection, const json& table) : connection_(connection), table_(table) {
    premade_ = table["premake"].get<std::int64_t>() * Width();
    wanted_ = Now() + premade_;
    if (table["rest"].is_null() || !table["readable"].get<bool>()) return;
    if (table["rest_size"] > kLargestDefault) return;
    rest_ = Rows(connection, fmt::format(fmt::runtime(kRest), Newest(), wanted_,
                                         table["control"].get<std::string>(),
                                         table["rest"].get<std::string>()))[0];
  }

  void Say(std::vector<std::string>* warnings) const {
    const std::string why = WhyItFails();
    // pg_partman rounds to half a partition.
    const std::int64_t should_end = wanted_ + Width() / 2;
    const bool late = table_["endless"].get<bool>() && table_["automatic"].get<bool>() &&
                      Newest() < should_end - std::max(kPatience, Width() / 10) &&
                      table_["uptime"] > kAfterStart;
    const std::string name = table_["name"];
    std::string text;
    if (!why.empty()) {
      text = fmt::format("pg_partman cannot make partitions of {}: {}", name, why);
    } else if (late) {
      text = fmt::format(
          "pg_partman makes no partitions of {}: its background worker does not run, or fails, and "
          "the "
          "server's log says why",
          name);
    }
    if (late) text += "; none was made since about " + AsTime(connection_, Newest() - premade_);
    if (Newest() <= Now() && (!text.empty() || table_["endless"].get<bool>())) {
      if (text.empty()) text = name + " has no partition for now";
      text += fmt::format("; the newest ended at {}, events of now go into the default partition",
                          AsTime(connection_, Newest()));
    }
    if (!why.empty()) text += Advice(" mends that", " move the rows");
    if (!text.empty()) warnings->push_back(text);
    if (why.empty()) SayRows(warnings);
  }

 private:
  std::int64_t Width() const { return table_["width"]; }
  std::int64_t Newest() const { return table_["newest"]; }
  std::int64_t Now() const { return table_["now"]; }
  std::int64_t Count(const char* what) const {
    return rest_.is_null() ? 0 : rest_[what].get<std::int64_t>();
  }

  std::string WhyItFails() const {
    const bool ignores = table_["ignores"];
    if (!ignores && Count("endless") > 0) {
      return fmt::format(
          "its maintenance never ends, for {} rows of the default partition are at infinity",
          FormatCount(Count("endless")));
    }
    if (Count("ahead") == 0) return "";
    if (!ignores) {
      return fmt::format(
          "its maintenance fails, or makes partitions without end, for {} rows of the default "
          "partition "
          "are ahead of the newest partition",
          FormatCount(Count("ahead")));
    }
    if (rest_["next"].is_null() || rest_["next"] >= wanted_ - Width() / 2) return "";
    return fmt::format(
        "its maintenance fails, for rows of the partition that is due, of {}, are in the "
        "default partition",
        AsTime(connection_, rest_["next"]));
  }

  std::string Advice(const char* ours, const char* others) const {
    if (table_["movable"]) {
      return fmt::format("; `millrace partitions --table {}`{}",
                         ShellWord(table_["full_name"].get<std::string>()), ours);
    }
    return fmt::format("; set ignore_default_data for it in part_config, and{} of {} by hand",
                       others, table_["rest"].get<std::string>());
  }

  void SayRows(std::vector<std::string>* warnings) const {
    const std::string name = table_["name"];
    if (table_["rest_size"] > kLargestDefault) {
      warnings->push_back(fmt::format("the default partition of {} has {} MB{}", name,
                                      FormatCount(table_["rest_size"].get<std::int64_t>() >> 20),
                                      Advice(" moves its rows", " move the rows")));
    } else if (Count("movable") > 0) {
      warnings->push_back(fmt::format("{} rows of {} are in its default partition{}",
                                      FormatCount(Count("movable")), name,
                                      Advice(" moves them", " move the rows")));
    }
  }

  Connection& connection_;
  const json& table_;
  std::int64_t premade_;  // seconds from now on that partitions are wanted for
  std::int64_t wanted_;   // now and those
  json rest_;             // null: not looked at
};

}  // namespace

std::vector<std::string> PartitionWarnings(Connection& connection, const json& tables) {
  std::vector<std::string> warnings;
  std::map<std::string, bool> kept;
  const std::string schema = Schema(connection);
  if (!schema.empty()) {
    for (const auto& run : Rows(connection, kRuns)) {
      warnings.push_back(
          fmt::format("pg_partman's maintenance, process {}, has run for {}; SELECT "
                      "pg_cancel_backend({}) stops it, "
                      "and the next run begins anew",
                      run["pid"].dump(), FormatDuration(run["seconds"]), run["pid"].dump()));
    }
    for (const auto& table : Rows(connection, fmt::format(fmt::runtime(kTables), schema))) {
      kept[table["name"]] = true;
      Health(connection, table).Say(&warnings);
    }
  }
  // Those of nobody, whose rows are counted by estimate.
  for (const auto& table : tables) {
    if (table["default_rows"] > 0 && kept.count(table["name"]) == 0) {
      warnings.push_back(fmt::format("about {} rows of {} are in its default partition",
                                     FormatCount(table["default_rows"]),
                                     table["name"].get<std::string>()));
    }
  }
  return warnings;
}

}  // namespace millrace::cli
