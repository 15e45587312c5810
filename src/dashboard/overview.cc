#include "dashboard/overview.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <ctime>

namespace millrace::dashboard {
namespace {

using nlohmann::json;

constexpr std::int64_t kMinute = 60, kHour = 60 * kMinute, kDay = 24 * kHour;
constexpr std::int64_t kLongest = 366 * kDay;
// Longer spans are shown by the hour.
constexpr std::int64_t kLongestByMinutes = 12 * kHour;
// How many events after the watermark the live views may still count; each panel reads them.
constexpr long long kLongestTail = 20'000;

constexpr struct {
  const char* name;
  std::int64_t length;
} kSpans[] = {
    {"15m", 15 * kMinute}, {"1h", kHour}, {"24h", kDay}, {"2d", 2 * kDay}, {"7d", 7 * kDay}};

[[noreturn]] void Refuse(const std::string& message, const std::string& hint) {
  throw ApiError(400, "bad_request", message, hint);
}

// A number of exactly `digits` digits at `*at`, which moves past it; -1 if there is none.
int TakeNumber(const std::string& text, std::size_t* at, std::size_t digits) {
  if (*at + digits > text.size()) return -1;
  int value = 0;
  for (std::size_t i = 0; i < digits; ++i) {
    const char c = text[*at + i];
    if (c < '0' || c > '9') return -1;
    value = value * 10 + (c - '0');
  }
  *at += digits;
  return value;
}

bool TakeOneOf(const std::string& text, std::size_t* at, std::string_view characters) {
  if (*at >= text.size() || characters.find(text[*at]) == std::string_view::npos) return false;
  ++*at;
  return true;
}

// Reads RFC 3339; seconds may be missing, and fractions of a second are ignored. -1 if it is no
// time.
std::int64_t ParseTime(const std::string& text) {
  std::size_t at = 0;
  std::tm time = {};
  auto number = [&](std::size_t digits, int low, int high, int* to) {
    *to = TakeNumber(text, &at, digits);
    return *to >= low && *to <= high;
  };
  int year, month;
  if (!number(4, 1970, 9999, &year) || !TakeOneOf(text, &at, "-") || !number(2, 1, 12, &month) ||
      !TakeOneOf(text, &at, "-") || !number(2, 1, 31, &time.tm_mday) ||
      !TakeOneOf(text, &at, "Tt ") || !number(2, 0, 23, &time.tm_hour) ||
      !TakeOneOf(text, &at, ":") || !number(2, 0, 59, &time.tm_min)) {
    return -1;
  }
  if (TakeOneOf(text, &at, ":") && !number(2, 0, 60, &time.tm_sec)) return -1;
  if (TakeOneOf(text, &at, ".")) {
    const std::size_t start = at;
    while (TakeOneOf(text, &at, "0123456789")) {
    }
    if (at == start) return -1;
  }
  time.tm_year = year - 1900;
  time.tm_mon = month - 1;
  const int day = time.tm_mday;
  std::int64_t seconds = timegm(&time);
  if (time.tm_mday != day) return -1;  // such as February 30
  if (!TakeOneOf(text, &at, "Zz")) {
    const bool ahead = at < text.size() && text[at] == '+';
    int hours, minutes;
    if (!TakeOneOf(text, &at, "+-") || !number(2, 0, 23, &hours) || !TakeOneOf(text, &at, ":") ||
        !number(2, 0, 59, &minutes)) {
      return -1;
    }
    seconds += (ahead ? -1 : 1) * (hours * kHour + minutes * kMinute);
  }
  return at == text.size() ? seconds : -1;
}

std::int64_t TimeOf(const Parameters& parameters, const char* name) {
  const auto found = parameters.find(name);
  const std::int64_t time = found == parameters.end() ? -1 : ParseTime(found->second);
  if (time < 0) {
    Refuse(fmt::format("{} is not a time", name),
           "Give from and to, both as 2026-01-31T12:00:00Z.");
  }
  return time;
}

std::string TenantOf(const Parameters& parameters) {
  const auto found = parameters.find("tenant");
  if (found == parameters.end()) return "";
  std::int64_t number;
  const std::string& text = found->second;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) {
    Refuse("tenant is not a customer_id", "It is a whole number of 64 bits; leave it out for all.");
  }
  return std::to_string(number);
}

std::int64_t Floor(std::int64_t time, std::int64_t unit) { return time / unit * unit; }

std::string Iso(std::int64_t time) {
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(static_cast<std::time_t>(time)));
}

// The span that is read, and from where.
struct Span {
  RollupTable table;
  bool live;             // with the events that are not yet in the rollup
  std::string stitched;  // used instead of the table, unless empty
  std::string tenant;
  std::int64_t from, to, before;
};

// The source of the rows for a panel: for all tenants, the summary with the fewest keys.
std::string SourceOf(const Span& span, const std::string& summary) {
  if (!span.stitched.empty()) return span.stitched;
  const auto found = span.table.summaries.find(summary);
  const RollupSource& source =
      span.tenant.empty() && found != span.table.summaries.end() ? found->second : span.table;
  return span.live ? source.live : source.name;
}

// The rows of a span, as the end of a statement. `summary`: the key that the panel needs, or
// "total".
std::string From(const Span& span, const std::string& summary, std::int64_t from, std::int64_t to) {
  return fmt::format("FROM {0} WHERE {1} >= '{2}' AND {1} < '{3}'{4}", SourceOf(span, summary),
                     span.table.bucket, Iso(from), Iso(to),
                     span.tenant.empty() ? "" : " AND customer_id = " + span.tenant);
}

// One standard error of an estimate (Flajolet, Fusy, Gandouet, Meunier 2007: 1.04 / sqrt(m)); few
// values are kept as they are and counted exactly.
std::string ErrorSql(const char* sketch) {
  return fmt::format(
      "CASE WHEN coalesce(hll_type({0}), 1) <= 2 THEN 0 ELSE 1.04 / sqrt(2 ^ hll_log2m({0})) END",
      sketch);
}

std::string TilesSql(const Span& span) {
  auto totals = [&](std::int64_t from, std::int64_t to) {
    return "SELECT coalesce(sum(event_count), 0)::bigint AS events,\n"
           "               hll_union_agg(device_distinct_count) AS devices,\n"
           "               hll_union_agg(session_distinct_count) AS sessions\n        " +
           From(span, "total", from, to);
  };
  return fmt::format(R"(SELECT n.events,
       b.events AS events_before,
       coalesce(hll_cardinality(n.devices), 0) AS devices,
       coalesce(hll_cardinality(b.devices), 0) AS devices_before,
       {} AS devices_error,
       coalesce(hll_cardinality(n.sessions), 0) AS sessions,
       coalesce(hll_cardinality(b.sessions), 0) AS sessions_before,
       {} AS sessions_error
FROM (  {}
     ) n,
     (  {}
     ) b)",
                     ErrorSql("n.devices"), ErrorSql("n.sessions"), totals(span.from, span.to),
                     totals(span.before, span.from));
}

std::string TrendSql(const Span& span) {
  return fmt::format(R"(SELECT {0} AS time,
       sum(event_count)::bigint AS events,
       coalesce(hll_cardinality(hll_union_agg(device_distinct_count)), 0) AS devices,
       coalesce(hll_cardinality(hll_union_agg(session_distinct_count)), 0) AS sessions
{1}
GROUP BY {0} ORDER BY {0})",
                     span.table.bucket, From(span, "total", span.from, span.to));
}

// `output`: the group's column as it is shown.
std::string GroupSql(const Span& span, const char* column, const char* output) {
  return fmt::format(R"(SELECT {1},
       sum(event_count)::bigint AS events,
       coalesce(hll_cardinality(hll_union_agg(device_distinct_count)), 0) AS devices
{2}
GROUP BY {0} ORDER BY events DESC, {0} LIMIT 50)",
                     column, output, From(span, column, span.from, span.to));
}

// In a full summary the count of each item is too high by at most the smallest count.
std::string TopDevicesSql(const Span& span) {
  return fmt::format(R"(SELECT top.item AS device, top.frequency AS events,
       (SELECT CASE WHEN count(*) < coalesce(current_setting('topn.number_of_counters', true)::int, 1000)
               THEN 0 ELSE min(value::bigint) END
        FROM jsonb_each_text(merged.devices)) AS error
FROM (SELECT topn_union_agg(top_devices_1000) AS devices {}) merged,
     topn(merged.devices, 10) top
ORDER BY events DESC, device)",
                     From(span, "total", span.from, span.to));
}

json Estimate(const json& tiles, const std::string& name) {
  const std::string error = name + "_error";
  return {{"value", tiles[name]},
          {"before", tiles[name + "_before"]},
          {"error", tiles.contains(error) ? tiles[error] : json(0)}};
}

json Tiles(Database::Snapshot& snapshot, const Span& span, double now) {
  const std::string sql = TilesSql(span);
  const json row = snapshot.Row(sql);
  const double passed =
      std::max(1.0, std::min(now, static_cast<double>(span.to)) - static_cast<double>(span.from));
  const double rate = row["events"].get<double>() / passed;
  const double rate_before =
      row["events_before"].get<double>() / static_cast<double>(span.to - span.from);
  return {{"sql", sql},
          {"events", Estimate(row, "events")},
          {"devices", Estimate(row, "devices")},
          {"sessions", Estimate(row, "sessions")},
          {"events_per_second", {{"value", rate}, {"before", rate_before}, {"error", 0}}}};
}

json Panel(Database::Snapshot& snapshot, const std::string& sql) {
  return {{"sql", sql}, {"rows", snapshot.Rows(sql)}};
}

json Groups(Database::Snapshot& snapshot, const Span& span, const char* column) {
  return Panel(snapshot, GroupSql(span, column, fmt::format("{} AS value", column).c_str()));
}

json TopDevices(Database::Snapshot& snapshot, const Span& span) {
  json panel = Panel(snapshot, TopDevicesSql(span));
  panel["error"] = 0;
  for (json& row : panel["rows"]) {
    panel["error"] = row["error"];
    row.erase("error");
  }
  return panel;
}

json Tenants(Database::Snapshot& snapshot, const Span& span) {
  if (!span.tenant.empty()) return nullptr;
  return Panel(snapshot, GroupSql(span, "customer_id", "customer_id::text AS tenant"));
}

// The hand-written rollups have no live view, so the hour that is not over is read from the
// minutes.
std::string Stitched(const RollupTables& tables, std::int64_t hour) {
  const char* columns =
      "customer_id, event_type, country, browser, {} AS hour, event_count, device_distinct_count, "
      "session_distinct_count, top_devices_1000";
  return fmt::format(
      "(SELECT {} FROM {} WHERE hour < '{}' UNION ALL SELECT {} FROM {} WHERE minute "
      ">= '{}') stitched",
      fmt::format(fmt::runtime(columns), "hour"), tables.hours->name, Iso(hour),
      fmt::format(fmt::runtime(columns), "date_trunc('hour', minute, 'UTC')"), tables.minutes->name,
      Iso(hour));
}

Span ChooseSpan(const RollupTables& tables, const RollupTable& table,
                const OverviewRequest& request, std::int64_t now, const Standing& standing) {
  Span span;
  span.table = table;
  const std::int64_t unit = span.table.bucket_seconds;
  if (request.up_to_now) {
    span.to = Floor(now, unit) + unit;
    span.from = span.to - std::max(Floor(request.length, unit), unit);
  } else {
    span.from = Floor(request.from, unit);
    span.to = Floor(request.to + unit - 1, unit);
  }
  span.before = span.from - (span.to - span.from);
  span.tenant = request.tenant;
  // If the table has all events, the view would give the same, but more slowly.
  span.live = standing.known && standing.behind > 0 && standing.behind <= kLongestTail;
  if (unit == kHour && table.live.empty() && tables.minutes.has_value()) {
    span.stitched = Stitched(tables, Floor(now, kHour));
  }
  return span;
}

// The time of the snapshot, by the database's clock.
struct Clock {
  double now;
  std::string iso;
};
Clock ReadClock(Database::Snapshot& snapshot) {
  const json row = snapshot.Row(
      R"(SELECT extract(epoch FROM now())::float8 AS now, to_char(now(), 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS iso)");
  return {row["now"], row["iso"]};
}

bool HasRows(Database::Snapshot& snapshot, const std::string& relation) {
  return snapshot.Row(fmt::format("SELECT EXISTS (SELECT FROM {}) AS there", relation))["there"];
}

json EmptyPanel() { return {{"sql", ""}, {"rows", json::array()}}; }

// There is nothing to read yet.
json NoOverview(const OverviewRequest& request, std::int64_t now) {
  const json zero = {{"value", 0}, {"before", 0}, {"error", 0}};
  json overview = {{"tenant", request.tenant.empty() ? json(nullptr) : json(request.tenant)},
                   {"from", Iso(request.up_to_now ? now - request.length : request.from)},
                   {"to", Iso(request.up_to_now ? now : request.to)},
                   {"bucket_seconds", request.length <= kLongestByMinutes ? 300 : 3600},
                   {"empty", true},
                   {"tiles",
                    {{"sql", ""},
                     {"events", zero},
                     {"devices", zero},
                     {"sessions", zero},
                     {"events_per_second", zero}}},
                   {"trend", EmptyPanel()},
                   {"top_devices", EmptyPanel()},
                   {"countries", EmptyPanel()},
                   {"browsers", EmptyPanel()},
                   {"event_types", EmptyPanel()},
                   {"tenants", request.tenant.empty() ? EmptyPanel() : json(nullptr)}};
  overview["trend"]["error"] = 0;
  overview["top_devices"]["error"] = 0;
  return overview;
}

}  // namespace

OverviewRequest OverviewRequest::Parse(const Parameters& parameters) {
  OverviewRequest request;
  request.tenant = TenantOf(parameters);
  const auto span = parameters.find("span");
  const bool has_from = parameters.contains("from"), has_to = parameters.contains("to");
  if (has_from || has_to) {
    if (span != parameters.end()) {
      Refuse("span and from exclude each other", "Give span, or from and to.");
    }
    request.up_to_now = false;
    request.from = TimeOf(parameters, "from");
    request.to = TimeOf(parameters, "to");
    request.length = request.to - request.from;
    if (request.length <= 0) Refuse("from is not before to", "Exchange the two.");
    if (request.length > kLongest) {
      Refuse("from and to are more than 366 days apart", "Ask for a shorter span.");
    }
  } else if (span != parameters.end()) {
    const auto* known = std::find_if(std::begin(kSpans), std::end(kSpans),
                                     [&](const auto& one) { return span->second == one.name; });
    if (known == std::end(kSpans)) {
      Refuse("span is none that is known", "It is one of 15m, 1h, 24h, 2d, 7d.");
    }
    request.length = known->length;
  }
  return request;
}

std::string OverviewRequest::Key() const {
  return fmt::format("{}|{}|{}|{}", tenant, length, up_to_now ? 0 : from, up_to_now ? 0 : to);
}

const RollupTable* ChooseTable(const RollupTables& tables, const OverviewRequest& request) {
  if (!tables.minutes && !tables.hours) return nullptr;
  const bool by_minutes =
      request.length <= kLongestByMinutes ? tables.minutes.has_value() : !tables.hours.has_value();
  return by_minutes ? &*tables.minutes : &*tables.hours;
}

OverviewVersion VersionOf(Database::Snapshot& snapshot, const RollupTable* table,
                          const Standing& standing) {
  OverviewVersion version;
  version.settled = standing.known && standing.behind == 0;
  if (!version.settled) return version;
  const Clock clock = ReadClock(snapshot);
  // But it is computed again once per minute: the rate of a span up to now changes with the time,
  // and a rebuild may have corrected rows.
  version.state =
      fmt::format("{} {} {} {}", standing.watermark, table->name, table->summaries.size(),
                  Floor(static_cast<std::int64_t>(clock.now), kMinute));
  return version;
}

// Everything that was committed before the snapshot is in, unless too much is waiting for a
// refresh. On a standby: everything that it had replayed.
void SetStanding(Database::Snapshot& snapshot, const Standing& standing, json& overview) {
  const std::string now = ReadClock(snapshot).iso;
  const monitor::ServerState& server = standing.server;
  const bool all = standing.known && standing.behind <= kLongestTail;
  std::string through = all ? now : standing.complete_through;
  if (server.standby && all) {
    through = server.replayed_through.empty() ? standing.complete_through
                                              : std::min(now, server.replayed_through);
  }
  const bool empty = overview["empty"];
  overview["generated_at"] = now;
  overview["complete_through"] = through.empty() || empty ? json(nullptr) : json(through);
  overview["live"] = all && server.follows() && !empty;
  overview["standby"] = server.standby;
  overview["condition"] = standing.condition.ToJson();
  overview["warnings"] = standing.warnings;
}

json MakeOverview(Database::Snapshot& snapshot, const RollupTables& tables,
                  const OverviewRequest& request, const Standing& standing) {
  const double now = ReadClock(snapshot).now;
  const auto now_seconds = static_cast<std::int64_t>(now);
  const RollupTable* table = ChooseTable(tables, request);
  if (table == nullptr) return NoOverview(request, now_seconds);

  const Span span = ChooseSpan(tables, *table, request, now_seconds, standing);
  const json tiles = Tiles(snapshot, span, now);
  if (tiles["events"]["value"] == 0 &&
      !HasRows(snapshot, table->live.empty() ? table->name : table->live)) {
    return NoOverview(request, now_seconds);
  }
  json trend = Panel(snapshot, TrendSql(span));
  trend["error"] =
      std::max(tiles["devices"]["error"].get<double>(), tiles["sessions"]["error"].get<double>());
  return {{"tenant", request.tenant.empty() ? json(nullptr) : json(request.tenant)},
          {"from", Iso(span.from)},
          {"to", Iso(span.to)},
          {"bucket_seconds", span.table.bucket_seconds},
          {"empty", false},
          {"tiles", tiles},
          {"trend", trend},
          {"top_devices", TopDevices(snapshot, span)},
          {"countries", Groups(snapshot, span, "country")},
          {"browsers", Groups(snapshot, span, "browser")},
          {"event_types", Groups(snapshot, span, "event_type")},
          {"tenants", Tenants(snapshot, span)}};
}

}  // namespace millrace::dashboard
