#include "dashboard/overview.h"

#include <fmt/format.h>

#include <algorithm>

#include "dashboard/choice.h"
#include "dashboard/figures.h"
#include "dashboard/source.h"
#include "dashboard/span.h"

namespace millrace::dashboard {
namespace {

using nlohmann::json;

constexpr std::size_t kMostRows = 50;
constexpr int kTop = 10;
// The name of the rate of events in the answer, after that of the count.
constexpr const char* kPerSecond = "_per_second";

// Computes the panels of one answer.
class Maker {
 public:
  Maker(Database::Snapshot& snapshot, const Family& family, const OverviewRequest& request,
        const Grant& grant, const Standing& standing)
      : snapshot_(snapshot),
        family_(family),
        request_(request),
        grant_(grant),
        filters_(FiltersOf(family, request, grant)),
        span_(ResolveSpan(snapshot, family, request)),
        // If the table has all events, the view would give the same, but more slowly.
        source_(family, filters_,
                standing.known && standing.behind > 0 && standing.behind <= kLongestTail) {}

  json Make() {
    if (!HasRows()) return nullptr;
    json overview = {{"tiles", Tiles()}};
    overview["trend"] = Trend();
    overview["breakdowns"] = json::array();
    for (const Dimension& each : family_.dimensions) {
      if (!each.hidden && !IsChosen(each)) overview["breakdowns"].push_back(Breakdown(each));
    }
    overview["tops"] = json::array();
    for (const Measure& each : family_.measures) {
      if (each.kind == MeasureKind::kTop && !each.hidden) overview["tops"].push_back(Top(each));
    }
    overview["answered_by"] = read_;
    overview["from"] = Iso(span_.from);
    // The end of the present second, because its events are in.
    const auto now = static_cast<std::int64_t>(span_.now) + 1;
    overview["to"] = Iso(span_.open ? std::max(std::min(span_.to, now), span_.from) : span_.to);
    overview["zone"] = span_.zone;
    overview["bucket"] = span_.BucketName();
    overview["bucket_seconds"] = span_.bucket.seconds();
    overview["compare"] = nullptr;
    if (span_.compared) {
      overview["compare"] = {
          {"kind", CompareName()}, {"from", Iso(span_.before_from)}, {"to", Iso(span_.before_to)}};
    }
    overview["filters"] = FiltersToJson();
    return overview;
  }

 private:
  bool HasRows() {
    const RollupTable& table = family_.tables.front();
    const auto has = [&](const std::string& relation) {
      return snapshot_
          .Row(fmt::format("SELECT EXISTS (SELECT FROM {}) AS there", relation))["there"]
          .get<bool>();
    };
    return has(table.name) || (!table.live.empty() && has(table.live));
  }

  const char* CompareName() const {
    switch (request_.compare) {
      case OverviewRequest::Compare::kWeek:
        return "week";
      case OverviewRequest::Compare::kCustom:
        return "custom";
      default:
        return "before";
    }
  }

  json FiltersToJson() const {
    json made = json::array();
    for (const Filter& filter : filters_) {
      // The limit of a link is none that somebody chose, and comes last.
      if (grant_.limited && &filter == &filters_.back()) continue;
      json values = json::array();
      for (const Value& value : filter.values)
        values.push_back(value ? json(*value) : json(nullptr));
      made.push_back(
          {{"dimension", filter.dimension}, {"values", values}, {"not", filter.negated}});
    }
    return made;
  }

  // Tenants are not ranked where one is chosen.
  bool IsChosen(const Dimension& dimension) const {
    if (!dimension.tenant) return false;
    return std::any_of(filters_.begin(), filters_.end(), [&](const Filter& filter) {
      return filter.dimension == dimension.name && !filter.negated && filter.values.size() == 1;
    });
  }

  // The measures of a panel that can be seen and are numbers or texts.
  std::vector<const Measure*> Shown(bool texts) const {
    std::vector<const Measure*> shown;
    for (const Measure& each : family_.measures) {
      if (each.hidden || each.kind == MeasureKind::kTop || (each.text && !texts)) continue;
      shown.push_back(&each);
    }
    return shown;
  }

  static Needs NeedsOf(const std::vector<const Measure*>& measures, bool bucketed) {
    Needs needs;
    needs.bucketed = bucketed;
    for (const Measure* each : measures) needs.columns.merge(StoredOf(*each));
    return needs;
  }

  Source::Rows Find(const Needs& needs, std::int64_t from, std::int64_t to) {
    return source_.Find(needs, span_, from, to, &read_);
  }

  // The merged values of a measure, in a statement that groups.
  StoredSql MergedFrom(const Source::Rows& rows) const {
    return [this, &rows](const std::string& name) {
      return MergeSql(*family_.measure(name), rows.columns.at(name));
    };
  }

  // SELECT with one row: all measures of the needs, merged and named as they are.
  std::string TotalsSql(const Needs& needs, std::int64_t from, std::int64_t to) {
    const Source::Rows rows = Find(needs, from, to);
    std::string list;
    for (const std::string& name : needs.columns) {
      const Measure& measure = *family_.measure(name);
      list +=
          fmt::format("{}{} AS {}", list.empty() ? "" : ",\n             ",
                      MergeSql(measure, rows.columns.at(name)), Quoted(Alias(family_, measure)));
    }
    return fmt::format("SELECT {}\n      {}", list, rows.from);
  }

  StoredSql MergedIn(const char* alias) const {
    return [this, alias](const std::string& name) {
      return fmt::format("{}.{}", alias, Quoted(Alias(family_, *family_.measure(name))));
    };
  }

  json Tiles() {
    const std::vector<const Measure*> measures = Shown(true);
    // Keys or rankings alone, or all figures are hidden.
    if (measures.empty()) return {{"sql", ""}, {"rows", json::array()}};
    const Needs needs = NeedsOf(measures, false);
    std::string list;
    for (const Measure* each : measures) {
      list += fmt::format("{}{} AS {}", list.empty() ? "" : ",\n       ",
                          FigureSql(family_, *each, MergedIn("n")), Quoted(Alias(family_, *each)));
      if (span_.compared) {
        list += fmt::format(",\n       {} AS {}", FigureSql(family_, *each, MergedIn("b")),
                            Quoted(Alias(family_, *each, "before ")));
      }
      for (const std::string& stored : StoredOf(*each)) {
        if (family_.measure(stored)->kind != MeasureKind::kDistinct) continue;
        list += fmt::format(",\n       {} AS {}", ErrorSql(MergedIn("n")(stored)),
                            Quoted(Alias(family_, *each, "error of ")));
      }
    }
    std::string sql =
        fmt::format("SELECT {}\nFROM ({}) n", list, TotalsSql(needs, span_.from, span_.to));
    if (span_.compared) {
      sql += fmt::format(",\n     ({}) b", TotalsSql(needs, span_.before_from, span_.before_to));
    }
    const json row = snapshot_.Row(sql);
    json made = {{"sql", sql}, {"rows", json::array()}};
    for (const Measure* each : measures) {
      const std::string error = Alias(family_, *each, "error of ");
      errors_[each->name] = row.contains(error) ? row[error].get<double>() : 0;
      values_[each->name] = row[Alias(family_, *each)];
      made["rows"].push_back(
          {{"measure", each->name},
           {"value", values_[each->name]},
           {"before", span_.compared ? row[Alias(family_, *each, "before ")] : json(nullptr)},
           {"error", errors_[each->name]}});
    }
    AddRate(row, &made["rows"]);
    return made;
  }

  // How many events came per second; of a span that is not over, in the part that is.
  void AddRate(const json& row, json* tiles) const {
    const Measure* events = family_.events();
    if (events == nullptr || events->hidden) return;
    const double length = static_cast<double>(span_.to - span_.from);
    const double passed = std::max(
        1.0, std::min(span_.now, static_cast<double>(span_.to)) - static_cast<double>(span_.from));
    json before = nullptr;
    if (span_.compared) {
      before = row[Alias(family_, *events, "before ")].get<double>() / length;
    }
    tiles->push_back({{"measure", events->name + kPerSecond},
                      {"value", row[Alias(family_, *events)].get<double>() / passed},
                      {"before", before},
                      {"error", 0}});
  }

  // SELECT with one row per bucket.
  std::string BucketsSql(const std::vector<const Measure*>& measures, const Needs& needs,
                         std::int64_t from, std::int64_t to, bool before) {
    const Source::Rows rows = Find(needs, from, to);
    const std::string time = before ? span_.ForwardSql(rows.bucket) : rows.bucket;
    std::string list = span_.BucketSql(time) + " AS time";
    for (const Measure* each : measures) {
      list += fmt::format(",\n             {} AS {}", FigureSql(family_, *each, MergedFrom(rows)),
                          Quoted(Alias(family_, *each, before ? "before " : "")));
    }
    return fmt::format("SELECT {}\n      {} GROUP BY 1", list, rows.from);
  }

  std::string TrendSql(const std::vector<const Measure*>& measures) {
    const Needs needs = NeedsOf(measures, true);
    const std::string now = BucketsSql(measures, needs, span_.from, span_.to, false);
    const std::string end = span_.BucketEndSql("time");
    std::string list;
    for (const char* prefix : {"", "before "}) {
      if (!span_.compared && *prefix != '\0') continue;
      for (const Measure* each : measures) {
        list += fmt::format(", {}", Quoted(Alias(family_, *each, prefix)));
      }
    }
    if (!span_.compared) {
      return fmt::format("SELECT time, {} AS \"end\"{}\nFROM ({}) n ORDER BY time", end, list, now);
    }
    return fmt::format(
        "SELECT time, {} AS \"end\", {} AS \"before time\",\n       n.time IS NOT NULL AS \"now\", "
        "b.time IS NOT NULL AS \"before\"{}\nFROM ({}) n\nFULL JOIN ({}) b USING (time)\nWHERE "
        "time >= '{}' AND time < '{}' ORDER BY time",
        end, span_.BackSql("time"), list, now,
        BucketsSql(measures, needs, span_.before_from, span_.before_to, true), Iso(FirstBucket()),
        Iso(span_.to));
  }

  // The first bucket may begin before the span.
  std::int64_t FirstBucket() {
    return snapshot_.Row(
        fmt::format("SELECT extract(epoch FROM {})::bigint AS first",
                    span_.BucketSql(fmt::format("'{}'::timestamptz", Iso(span_.from)))))["first"];
  }

  // The figure of a bucket that has no events.
  static json WithoutEvents(const Measure& measure) {
    const bool adds = measure.kind == MeasureKind::kCount || measure.kind == MeasureKind::kSum ||
                      measure.kind == MeasureKind::kDistinct;
    return adds ? json(0) : json(nullptr);
  }

  json Trend() {
    const std::vector<const Measure*> measures = Shown(false);
    const std::string sql = TrendSql(measures);
    json made = {{"sql", sql},
                 {"columns", json::array()},
                 {"errors", json::array()},
                 {"rows", json::array()}};
    for (const Measure* each : measures) {
      made["columns"].push_back(each->name);
      made["errors"].push_back(errors_[each->name]);
    }
    for (const json& row : snapshot_.Rows(sql)) {
      const auto values = [&](const char* prefix, const char* there) {
        const bool any = !span_.compared || row[there].get<bool>();
        json list = json::array();
        for (const Measure* each : measures) {
          list.push_back(any ? row[Alias(family_, *each, prefix)] : WithoutEvents(*each));
        }
        return list;
      };
      made["rows"].push_back(
          {{"time", row["time"]},
           {"end", row["end"]},
           {"values", values("", "now")},
           {"before_time", span_.compared ? row["before time"] : json(nullptr)},
           {"before", span_.compared ? values("before ", "before") : json(nullptr)}});
    }
    return made;
  }

  // What a breakdown shows: what is asked for; otherwise all but further distinct counts, because
  // each of these costs a union per row.
  std::vector<const Measure*> BreakdownMeasures() const {
    const std::vector<std::string>& wanted = request_.columns;
    std::vector<const Measure*> shown;
    bool distinct = false;
    for (const Measure* each : Shown(true)) {
      const bool first_distinct = each->kind == MeasureKind::kDistinct && !distinct;
      distinct |= first_distinct;
      const bool asked = wanted.empty()
                             ? first_distinct || each->kind != MeasureKind::kDistinct
                             : std::find(wanted.begin(), wanted.end(), each->name) != wanted.end();
      if (asked || each == family_.events() || each->name == request_.sort) shown.push_back(each);
    }
    for (const std::string& name : wanted) {
      const bool there = std::any_of(shown.begin(), shown.end(),
                                     [&](const Measure* each) { return each->name == name; });
      if (!there) NoSuchMeasure(name);
    }
    // A rollup without counts and distinct counts.
    return shown.empty() ? Shown(true) : shown;
  }

  [[noreturn]] static void NoSuchMeasure(const std::string& name) {
    throw ApiError(400, "bad_request", "there is no measure " + name,
                   "Leave it out, or name a measure of the family.");
  }

  // The measure that breakdowns are sorted by.
  const Measure* SortMeasure(const std::vector<const Measure*>& shown) const {
    if (!request_.sort.empty()) {
      for (const Measure* each : shown) {
        if (each->name == request_.sort) return each;
      }
      NoSuchMeasure(request_.sort);
    }
    if (family_.events() != nullptr && !family_.events()->hidden) return family_.events();
    return shown.empty() ? nullptr : shown.front();
  }

  json Breakdown(const Dimension& dimension) {
    const std::vector<const Measure*> measures = BreakdownMeasures();
    Needs needs = NeedsOf(measures, false);
    needs.columns.insert(dimension.name);
    const Source::Rows rows = Find(needs, span_.from, span_.to);
    const std::string& column = rows.columns.at(dimension.name);
    std::string list = fmt::format("{}::text AS value", column);
    json columns = json::array(), total = json::array();
    for (const Measure* each : measures) {
      list += fmt::format(",\n       {} AS {}", FigureSql(family_, *each, MergedFrom(rows)),
                          Quoted(Alias(family_, *each)));
      columns.push_back(each->name);
      total.push_back(values_[each->name]);
    }
    const Measure* sort = SortMeasure(measures);
    const std::string order =
        sort == nullptr ? "" : Quoted(Alias(family_, *sort)) + " DESC NULLS LAST, ";
    const std::string sql = fmt::format("SELECT {}\n{}\nGROUP BY {} ORDER BY {}value LIMIT {}",
                                        list, rows.from, column, order, kMostRows + 1);
    json made = {{"dimension", dimension.name}, {"sql", sql},
                 {"columns", columns},          {"total", total},
                 {"rows", json::array()},       {"more", false}};
    for (const json& row : snapshot_.Rows(sql)) {
      if (made["rows"].size() == kMostRows) {
        made["more"] = true;
        break;
      }
      json values = json::array();
      for (const Measure* each : measures) values.push_back(row[Alias(family_, *each)]);
      made["rows"].push_back({{"value", row["value"]},
                              {"label", family_.LabelOf(dimension.name, row["value"])},
                              {"values", values}});
    }
    return made;
  }

  // Whether a ranking says something although each count may be too high by so much: an item that
  // is not shown may have come as often as one that is, and the last as often as the first.
  static bool IsCertain(const json& rows, double error) {
    if (error == 0 || rows.empty()) return true;
    const double first = rows.front()["count"], last = rows.back()["count"];
    return 2 * error <= last && error <= first - last;
  }

  // In a full summary the count of each item is too high by at most the smallest count.
  json Top(const Measure& measure) {
    Needs needs;
    needs.columns.insert(measure.name);
    const Source::Rows rows = Find(needs, span_.from, span_.to);
    const std::string sql = fmt::format(
        R"(SELECT top.item, top.frequency AS count,
       (SELECT CASE WHEN count(*) < coalesce(current_setting('topn.number_of_counters', true)::int, 1000)
               THEN 0 ELSE min(value::bigint) END
        FROM jsonb_each_text(merged.items)) AS error
FROM (SELECT {} AS items {}) merged,
     topn(merged.items, {}) top
ORDER BY count DESC, item)",
        MergeSql(measure, rows.columns.at(measure.name)), rows.from, kTop);
    json made = {{"measure", measure.name},
                 {"sql", sql},
                 {"rows", json::array()},
                 {"error", 0},
                 {"certain", true}};
    for (const json& row : snapshot_.Rows(sql)) {
      made["error"] = row["error"];
      made["rows"].push_back({{"item", row["item"]},
                              {"label", family_.LabelOf(measure.name, row["item"])},
                              {"count", row["count"]}});
    }
    made["certain"] = IsCertain(made["rows"], made["error"]);
    return made;
  }

  Database::Snapshot& snapshot_;
  const Family& family_;
  const OverviewRequest& request_;
  const Grant& grant_;
  const std::vector<Filter> filters_;
  const Span span_;
  const Source source_;
  std::set<std::string> read_;
  std::map<std::string, double> errors_;  // of the tiles, by measure
  std::map<std::string, json> values_;
};

// There is nothing to read yet.
json NoOverview(const OverviewRequest& request, double now) {
  const auto end = static_cast<std::int64_t>(now);
  const bool between = request.kind == OverviewRequest::Kind::kBetween;
  return {{"from", Iso(between ? request.from : end - request.length.seconds())},
          {"to", Iso(between ? request.to : end)},
          {"zone", request.zone},
          {"bucket", "5m"},
          {"bucket_seconds", 300},
          {"compare", nullptr},
          {"filters", json::array()},
          {"answered_by", json::array()},
          {"tiles", {{"sql", ""}, {"rows", json::array()}}},
          {"trend",
           {{"sql", ""},
            {"columns", json::array()},
            {"errors", json::array()},
            {"rows", json::array()}}},
          {"breakdowns", json::array()},
          {"tops", json::array()}};
}

json FamilyToJson(const Family& family) {
  json made = family.ToJson();
  const Measure* events = family.events();
  if (events != nullptr && !events->hidden) {
    made["measures"].push_back({{"name", events->name + kPerSecond},
                                {"label", events->label + " per second"},
                                {"description", nullptr},
                                {"kind", "rate"},
                                {"unit", "/s"},
                                {"goal", nullptr},
                                {"type", "number"},
                                {"hidden", false}});
  }
  return made;
}

}  // namespace

json MakeOverview(Database::Snapshot& snapshot, const Families& families,
                  const OverviewRequest& request, const Grant& grant, const Standing& standing) {
  const Family* family = ChooseFamily(families, request.rollup, grant);
  json overview;
  if (family != nullptr) overview = Maker(snapshot, *family, request, grant, standing).Make();
  const bool empty = overview.is_null();
  if (empty) {
    overview =
        NoOverview(request, snapshot.Row("SELECT extract(epoch FROM now())::float8 AS now")["now"]);
  }
  overview["empty"] = empty;
  overview["family"] = family == nullptr ? json(nullptr) : FamilyToJson(*family);
  overview["limited"] = grant.limited;
  overview["families"] = json::array();
  for (const Family& each : families) {
    if (grant.limited && each.id != grant.rollup) continue;
    overview["families"].push_back({{"rollup", each.id}, {"title", each.title}});
  }
  return overview;
}

}  // namespace millrace::dashboard
