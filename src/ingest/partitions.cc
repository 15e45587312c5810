#include "ingest/partitions.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "client/error.h"
#include "client/output.h"
#include "ingest/units.h"

namespace millrace::cli {
namespace {

constexpr std::int64_t kMinute = 60'000'000;
constexpr std::int64_t kHour = 60 * kMinute;
constexpr std::int64_t kDay = 24 * kHour;
// pg_partman orders partitions by their names. These have four digits for the year, and do not say
// when it is before Christ.
constexpr std::int64_t kOldest = -30'610'137'600'000'000;
constexpr const char* kInReach = "BETWEEN timestamptz '1000-01-02' AND timestamptz '9999-12-30'";
// The number of partitions made in one transaction. Each takes locks, and the lock on the table is
// held until all are made.
constexpr std::size_t kBatch = 50;
// Ten times six seconds: while we wait for the lock, every writer waits behind us.
constexpr int kLockTries = 10;
// How many texts that are no times are read in one call. Their rows will be errors anyway.
constexpr int kMostFailures = 20;

std::int64_t Integer(std::string_view text) {
  std::int64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

std::string Literal(Connection& connection, const std::string& text) {
  return std::string(
      connection.Execute("SELECT pg_catalog.quote_literal($1)", {text.c_str()}).Value(0, 0));
}

// An array of text, to pass as a parameter.
std::string TextArray(const std::vector<std::string>& values) {
  std::string array = "{";
  for (const std::string& value : values) {
    if (array.size() > 1) array += ',';
    array += '"';
    for (const char c : value) {
      if (c == '"' || c == '\\') array += '\\';
      array += c;
    }
    array += '"';
  }
  return array + "}";
}

constexpr const char* kFind = R"(
  SELECT pg_catalog.quote_ident(e.nspname), p.parent_table, c.oid::pg_catalog.regclass,
         pg_catalog.quote_ident(p.control),
         (extract(epoch FROM p.partition_interval::interval) * 1000000)::bigint, p.premake,
         (SELECT pg_catalog.string_agg(pg_catalog.quote_ident(attname), ', ' ORDER BY attnum)
          FROM pg_catalog.pg_attribute
          WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped AND attgenerated = ''),
         (SELECT i.inhrelid::pg_catalog.regclass
          FROM pg_catalog.pg_inherits i JOIN pg_catalog.pg_class d ON d.oid = i.inhrelid
          WHERE i.inhparent = c.oid AND pg_catalog.pg_get_expr(d.relpartbound, d.oid) = 'DEFAULT'),
         pg_catalog.split_part(e.extversion, '.', 1)::int < 5, p.control,
         extract(day FROM p.partition_interval::interval) > 0
  FROM (SELECT x.extversion, n.nspname FROM pg_catalog.pg_extension x
        JOIN pg_catalog.pg_namespace n ON n.oid = x.extnamespace WHERE x.extname = 'pg_partman') e,
       {}.part_config p
  JOIN pg_catalog.pg_namespace n ON n.nspname = pg_catalog.split_part(p.parent_table, '.', 1)
  JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid
                            AND c.relname = pg_catalog.split_part(p.parent_table, '.', 2)
  JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attname = p.control
  WHERE c.oid = pg_catalog.to_regclass($1) AND c.relkind = 'p' AND p.epoch = 'none'
    AND p.partition_type IN ('native', 'range') AND a.atttypid = 'timestamptz'::pg_catalog.regtype
    AND extract(year FROM p.partition_interval::interval) = 0
    AND extract(month FROM p.partition_interval::interval) = 0
    -- Whole days, or none.
    AND (extract(day FROM p.partition_interval::interval) = 0
         OR extract(epoch FROM p.partition_interval::interval)
            = 86400 * extract(day FROM p.partition_interval::interval)))";

constexpr const char* kRanges = R"(
  SELECT (extract(epoch FROM b[1]::timestamptz AT TIME ZONE $2) * 1000000)::bigint,
         (extract(epoch FROM b[2]::timestamptz AT TIME ZONE $2) * 1000000)::bigint
  FROM pg_catalog.pg_inherits i JOIN pg_catalog.pg_class c ON c.oid = i.inhrelid,
       pg_catalog.regexp_match(pg_catalog.pg_get_expr(c.relpartbound, c.oid),
                               $$FROM \('([^']+)'\) TO \('([^']+)'\)$$) b
  WHERE i.inhparent = pg_catalog.to_regclass($1) AND b IS NOT NULL
    AND isfinite(b[1]::timestamptz) AND isfinite(b[2]::timestamptz)
  ORDER BY 1)";

}  // namespace

std::optional<PartitionMaker> PartitionMaker::Find(Connection& connection,
                                                   const QualifiedName& table) {
  const auto schema = connection.Execute(
      "SELECT pg_catalog.quote_ident(n.nspname) FROM pg_catalog.pg_extension x JOIN "
      "pg_catalog.pg_namespace n ON n.oid = x.extnamespace JOIN pg_catalog.pg_class c ON "
      "c.relnamespace = n.oid AND c.relname = 'part_config' WHERE x.extname = 'pg_partman' AND "
      "pg_catalog.has_schema_privilege(n.oid, 'USAGE') AND "
      "pg_catalog.has_table_privilege(c.oid, 'SELECT')");
  if (schema.rows() == 0) return std::nullopt;
  const std::string name = table.Quoted();
  const auto found = connection.Execute(fmt::format(kFind, schema.Value(0, 0)), {name.c_str()});
  if (found.rows() == 0) return std::nullopt;
  PartitionMaker maker(connection);
  maker.extension_ = found.Value(0, 0);
  maker.parent_ = found.Value(0, 1);
  maker.table_ = found.Value(0, 2);
  maker.control_ = found.Value(0, 3);
  maker.width_ = Integer(found.Value(0, 4));
  maker.premake_ = Integer(found.Value(0, 5));
  maker.columns_ = found.Value(0, 6);
  maker.default_ = found.Value(0, 7);
  maker.old_calls_ = found.Value(0, 8) == "t";
  maker.control_name_ = found.Value(0, 9);
  maker.days_ = found.Value(0, 10) == "t";
  if (maker.width_ < kMinute || maker.width_ % kMinute != 0 || !maker.ChooseZone()) {
    return std::nullopt;
  }
  return maker;
}

// Reads the partitions; false if there are none, or they are in no zone that we know.
bool PartitionMaker::ChooseZone() {
  if (!days_) {
    ReadPartitions();
    return !ranges_.empty();
  }
  const std::string session(connection_.Execute("SHOW TimeZone").Value(0, 0));
  for (const std::string& zone : {session, std::string("UTC")}) {
    zone_ = zone;
    ReadPartitions();
    if (ranges_.empty()) return false;
    const auto [first, end] = ranges_.back();
    if (first % kDay != 0 || end - first != width_) continue;
    connection_.Execute("SELECT pg_catalog.set_config('TimeZone', $1, false)", {zone.c_str()});
    // pg_partman goes on in this zone, but times without one are still the session's.
    time_zone_ = session;
    offset_ = ClockTime(NowMicros()) - NowMicros();
    offset_ = (offset_ + (offset_ < 0 ? -kMinute : kMinute) / 2) / kMinute * kMinute;
    return true;
  }
  return false;
}

std::int64_t PartitionMaker::ClockTime(std::int64_t time) {
  if (!days_) return time;
  return Integer(connection_
                     .Execute("SELECT (extract(epoch FROM (timestamptz 'epoch' + $1::int8 * "
                              "interval '1 microsecond') AT TIME ZONE $2) * 1000000)::bigint",
                              {std::to_string(time).c_str(), zone_.c_str()})
                     .Value(0, 0));
}

std::int64_t PartitionMaker::Now() const { return NowMicros() + offset_; }

std::string PartitionMaker::Timestamp(std::int64_t clock_time) const {
  // Without rounding. In partitions of days, the session's zone is zone_.
  return days_ ? fmt::format("(timestamp 'epoch' + interval '{} microseconds')::timestamptz",
                             clock_time)
               : fmt::format("(timestamptz 'epoch' + interval '{} microseconds')", clock_time);
}

std::string PartitionMaker::Width() const {
  return days_ ? fmt::format("interval '{} days'", width_ / kDay)
               : fmt::format("interval '{} microseconds'", width_);
}

void PartitionMaker::ReadPartitions() {
  const auto found = connection_.Execute(kRanges, {table_.c_str(), zone_.c_str()});
  ranges_.clear();
  for (int i = 0; i < found.rows(); ++i) {
    ranges_.emplace_back(Integer(found.Value(i, 0)), Integer(found.Value(i, 1)));
  }
}

bool PartitionMaker::Covered(std::int64_t time) const {
  const auto after = std::upper_bound(ranges_.begin(), ranges_.end(), std::pair(time, INT64_MAX));
  return after != ranges_.begin() && time < std::prev(after)->second;
}

std::int64_t PartitionMaker::StartOf(std::int64_t time) const {
  const std::int64_t offset = (time - ranges_.back().first) % width_;
  return time - (offset < 0 ? offset + width_ : offset);
}

std::int64_t PartitionMaker::LastDue() const {
  return std::max(ranges_.back().first, StartOf(Now() + premake_ * width_));
}

PartitionsMade PartitionMaker::Make(std::int64_t from, std::int64_t to) {
  std::set<std::int64_t> starts;
  PartitionsMade made;
  from = ClockTime(from);
  to = ClockTime(to);
  for (std::int64_t start = StartOf(from); start <= to; start += width_) {
    // If a history is a little too long, its newest partitions are made; if it is much too long,
    // none.
    if ((to - start) / width_ > 10 * kMostPartitions) {
      made.missing = (to - start) / width_;
      return made;
    }
    if (!Covered(start)) starts.insert(start);
  }
  return MakeStarts(std::move(starts), INT64_MAX);
}

PartitionsMade PartitionMaker::MakeFor(const std::vector<std::string>& times) {
  std::set<std::int64_t> starts;
  int failures = 0;
  for (const std::int64_t time : ParseTimes(times, &failures)) {
    if (!Covered(time)) starts.insert(StartOf(time));
  }
  return MakeStarts(std::move(starts), LastDue());
}

std::vector<std::int64_t> PartitionMaker::ParseTimes(const std::vector<std::string>& times,
                                                     int* failures) {
  std::vector<std::int64_t> parsed;
  if (times.empty() || *failures >= kMostFailures) return parsed;
  try {
    // In a transaction of its own, because pg_partman names partitions in the session's time zone.
    if (!time_zone_.empty()) {
      connection_.Execute("BEGIN");
      connection_.Execute("SELECT pg_catalog.set_config('TimeZone', $1, true)",
                          {time_zone_.c_str()});
    }
    const auto found = connection_.Execute(
        "SELECT (extract(epoch FROM t AT TIME ZONE $2) * 1000000)::bigint FROM (SELECT "
        "v::timestamptz AS t FROM pg_catalog.unnest($1::text[]) v OFFSET 0) x WHERE t " +
            std::string(kInReach),
        {TextArray(times).c_str(), zone_.c_str()});
    if (!time_zone_.empty()) connection_.Execute("COMMIT");
    for (int i = 0; i < found.rows(); ++i) parsed.push_back(Integer(found.Value(i, 0)));
    return parsed;
  } catch (const CliError&) {
    if (PQstatus(connection_.get()) != CONNECTION_OK) throw;
    if (!time_zone_.empty()) connection_.Execute("ROLLBACK");
    if (times.size() == 1) ++*failures;
  }
  if (times.size() == 1) return parsed;
  const auto middle = times.begin() + static_cast<std::ptrdiff_t>(times.size() / 2);
  for (const auto& half : {std::vector(times.begin(), middle), std::vector(middle, times.end())}) {
    const auto some = ParseTimes(half, failures);
    parsed.insert(parsed.end(), some.begin(), some.end());
  }
  return parsed;
}

PartitionsMade PartitionMaker::MakeStarts(std::set<std::int64_t> starts, std::int64_t last) {
  PartitionsMade made;
  while (!starts.empty() && *starts.rbegin() > last) {
    starts.erase(std::prev(starts.end()));
    ++made.missing;
  }
  while (!starts.empty() && *starts.begin() < kOldest) {
    starts.erase(starts.begin());
    ++made.missing;
  }
  if (starts.empty()) return made;
  const auto size = static_cast<std::int64_t>(starts.size());
  if (!FillUpTo(*starts.rbegin(), &starts)) {
    made.missing += size;
    return made;
  }
  std::vector<std::int64_t> wanted(starts.begin(), starts.end());
  const std::int64_t room = most_ - made_;
  if (static_cast<std::int64_t>(wanted.size()) > room) {
    // Leave out the oldest: then there is no gap before the newest.
    const auto surplus = static_cast<std::int64_t>(wanted.size()) - room;
    wanted.erase(wanted.begin(), wanted.begin() + surplus);
    made.missing += surplus;
    if (wanted.empty() || wanted.front() > ranges_.back().second) return made;
  }
  for (std::size_t at = 0; at < wanted.size(); at += kBatch) {
    const auto begin = wanted.begin() + static_cast<std::ptrdiff_t>(at);
    const auto size = std::min(kBatch, wanted.size() - at);
    const PartitionsMade some =
        MakeBatch(std::vector(begin, begin + static_cast<std::ptrdiff_t>(size)));
    made.partitions += some.partitions;
    made.rows += some.rows;
  }
  made_ += made.partitions;
  ReadPartitions();
  return made;
}

bool PartitionMaker::FillUpTo(std::int64_t last, std::set<std::int64_t>* starts) const {
  std::int64_t next = ranges_.back().second;
  // If there was no server for a long time, nobody needs the partitions of that time.
  if (next < Now() - kDay) next = StartOf(Now() - kHour);
  if (last < next) return true;
  if ((last - next) / width_ > most_) return false;
  for (std::int64_t start = next; start < last; start += width_) starts->insert(start);
  return true;
}

bool PartitionMaker::DefaultHas(const std::string& condition) {
  return !default_.empty() &&
         connection_.Execute(fmt::format("SELECT FROM {} WHERE {} LIMIT 1", default_, condition))
                 .rows() > 0;
}

PartitionsMade PartitionMaker::MakeBatch(const std::vector<std::int64_t>& starts) {
  std::string array;
  for (const std::int64_t start : starts) array += (array.empty() ? "" : ", ") + Timestamp(start);
  const std::string width = Width();
  const std::string condition = fmt::format(
      "{0} >= {1} AND {0} < {2} + {3} AND EXISTS (SELECT FROM pg_catalog.unnest(ARRAY[{4}]) s "
      "WHERE "
      "{0} >= s AND {0} < s + {3})",
      control_, Timestamp(starts.front()), Timestamp(starts.back()), width, array);
  const std::string make = fmt::format("SELECT {}.create_partition_time($1, ARRAY[{}]{})",
                                       extension_, array, old_calls_ ? ", p_analyze := false" : "");
  PartitionsMade made;
  for (int attempt = 1;; ++attempt) {
    try {
      connection_.Execute("BEGIN; SET LOCAL lock_timeout = '6s'");
      // Another session may be making partitions, as pg_partman does; this is its lock.
      connection_.Execute(
          "SELECT pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtext('pg_partman "
          "run_maintenance'))");
      if (DefaultHas(condition)) {
        // Sessions that read the table are either finished or find the new partitions.
        connection_.Execute(fmt::format(
            "LOCK TABLE ONLY {} IN ACCESS EXCLUSIVE MODE; LOCK TABLE {} IN ACCESS EXCLUSIVE MODE",
            table_, default_));
        connection_.Execute(fmt::format(
            "CREATE TEMP TABLE millrace_moving ON COMMIT DROP AS SELECT {} FROM {} WHERE {}",
            columns_, default_, condition));
        made.rows = connection_.Execute(fmt::format("DELETE FROM {} WHERE {}", default_, condition))
                        .affected();
        connection_.Execute(make, {parent_.c_str()});
        const auto back = connection_.Execute(
            fmt::format("INSERT INTO {} ({}) OVERRIDING SYSTEM VALUE SELECT {} FROM "
                        "pg_temp.millrace_moving",
                        table_, columns_, columns_));
        if (back.affected() != made.rows) {
          throw CliError(fmt::format(
              "of {} of {}, only {} went into their partitions: a trigger "
              "keeps rows away",
              FormatCount(made.rows, "row", "rows"), table_, FormatCount(back.affected())));
        }
      } else {
        connection_.Execute(make, {parent_.c_str()});
      }
      connection_.Execute("COMMIT");
      made.partitions = static_cast<std::int64_t>(starts.size());
      return made;
    } catch (const CliError& e) {
      connection_.Execute("ROLLBACK");
      const bool lock = std::string(e.what()).find("lock timeout") != std::string::npos;
      if (!lock || attempt == kLockTries) {
        throw CliError(e.what(), lock ? "A session that reads or writes " + table_ +
                                            " is in the way; run it again when it has ended."
                                      : e.way_out());
      }
    }
  }
}

PartitionsMade PartitionMaker::MoveDefaultRows() {
  PartitionsMade made;
  if (default_.empty()) return made;
  most_ = INT64_MAX;
  const auto found = connection_.Execute(fmt::format(
      "SELECT DISTINCT (extract(epoch FROM pg_catalog.date_bin(interval '{} microseconds', {} AT "
      "TIME ZONE {}, timestamp 'epoch' + interval '{} microseconds')) * 1000000)::bigint FROM {} "
      "WHERE {} {}",
      width_, control_, Literal(connection_, zone_), ranges_.back().first, default_, control_,
      kInReach));
  std::set<std::int64_t> starts;
  for (int i = 0; i < found.rows(); ++i) starts.insert(Integer(found.Value(i, 0)));
  return MakeStarts(std::move(starts), LastDue());
}

bool PartitionMaker::IgnoreDefaultRows() {
  return connection_
             .Execute(fmt::format("UPDATE {}.part_config SET ignore_default_data = true WHERE "
                                  "parent_table = $1 AND NOT ignore_default_data",
                                  extension_),
                      {parent_.c_str()})
             .affected() > 0;
}

std::int64_t PartitionMaker::CancelMaintenance() {
  return Integer(connection_
                     .Execute("SELECT pg_catalog.count(*) FILTER (WHERE "
                              "pg_catalog.pg_cancel_backend(pid)) FROM pg_catalog.pg_stat_activity "
                              "WHERE datname = pg_catalog.current_database() AND pid <> "
                              "pg_catalog.pg_backend_pid() AND state = 'active' AND query ~ "
                              "'\\mrun_maintenance(_proc)?\\(' AND backend_type IS DISTINCT FROM "
                              "'client backend' AND "
                              "xact_start < pg_catalog.now() - interval '30 seconds'")
                     .Value(0, 0));
}

std::int64_t PartitionMaker::DefaultRows() {
  if (default_.empty()) return 0;
  return Integer(
      connection_.Execute(fmt::format("SELECT pg_catalog.count(*) FROM {}", default_)).Value(0, 0));
}

void PrepareRange(const std::string& conninfo, const std::string& table, std::int64_t from,
                  std::int64_t to, bool quiet) {
  try {
    Connection connection = Connection::Open(conninfo);
    auto maker = PartitionMaker::Find(connection, QualifiedName::Parse(table));
    if (!maker) return;
    const PartitionsMade made = maker->Make(from, to);
    if (!quiet && made.partitions > 0) {
      fmt::print(stderr, "{} made for these times in {}\n",
                 FormatCount(made.partitions, "partition is", "partitions are"), table);
    }
    if (made.missing > 0) {
      fmt::print(stderr,
                 "{} of {} would be too many: events of these times go into its "
                 "default partition\n",
                 FormatCount(made.missing, "partition", "partitions"), table);
    }
  } catch (const CliError& e) {
    fmt::print(stderr, "No partitions of {} are made for these times: {}\n", table, e.what());
  }
}

}  // namespace millrace::cli
