#include "ingest/workload/clickstream.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <map>
#include <set>

namespace millrace {
namespace {

constexpr std::int64_t kStart = 1'767'225'600 * kMicrosPerSecond;  // 2026-01-01 00:00 UTC

std::vector<ClickEvent> Draw(const ClickstreamOptions& options, int count,
                             std::int64_t gap = 1'000) {
  Clickstream stream(options);
  std::vector<ClickEvent> events;
  for (int i = 0; i < count; ++i) events.push_back(stream.Next(kStart + i * gap));
  return events;
}

std::string ToCsv(const std::vector<ClickEvent>& events) {
  ClickEventWriter writer;
  std::string text;
  for (const ClickEvent& event : events) writer.AppendCsv(event, &text);
  return text;
}

// Known results of the published algorithms: what splitmix64.c and xoshiro256plusplus.c print.
TEST(Random, MatchesThePublishedGenerators) {
  EXPECT_EQ(SplitMix64(0), 0xe220a8397b1dcdafULL);
  EXPECT_EQ(SplitMix64(0x9e3779b97f4a7c15ULL), 0x6e789e6aa1b965f4ULL);
  Xoshiro256 random(0);
  EXPECT_EQ(random.Next(), 0x53175d61490b23dfULL);
  EXPECT_EQ(random.Next(), 0x61da6f3dc380d507ULL);
}

TEST(Random, ScaleCoversTheRangeAndNoMore) {
  EXPECT_EQ(Xoshiro256::Scale(0, 7), 0u);
  EXPECT_EQ(Xoshiro256::Scale(UINT64_MAX, 7), 6u);
  EXPECT_EQ(Xoshiro256::Scale(UINT64_MAX, 1), 0u);
}

TEST(Clickstream, SameSeedSameEventsOnEveryMachine) {
  for (const ClickModel model : {ClickModel::kUniform, ClickModel::kRealistic}) {
    ClickstreamOptions options;
    options.model = model;
    options.late_parts_per_million = 100'000;
    const std::string text = ToCsv(Draw(options, 1'000));
    EXPECT_EQ(text, ToCsv(Draw(options, 1'000)));
    options.seed = 2;
    EXPECT_NE(text, ToCsv(Draw(options, 1'000)));
  }
}

TEST(Clickstream, GoldenFirstLines) {
  ClickstreamOptions options;
  EXPECT_EQ(ToCsv(Draw(options, 2)),
            "2026-01-01 00:00:00.000000+00,812,add_to_cart,India,Firefox,7472,10016\n"
            "2026-01-01 00:00:00.001000+00,185,click,Japan,Chrome,5905,98688\n");
  options.model = ClickModel::kRealistic;
  EXPECT_EQ(ToCsv(Draw(options, 2)),
            "2026-01-01 00:00:00.000000+00,101,view,India,Edge,7472,1\n"
            "2026-01-01 00:00:00.001000+00,96,view,Germany,Chrome,5235,2\n");
}

TEST(Clickstream, UniformIsUniformOverTheTutorialsRanges) {
  const auto events = Draw({}, 200'000);
  std::map<std::string_view, int> types, countries, browsers;
  std::set<std::int64_t> customers, devices, sessions;
  for (const ClickEvent& event : events) {
    ++types[event.event_type];
    ++countries[event.country];
    ++browsers[event.browser];
    customers.insert(event.customer_id);
    devices.insert(event.device_id);
    sessions.insert(event.session_id);
  }
  EXPECT_EQ(*customers.begin(), 1);
  EXPECT_EQ(*customers.rbegin(), 1'000);
  EXPECT_EQ(customers.size(), 1'000u);
  EXPECT_EQ(devices.size(), 10'000u);
  EXPECT_LE(*sessions.rbegin(), 100'000);
  EXPECT_NEAR(static_cast<double>(sessions.size()), 100'000 * (1 - std::exp(-2.0)), 1'000);
  EXPECT_EQ(types.size(), 4u);
  for (const auto& [name, count] : types) EXPECT_NEAR(count, 50'000, 1'500) << name;
  EXPECT_EQ(browsers.size(), 4u);
  for (const auto& [name, count] : browsers) EXPECT_NEAR(count, 50'000, 1'500) << name;
  EXPECT_EQ(countries.size(), 6u);
  for (const auto& [name, count] : countries) {
    EXPECT_NEAR(count, name == "United States" ? 57'143 : 28'571, 1'500) << name;
  }
}

TEST(Zipf, FollowsOneOverRank) {
  const ZipfTable table(1'000);
  Xoshiro256 random(7);
  std::vector<int> counts(1'000);
  constexpr int kDraws = 2'000'000;
  for (int i = 0; i < kDraws; ++i) ++counts[static_cast<std::size_t>(table.Draw(random))];
  double harmonic = 0;
  for (int k = 1; k <= 1'000; ++k) harmonic += 1.0 / k;
  for (int k = 1; k <= 1'000; k += 37) {
    const double expected = kDraws / (k * harmonic);
    EXPECT_NEAR(counts[static_cast<std::size_t>(k - 1)], expected, 5 * std::sqrt(expected) + 1)
        << k;
  }
}

TEST(Zipf, SmallestAndLargest) {
  Xoshiro256 random(1);
  EXPECT_EQ(ZipfTable(1).Draw(random), 0);
  const ZipfTable large(1 << 20);
  for (int i = 0; i < 1'000; ++i) {
    const std::int64_t drawn = large.Draw(random);
    EXPECT_GE(drawn, 0);
    EXPECT_LT(drawn, 1 << 20);
  }
}

TEST(Clickstream, RealisticSessionsLiveMinutesAtOneTenantOnOneDevice) {
  ClickstreamOptions options;
  options.model = ClickModel::kRealistic;
  options.sessions = 1'000'000;
  options.events_per_second = 100;
  struct Seen {
    std::int64_t customer, device, first, last;
    int events;
  };
  std::map<std::int64_t, Seen> sessions;
  const auto events = Draw(options, 360'000, 10'000);  // an hour
  for (const ClickEvent& event : events) {
    auto [at, fresh] = sessions.try_emplace(
        event.session_id, Seen{event.customer_id, event.device_id, event.event_time, 0, 0});
    EXPECT_EQ(at->second.customer, event.customer_id);
    EXPECT_EQ(at->second.device, event.device_id);
    at->second.last = event.event_time;
    ++at->second.events;
  }
  double minutes = 0;
  for (const auto& [id, seen] : sessions) {
    EXPECT_LE(seen.last - seen.first, 900 * kMicrosPerSecond);
    minutes += static_cast<double>(seen.last - seen.first) / (60.0 * kMicrosPerSecond);
  }
  minutes /= static_cast<double>(sessions.size());
  EXPECT_GT(minutes, 4);
  EXPECT_LT(minutes, 9);
  const double per_session = 360'000.0 / static_cast<double>(sessions.size());
  EXPECT_GT(per_session, 8);
  EXPECT_LT(per_session, 16);
}

TEST(Clickstream, RealisticHasLargeTenantsAndDevicesKeepTheirCountry) {
  ClickstreamOptions options;
  options.model = ClickModel::kRealistic;
  std::map<std::int64_t, int> customers;
  std::map<std::int64_t, std::set<std::pair<std::string_view, std::string_view>>> traits;
  std::map<std::string_view, int> types;
  for (const ClickEvent& event : Draw(options, 500'000)) {
    ++customers[event.customer_id];
    ++types[event.event_type];
    traits[event.device_id].emplace(event.country, event.browser);
    ASSERT_LE(event.customer_id, 1'000);
    ASSERT_LE(event.device_id, 10'000);
    ASSERT_LE(event.session_id, 100'000);
  }
  EXPECT_GT(customers[1], 10 * customers[100]);
  EXPECT_GT(types["view"], 10 * types["purchase"]);
  EXPECT_GT(types["purchase"], 0);
  for (const auto& [device, seen] : traits) EXPECT_EQ(seen.size(), 1u) << device;
}

TEST(Clickstream, StatedShareOfLateEvents) {
  ClickstreamOptions options;
  options.late_parts_per_million = 20'000;
  options.late_by = 60 * kMicrosPerSecond;
  int late = 0;
  const auto events = Draw(options, 200'000);
  for (std::size_t i = 0; i < events.size(); ++i) {
    const std::int64_t behind =
        kStart + static_cast<std::int64_t>(i) * 1'000 - events[i].event_time;
    EXPECT_GE(behind, 0);
    EXPECT_LE(behind, options.late_by);
    late += behind > 0 ? 1 : 0;
  }
  EXPECT_NEAR(late, 4'000, 350);
}

TEST(Clickstream, OptionsOutOfRangeAreRefused) {
  const auto refused = [](auto change) {
    ClickstreamOptions options;
    options.model = ClickModel::kRealistic;
    change(options);
    return !ValidateClickstreamOptions(options).ok();
  };
  EXPECT_FALSE(refused([](auto&) {}));
  EXPECT_TRUE(refused([](auto& o) { o.customers = 0; }));
  EXPECT_TRUE(refused([](auto& o) { o.customers = kMaxZipfIds + 1; }));
  EXPECT_TRUE(refused([](auto& o) { o.devices = -1; }));
  EXPECT_TRUE(refused([](auto& o) { o.sessions = 0; }));
  EXPECT_TRUE(refused([](auto& o) { o.late_parts_per_million = 1'000'001; }));
  EXPECT_TRUE(refused([](auto& o) { o.late_by = 0; }));
  EXPECT_TRUE(refused([](auto& o) { o.events_per_second = -1; }));
}

TEST(EventTimeline, EvenMonotoneAndWithinTheSpan) {
  for (const ClickModel model : {ClickModel::kUniform, ClickModel::kRealistic}) {
    const std::int64_t end = kStart + 3'600 * kMicrosPerSecond;
    const EventTimeline timeline(model, 1, kStart + 17, end, 100'000);
    std::int64_t previous = kStart + 17;
    for (int i = 0; i < 100'000; ++i) {
      const std::int64_t time = timeline.At(i);
      ASSERT_GE(time, previous);
      ASSERT_LT(time, end);
      previous = time;
    }
    EXPECT_LT(timeline.At(0), kStart + kMicrosPerSecond);
    EXPECT_GT(timeline.At(99'999), end - kMicrosPerSecond);
  }
}

TEST(EventTimeline, ShortestAndLongestSpans) {
  const EventTimeline one(ClickModel::kRealistic, 1, kStart, kStart + 1, 10);
  EXPECT_EQ(one.At(0), kStart);
  EXPECT_EQ(one.At(9), kStart);
  const EventTimeline all(ClickModel::kRealistic, 1, kMinEventTime, kMaxEventTime, 1'000'000);
  EXPECT_GE(all.At(0), kMinEventTime);
  EXPECT_LT(all.At(999'999), kMaxEventTime);
  const EventTimeline century(ClickModel::kRealistic, 1, kStart, kStart + 36'525 * kMicrosPerDay,
                              std::int64_t{1} << 40);
  EXPECT_GT(century.At((std::int64_t{1} << 40) - 1), kStart + 36'524 * kMicrosPerDay);
}

TEST(EventTimeline, TheDayHasARhythm) {
  const EventTimeline timeline(ClickModel::kRealistic, 1, kStart, kStart + 2 * kMicrosPerDay,
                               480'000);
  std::array<int, 48> hours = {};
  for (int i = 0; i < 480'000; ++i) {
    ++hours[static_cast<std::size_t>((timeline.At(i) - kStart) / (3'600 * kMicrosPerSecond))];
  }
  EXPECT_GT(hours[19], 5 * hours[3]);
  for (std::size_t hour = 0; hour < 24; ++hour) {
    EXPECT_NEAR(hours[hour], hours[hour + 24], 2) << hour;
  }
}

TEST(ClickEventWriter, Dates) {
  ClickEventWriter writer;
  EXPECT_EQ(writer.FormatTime(0), "1970-01-01 00:00:00.000000+00");
  EXPECT_EQ(writer.FormatTime(-1), "1969-12-31 23:59:59.999999+00");
  EXPECT_EQ(writer.FormatTime(kMinEventTime), "0001-01-01 00:00:00.000000+00");
  EXPECT_EQ(writer.FormatTime(kMaxEventTime - 1), "9999-12-31 23:59:59.999999+00");
  EXPECT_EQ(writer.FormatTime(kStart + 59 * kMicrosPerDay - 1), "2026-02-28 23:59:59.999999+00");
  EXPECT_EQ(writer.FormatTime(951'782'400 * kMicrosPerSecond), "2000-02-29 00:00:00.000000+00");
  EXPECT_EQ(writer.FormatTime(951'868'800 * kMicrosPerSecond), "2000-03-01 00:00:00.000000+00");
}

TEST(ClickEventWriter, ColumnsAreInTheOrderOfTheLine) {
  ClickEvent event;
  event.customer_id = 17;
  event.event_type = "click";
  event.country = "Japan";
  event.browser = "Edge";
  event.device_id = 4'711;
  event.session_id = INT64_MAX;
  std::string text;
  ClickEventWriter().AppendCsv(event, &text);
  EXPECT_EQ(text, "1970-01-01 00:00:00.000000+00,17,click,Japan,Edge,4711,9223372036854775807\n");
  EXPECT_EQ(ClickEventColumns().size(), 7u);
  EXPECT_EQ(ClickEventColumns()[5], "device_id");
}

}  // namespace
}  // namespace millrace
