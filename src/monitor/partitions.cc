#include "monitor/partitions.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "client/text.h"

namespace millrace::monitor {
namespace {

using nlohmann::json;

// pg_partman's master worker starts a run one minute after the last one, and the first run at once.
constexpr std::int64_t kPatience = 5 * 60;
constexpr std::int64_t kAfterStart = 2 * 60;
// If the newest partition of a table ended longer ago than this, nobody writes to the table any
// more.
constexpr std::int64_t kLately = 86400;

// For a newest partition of this width, how many seconds before its end "soon" begins.
std::int64_t SoonOf(std::int64_t width) { return std::min<std::int64_t>(width, 86400); }

// Times are seconds since 1970.
constexpr const char* kTables = R"(
  SELECT c.oid::pg_catalog.regclass::pg_catalog.text AS name,
         pg_catalog.quote_ident(s.nspname) || '.' || pg_catalog.quote_ident(c.relname) AS full_name,
         pg_catalog.quote_ident(p.control) AS control,
         extract(epoch FROM p.partition_interval::interval)::bigint AS width, p.premake,
         pg_catalog.format('SELECT %s.run_maintenance(%L)', $n${0}$n$, p.parent_table) AS maintain,
         p.infinite_time_partitions AS endless, p.automatic_maintenance = 'on' AS automatic,
         coalesce((pg_catalog.to_jsonb(p) ->> 'ignore_default_data')::boolean, false) AS ignores,
         a.atttypid = 'timestamptz'::pg_catalog.regtype AND p.epoch = 'none'
           AND extract(month FROM p.partition_interval::interval) = 0
           AND extract(year FROM p.partition_interval::interval) = 0 AS movable,
         d.name AS rest, CASE WHEN d.name IS NULL THEN 0 ELSE d.size END AS rest_size, coalesce(d.readable, false) AS readable,
         floor(extract(epoch FROM n.newest))::bigint AS newest,
         extract(epoch FROM pg_catalog.now())::bigint AS now,
         extract(epoch FROM pg_catalog.now() - pg_catalog.pg_postmaster_start_time())::bigint AS uptime
  FROM {0}.part_config p
  JOIN pg_catalog.pg_namespace s ON s.nspname = pg_catalog.split_part(p.parent_table, '.', 1)
  JOIN pg_catalog.pg_class c ON c.relnamespace = s.oid
                            AND c.relname = pg_catalog.split_part(p.parent_table, '.', 2)
  JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attname = p.control
  CROSS JOIN LATERAL (
    SELECT max(b[1]::timestamptz) AS newest
    FROM pg_catalog.pg_inherits i JOIN pg_catalog.pg_class x ON x.oid = i.inhrelid,
         pg_catalog.regexp_match(pg_catalog.pg_get_expr(x.relpartbound, 0), $$ TO \('([^']+)'\)$$) b
    WHERE i.inhparent = c.oid AND b IS NOT NULL) n
  LEFT JOIN LATERAL (
    SELECT x.oid::pg_catalog.regclass::pg_catalog.text AS name, CASE WHEN x.oid NOT IN )" MILLRACE_LOCKED
                                R"( THEN pg_catalog.pg_relation_size(x.oid) END AS size,
           pg_catalog.has_table_privilege(x.oid, 'SELECT') AS readable
    FROM pg_catalog.pg_inherits i JOIN pg_catalog.pg_class x ON x.oid = i.inhrelid
    WHERE i.inhparent = c.oid AND pg_catalog.pg_get_expr(x.relpartbound, 0) = 'DEFAULT') d ON true
  WHERE c.relkind = 'p' AND p.partition_type IN ('native', 'range') AND p.epoch = 'none'
    AND NOT p.undo_in_progress AND n.newest IS NOT NULL
    AND a.atttypid IN ('timestamptz'::pg_catalog.regtype, 'timestamp'::pg_catalog.regtype, 'date'::pg_catalog.regtype))";

constexpr std::int64_t kLargestDefault = std::int64_t{128} << 20;

// The rows of the default partition, by what pg_partman can do with them. Times after the year
// 200000 count as never.
constexpr const char* kRest = R"(
  SELECT pg_catalog.count(*) AS rows, pg_catalog.count(*) FILTER (WHERE c = 'infinity') AS endless,
         pg_catalog.count(*) FILTER (WHERE c >= pg_catalog.to_timestamp({0}) AND isfinite(c)) AS ahead,
         extract(epoch FROM pg_catalog.min(c) FILTER (WHERE c >= pg_catalog.to_timestamp({0})
                                                      AND c < timestamptz '200000-01-01'))::bigint AS next,
         pg_catalog.count(*) FILTER (WHERE c BETWEEN timestamptz '1000-01-02'
                                                 AND pg_catalog.to_timestamp({1})) AS movable
  FROM (SELECT {2}::timestamptz AS c FROM {3}) r)";

// pg_partman's backends have no usable backend_type, so their query is looked at.
constexpr const char* kRuns = R"(
  SELECT pid, extract(epoch FROM pg_catalog.now() - xact_start)::bigint AS seconds
  FROM pg_catalog.pg_stat_activity
  WHERE datname = pg_catalog.current_database() AND pid <> pg_catalog.pg_backend_pid() AND state = 'active'
    AND query ~ '\mrun_maintenance(_proc)?\(' AND xact_start < pg_catalog.now() - interval '2 minutes')";

// The schema of pg_partman's catalog, quoted; empty if there is none, or we may not read it.
std::string Schema(Session& session) {
  const json found = session.Rows(
      "settings of pg_partman",
      "SELECT pg_catalog.quote_ident(n.nspname) AS name FROM pg_catalog.pg_extension x JOIN "
      "pg_catalog.pg_namespace n ON n.oid = x.extnamespace JOIN pg_catalog.pg_class c ON "
      "c.relnamespace = n.oid AND c.relname = 'part_config' WHERE x.extname = 'pg_partman' AND "
      "pg_catalog.has_schema_privilege(n.oid, 'USAGE') AND "
      "pg_catalog.has_table_privilege(c.oid, 'SELECT')");
  return found.empty() ? "" : found[0]["name"].get<std::string>();
}

// Seconds since 1970 as the server writes a time.
std::string AsTime(Session& session, std::int64_t seconds) {
  const json found = session.Rows(
      "partitions", "SELECT to_char(to_timestamp($1::float8), 'YYYY-MM-DD HH24:MI') AS time",
      {std::to_string(seconds).c_str()});
  return found.empty() ? std::to_string(seconds) : found[0]["time"].get<std::string>();
}

// The state of one table that pg_partman manages.
class Health {
 public:
  Health(Session& session, Memory& memory, const json& table) : session_(session), table_(table) {
    premade_ = table["premake"].get<std::int64_t>() * Width();
    wanted_ = Now() + premade_;
    if (table["rest"].is_null() || !table["readable"].get<bool>()) return;
    if (table["rest_size"].is_null() || table["rest_size"] > kLargestDefault) return;
    const std::string rest = table["rest"], control = table["control"];
    const auto rows = memory.Keep("rows of " + rest, std::to_string(Newest()), [&] {
      return session.Ask("default partition " + rest,
                         fmt::format(fmt::runtime(kRest), Newest(), wanted_, control, rest));
    });
    if (rows) rest_ = (*rows)[0];
  }

  void Say(std::vector<Warning>* warnings) const {
    const std::string why = WhyItFails();
    // pg_partman rounds to half a partition.
    const std::int64_t should_end = wanted_ + Width() / 2;
    const bool late = table_["endless"].get<bool>() && table_["automatic"].get<bool>() &&
                      Newest() < should_end - std::max(kPatience, Width() / 10) &&
                      table_["uptime"] > kAfterStart;
    Warning warning = {
        "partition_maintenance_fails", Severity::kWarning, table_["name"], "", "", ""};
    std::string& text = warning.message;
    if (!why.empty()) {
      text = fmt::format("pg_partman cannot make partitions of {}: {}", warning.object, why);
    } else if (late) {
      text = fmt::format(
          "pg_partman makes no partitions of {}: its background worker does not run, or fails, and "
          "the server's log says why",
          warning.object);
    }
    if (late) text += "; none was made since about " + AsTime(session_, Newest() - premade_);
    SayEnd(&warning);
    if (!why.empty()) warning.hint = Advice(" mends that", "Move the rows");
    if (!text.empty()) warnings->push_back(warning);
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
      return fmt::format("its maintenance never ends, for {} at infinity in the default partition",
                         FormatCount(Count("endless"), "row is", "rows are"));
    }
    if (Count("ahead") == 0) return "";
    if (!ignores) {
      return fmt::format(
          "its maintenance fails, or makes partitions without end, for {} in the default "
          "partition, ahead of the newest partition",
          FormatCount(Count("ahead"), "row is", "rows are"));
    }
    if (rest_["next"].is_null() || rest_["next"] >= wanted_ - Width() / 2) return "";
    return fmt::format(
        "its maintenance fails, for rows of the partition that is due, of {}, are in the "
        "default partition",
        AsTime(session_, rest_["next"]));
  }

  std::string Advice(const char* ours, const char* others) const {
    if (table_["movable"]) {
      return fmt::format("`millrace partitions --table {}`{}",
                         ShellWord(table_["full_name"].get<std::string>()), ours);
    }
    return fmt::format("{} of {} by hand, and set ignore_default_data for it in part_config",
                       others, table_["rest"].get<std::string>());
  }

  // The newest partition has ended, or will end before another is likely to be made.
  void SayEnd(Warning* warning) const {
    const bool endless = table_["endless"];
    std::string& text = warning->message;
    if (Newest() <= Now() && (!text.empty() || endless)) {
      warning->severity = Severity::kCritical;
      if (text.empty()) {
        warning->code = "partitions_end_soon";
        text = warning->object + " has no partition for now";
      }
      text += fmt::format("; the newest ended at {}, events of now go into the default partition",
                          AsTime(session_, Newest()));
    } else if (text.empty() && endless && Newest() - Now() < SoonOf(Width())) {
      warning->code = "partitions_end_soon";
      text = fmt::format("the newest partition of {} ends soon, at {}", warning->object,
                         AsTime(session_, Newest()));
      warning->hint = table_["maintain"].get<std::string>() + " makes more";
    }
  }

  void SayRows(std::vector<Warning>* warnings) const {
    const std::string name = table_["name"];
    auto say = [&](const std::string& message) {
      warnings->push_back({"rows_in_default", Severity::kWarning, name, message,
                           Advice(" moves them", "Move the rows"), ""});
    };
    if (!table_["rest_size"].is_null() && table_["rest_size"] > kLargestDefault) {
      say(fmt::format("the default partition of {} has {} MB", name,
                      FormatCount(table_["rest_size"].get<std::int64_t>() >> 20)));
    } else if (Count("movable") > 0) {
      say(fmt::format("{} in the default partition of {}",
                      FormatCount(Count("movable"), "row is", "rows are"), name));
    }
  }

  Session& session_;
  const json& table_;
  std::int64_t premade_;  // for how many seconds from now partitions are wanted
  std::int64_t wanted_;   // the present time plus these
  json rest_;             // null: not looked at
};

// For tables of events that nobody manages: their newest partition ends soon or has just ended. If
// it ended long ago, nobody writes to the table any more.
void SayEndOfUnkept(const json& table, std::vector<Warning>* warnings) {
  if (table["newest_epoch"].is_null() || table["newest_width"].is_null()) return;
  const std::int64_t left =
      table["newest_epoch"].get<std::int64_t>() - table["now"].get<std::int64_t>();
  if (!table["of_events"].get<bool>() || left < -kLately || left >= SoonOf(table["newest_width"])) {
    return;
  }
  const std::string name = table["name"], newest = table["newest"];
  const bool over = left <= 0;
  warnings->push_back(
      {"partitions_end_soon", over ? Severity::kCritical : Severity::kWarning, name,
       fmt::format("the newest partition of {} {} at {}", name, over ? "has ended" : "ends soon,",
                   newest),
       fmt::format("CREATE TABLE ... PARTITION OF {} FOR VALUES FROM ('{}') TO (...)",
                   table["full_name"].get<std::string>(), newest),
       ""});
}

}  // namespace

std::vector<Warning> JudgePartitions(Session& session, Memory& memory, const json& tables) {
  std::vector<Warning> warnings;
  std::set<std::string> kept;
  const std::string schema = Schema(session);
  if (!schema.empty()) {
    for (const json& run : session.Rows("runs of pg_partman", kRuns)) {
      const std::string pid = run["pid"].dump();
      warnings.push_back({"partition_maintenance_fails", Severity::kWarning, "",
                          fmt::format("pg_partman's maintenance, process {}, has run for {}", pid,
                                      FormatDuration(run["seconds"])),
                          fmt::format("SELECT pg_cancel_backend({}) stops it, and the next run "
                                      "begins anew",
                                      pid),
                          ""});
    }
    const json known = session.Rows("partitions that pg_partman makes",
                                    fmt::format(fmt::runtime(kTables), schema));
    for (const json& table : known) {
      kept.insert(table["name"].get<std::string>());
      Health(session, memory, table).Say(&warnings);
    }
  }
  // Tables that nobody manages: their rows are estimated.
  for (const json& table : tables) {
    const std::string name = table["name"];
    if (kept.contains(name)) continue;
    SayEndOfUnkept(table, &warnings);
    if (table["default_rows"] > 0) {
      warnings.push_back(
          {"rows_in_default", Severity::kWarning, name,
           fmt::format("about {} in the default partition of {}",
                       FormatCount(table["default_rows"], "row is", "rows are"), name),
           "", ""});
    }
  }
  return warnings;
}

}  // namespace millrace::monitor
