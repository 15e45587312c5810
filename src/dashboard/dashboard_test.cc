// Checks what the dashboard decides without a database: which tables answer, what names are made of
// columns, what requests mean, and what links allow.

#include <gtest/gtest.h>

#include <random>

#include "dashboard/database.h"
#include "dashboard/family.h"
#include "dashboard/figures.h"
#include "dashboard/link.h"
#include "dashboard/request.h"
#include "dashboard/source.h"
#include "dashboard/span.h"

namespace millrace::dashboard {
namespace {

RollupTable Table(const std::string& name, std::int64_t width,
                  const std::vector<std::string>& columns, double rows = 0) {
  RollupTable table;
  table.name = name;
  table.bucket = "t";
  table.width = width;
  table.rows = rows;
  for (const std::string& each : columns) table.columns[each] = each;
  return table;
}

// Rollups by 5 minutes and by the hour, each with a summary without the tenant.
Family Clicks() {
  Family family;
  family.id = "clicks";
  family.declared = true;
  for (const char* name : {"tenant", "country"}) {
    Dimension dimension;
    dimension.name = name;
    family.dimensions.push_back(dimension);
  }
  Measure events;
  events.name = "n";
  events.kind = MeasureKind::kCount;
  family.measures = {events};
  family.tables = {Table("minutes", 300, {"tenant", "country", "n"}),
                   Table("minutes_country", 300, {"country", "n"}),
                   Table("hours", 3600, {"tenant", "country", "n"}),
                   Table("hours_total", 3600, {"n"})};
  return family;
}

Span Between(std::int64_t from, std::int64_t to) {
  Span span;
  span.from = from;
  span.to = to;
  span.now = static_cast<double>(to);
  span.bucket = {Length::Unit::kSecond, 300};
  return span;
}

std::string Names(const std::vector<Piece>& pieces) {
  std::string names;
  for (const Piece& piece : pieces) names += (names.empty() ? "" : " ") + piece.table->name;
  return names;
}

TEST(Source, WideBucketsInTheMiddle) {
  const Family family = Clicks();
  const Span span = Between(1500, 3 * 3600 + 600);
  EXPECT_EQ(Names(ChoosePieces(family, {{"n"}, false}, span, span.from, span.to)),
            "minutes_country hours_total minutes_country");
  EXPECT_EQ(Names(ChoosePieces(family, {{"n", "tenant"}, false}, span, span.from, span.to)),
            "minutes hours minutes");
  // Buckets of 5 minutes cannot be had from hours.
  EXPECT_EQ(Names(ChoosePieces(family, {{"n", "tenant"}, true}, span, span.from, span.to)),
            "minutes");
}

TEST(Source, TheFewestRowsByStatistics) {
  Family family = Clicks();
  family.tables[0].rows = 100;
  family.tables[2].rows = 5000;  // an hour with more rows than twelve times five minutes
  const Span span = Between(0, 7200);
  EXPECT_EQ(Names(ChoosePieces(family, {{"n", "tenant"}, false}, span, span.from, span.to)),
            "minutes");
}

TEST(Source, TheOpenBucketOfUndeclaredTables) {
  Family family = Clicks();
  family.declared = false;
  Span span = Between(0, 7500);
  span.now = 7400;
  const auto pieces = ChoosePieces(family, {{"n", "tenant"}, false}, span, span.from, span.to);
  EXPECT_EQ(Names(pieces), "hours minutes");
  EXPECT_EQ(pieces[1].from, 7200);
  span.now = 7100;
  EXPECT_EQ(Names(ChoosePieces(family, {{"n", "tenant"}, false}, span, span.from, span.to)),
            "hours minutes");
}

// Whatever the tables: pieces follow one another without a gap, and each is of whole buckets.
TEST(Source, PiecesCoverTheSpanOnce) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  const auto up_to = [&](int most) {
    return static_cast<int>(random() % static_cast<unsigned>(most));
  };
  const std::int64_t widths[] = {300, 600, 900, 3600, 4 * 3600, 86400, 7 * 86400};
  for (int i = 0; i < 2000; ++i) {
    Family family = Clicks();
    family.declared = up_to(2) == 0;
    family.tables = {Table("first", 300, {"tenant", "country", "n"}, up_to(2) * 1000)};
    for (int more = up_to(5); more > 0; --more) {
      std::vector<std::string> columns = {"n"};
      if (up_to(2) == 0) columns.push_back("country");
      RollupTable table = Table("other", widths[up_to(7)], columns, up_to(2) * up_to(2000));
      if (table.width == 7 * 86400) table.origin = 4 * 86400;
      family.tables.push_back(table);
    }
    const std::int64_t from = 300LL * up_to(5000), to = from + 300LL * (1 + up_to(5000));
    Span span = Between(from, to);
    span.now = static_cast<double>(from + up_to(static_cast<int>(to - from)));
    span.bucket = {Length::Unit::kSecond, widths[up_to(4)]};
    Needs needs = {{"n"}, up_to(2) == 0};
    if (up_to(2) == 0) needs.columns.insert("country");
    std::int64_t at = from;
    for (const Piece& piece : ChoosePieces(family, needs, span, from, to)) {
      ASSERT_EQ(piece.from, at);
      ASSERT_LT(piece.from, piece.to);
      ASSERT_EQ((piece.from - piece.table->origin) % piece.table->width, 0);
      ASSERT_EQ((piece.to - piece.table->origin) % piece.table->width, 0);
      ASSERT_TRUE(piece.table->Has(needs.columns));
      if (needs.bucketed) {
        ASSERT_EQ(span.bucket.count % piece.table->width, 0);
      }
      at = piece.to;
    }
    ASSERT_EQ(at, to);
  }
}

TEST(Source, Filters) {
  const Family family = Clicks();
  const std::vector<Filter> filters = {{"country", false, {Value("D'E"), Value()}},
                                       {"tenant", true, {Value("1"), Value("2")}}};
  std::set<std::string> read;
  const Span span = Between(0, 300);
  const auto rows = Source(family, filters, false).Find({{"n"}, false}, span, 0, 300, &read);
  EXPECT_EQ(rows.from,
            "FROM minutes WHERE t >= '1970-01-01T00:00:00Z' AND t < '1970-01-01T00:05:00Z' AND "
            "(country IN ('D''E') OR country IS NULL) AND (tenant NOT IN ('1', '2') OR tenant IS "
            "NULL)");
}

TEST(Span, DaysOfZonesFitHoursOnlyWhereTheirOffsetsDo) {
  Span span = Between(0, 86400);
  span.bucket = {Length::Unit::kDay, 1};
  const RollupTable hours = Table("hours", 3600, {}), minutes = Table("minutes", 300, {});
  span.offsets = {3600, 7200};
  EXPECT_TRUE(span.Fits(hours));
  span.offsets = {5 * 3600 + 1800};
  EXPECT_FALSE(span.Fits(hours));
  EXPECT_TRUE(span.Fits(minutes));
  EXPECT_TRUE(span.Fits(Table("halves", 1800, {})));
}

// Statements have columns of their own, and measures have the names of anybody's columns.
TEST(Figures, ColumnsOfAStatementHaveDifferentNames) {
  Family family = Clicks();
  std::set<std::string> names = {"value", "time", "end", "now", "before", "before time"};
  const std::size_t own = names.size();
  for (const char* name : {"value", "time", "end", "now", "before", "before n", "error of n",
                           "measure 1", "bucket", "before time"}) {
    family.measures.push_back(family.measures.front());
    family.measures.back().name = name;
  }
  for (const Measure& each : family.measures) {
    for (const char* prefix : {"", "before ", "error of "}) {
      EXPECT_TRUE(names.insert(Alias(family, each, prefix)).second) << prefix << each.name;
    }
  }
  EXPECT_EQ(names.size(), own + 3 * family.measures.size());
}

TEST(Source, AColumnMayBeCalledBucket) {
  Family family = Clicks();
  for (RollupTable& table : family.tables) table.columns["bucket"] = "bucket";
  const std::vector<Filter> filters;
  const Source source(family, filters, false);
  const Span span = Between(300, 7200);
  std::set<std::string> read;
  const Source::Rows rows = source.Find({{"bucket"}, false}, span, span.from, span.to, &read);
  EXPECT_NE(rows.bucket, rows.columns.at("bucket"));
  EXPECT_NE(rows.bucket, "bucket");
}

TEST(Family, NamesOfColumns) {
  EXPECT_EQ(LabelOfMeasure("event_count", MeasureKind::kCount), "Events");
  EXPECT_EQ(LabelOfMeasure("count", MeasureKind::kCount), "Events");
  EXPECT_EQ(LabelOfMeasure("device_distinct_count", MeasureKind::kDistinct), "Distinct devices");
  EXPECT_EQ(LabelOfMeasure("unique_visitor_id", MeasureKind::kDistinct), "Distinct visitors");
  EXPECT_EQ(LabelOfMeasure("top_devices_1000", MeasureKind::kTop), "Top devices");
  EXPECT_EQ(LabelOfMeasure("revenue_sum", MeasureKind::kSum), "Revenue");
  EXPECT_EQ(LabelOfDimension("event_type"), "Event type");
  EXPECT_EQ(Plural("Country"), "Countries");
  EXPECT_EQ(Plural("Day"), "Days");
  EXPECT_EQ(Plural("Address"), "Addresses");
  EXPECT_EQ(Plural("Status"), "Statuses");
  EXPECT_EQ(Plural("Batch"), "Batches");
  EXPECT_EQ(Plural("Sessions"), "Sessions");
}

OverviewRequest Parse(const Parameters& parameters) { return OverviewRequest::Parse(parameters); }

TEST(Request, SpansAndFilters) {
  EXPECT_EQ(Parse({{"span", "48h"}}).length.seconds(), Parse({{"span", "2d"}}).length.seconds());
  EXPECT_EQ(Parse({{"span", "last-month"}}).back, 1);
  const OverviewRequest request =
      Parse({{"is.country", "DE"}, {"is.country", "DE"}, {"null.country", "is"}, {"not.b", ""}});
  ASSERT_EQ(request.filters.size(), 2U);
  EXPECT_EQ(request.filters[0].values, (std::vector<Value>{"DE", std::nullopt}));
  EXPECT_TRUE(request.filters[1].negated);
  for (const Parameters& bad : std::vector<Parameters>{{{"span", "1y"}},
                                                       {{"span", "0m"}},
                                                       {{"from", "2026-01-01T00:00:00Z"}},
                                                       {{"zone", "UTC"}, {"zone", "UTC"}},
                                                       {{"bucket", "7m"}},
                                                       {{"null.x", "yes"}},
                                                       {{"nothing", "1"}}}) {
    EXPECT_THROW(Parse(bad), ApiError) << bad[0].first << "=" << bad[0].second;
  }
}

// No two requests with different answers have the same key.
TEST(Request, Keys) {
  EXPECT_NE(Parse({{"is.a", "b"}}).Key(), Parse({{"not.a", "b"}}).Key());
  EXPECT_NE(Parse({{"is.a", "b"}, {"is.a", "c"}}).Key(), Parse({{"is.a", "b 1:c"}}).Key());
  EXPECT_NE(Parse({{"null.a", "is"}}).Key(), Parse({{"is.a", "null"}}).Key());
  EXPECT_NE(Parse({{"is.a", "1|not 1:b 1:c"}}).Key(), Parse({{"is.a", "1"}, {"not.b", "c"}}).Key());
}

TEST(Link, SaysWhatItSaidAndNothingElse) {
  const Grant grant = {true, "id", "public.r", "site", {"north", "o'east \"x\" \u00e9"}};
  const std::string key = "a key of sixteen and more", token = SignLink(grant, key);
  const auto read = ReadLink(token, key);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->tenants, grant.tenants);
  EXPECT_EQ(read->rollup, grant.rollup);
  EXPECT_TRUE(read->limited);
  EXPECT_FALSE(ReadLink(token, "another key"));
  EXPECT_FALSE(ReadLink(token, ""));
  for (std::size_t i = 0; i < token.size(); ++i) {
    std::string changed = token;
    changed[i] = changed[i] == 'A' ? 'B' : 'A';
    const auto other = ReadLink(changed, key);
    // The last letter of either part may have bits that mean nothing.
    if (other) {
      EXPECT_EQ(other->tenants, grant.tenants) << i;
    }
    EXPECT_FALSE(ReadLink(token.substr(0, i), key)) << i;
  }
}

}  // namespace
}  // namespace millrace::dashboard
