// The clickstream of the workshop as a model with a seed: who clicked what, where, when.
//
// The same options give the same events on every machine. A stream has two parts: an EventTimeline
// places the events of a stream in time, and a Clickstream draws everything else, given the time.
// Times are microseconds since 1970-01-01 00:00 UTC, without leap seconds.
//
// Thread-compatible: one thread at a time uses an object.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/status.h"
#include "ingest/workload/random.h"

namespace millrace {

inline constexpr std::int64_t kMicrosPerSecond = 1'000'000;
inline constexpr std::int64_t kMicrosPerDay = 86'400 * kMicrosPerSecond;
// The event times that can be written: from 0001-01-01 to before 10000-01-01.
inline constexpr std::int64_t kMinEventTime = -719'162 * kMicrosPerDay;
inline constexpr std::int64_t kMaxEventTime = 2'932'897 * kMicrosPerDay;

enum class ClickModel {
  // As in the tutorial: every column is drawn on its own, and all values are equally likely (one
  // country is in the list of 7 twice, and so is drawn twice as often).
  kUniform,
  // As in a real shop: few large tenants and busy devices (Zipf, exponent 1), sessions of one
  // device at one tenant that last 1 to 15 minutes, more views than purchases, and a rhythm of the
  // day (in UTC).
  kRealistic,
};

struct ClickstreamOptions {
  ClickModel model = ClickModel::kUniform;
  std::uint64_t seed = 1;
  // Ids run from 1 to these numbers. Realistic sessions are numbered in the order of their start,
  // and begin again at 1 after `sessions`.
  std::int64_t customers = 1'000;   // 1 .. kMaxZipfIds when realistic, else 1 .. 2^62
  std::int64_t devices = 10'000;    // the same
  std::int64_t sessions = 100'000;  // 1 .. 2^62
  // The share of late events (0 .. 1,000,000 parts per million). The event time of a late event is
  // up to `late_by` microseconds before its place in the stream.
  std::int64_t late_parts_per_million = 0;
  std::int64_t late_by = 600 * kMicrosPerSecond;  // >= 1
  // About how many events there are per second of event time; more realistic sessions overlap if
  // there are more. >= 0.
  double events_per_second = 1'000;
};

// The Zipf tables take 8 bytes per id.
inline constexpr std::int64_t kMaxZipfIds = 1 << 24;

// Whether `options` are within the ranges above.
Status ValidateClickstreamOptions(const ClickstreamOptions& options);

struct ClickEvent {
  std::int64_t event_time = 0;
  std::int64_t customer_id = 0;
  std::string_view event_type;  // these three point to constants
  std::string_view country;
  std::string_view browser;
  std::int64_t device_id = 0;
  std::int64_t session_id = 0;
};

// The columns in the order in which AppendCsv writes them: events without its serial event_id.
const std::vector<std::string>& ClickEventColumns();

// Draws from 0 .. n-1 with weights 1, 1/2, 1/3, ... 1/n by Walker's alias method in Vose's form
// ("A Linear Algorithm for Generating Random Numbers with a Given Distribution", 1991).
class ZipfTable {
 public:
  // REQUIRES: 1 <= n <= kMaxZipfIds. 8 bytes for each of n.
  explicit ZipfTable(std::int64_t n);
  std::int64_t Draw(Xoshiro256& random) const noexcept;

 private:
  struct Slot {
    std::uint32_t keep;   // the share of draws, of 2^32, that stay with this slot
    std::uint32_t alias;  // where the others go
  };
  std::vector<Slot> slots_;
};

// Draws events one after another.
class Clickstream {
 public:
  // REQUIRES: ValidateClickstreamOptions(options).ok().
  explicit Clickstream(const ClickstreamOptions& options);
  ~Clickstream();
  Clickstream(Clickstream&&) noexcept;
  Clickstream& operator=(Clickstream&&) noexcept;

  // The next event, whose place in the stream is `stream_time`; its event_time is that, or earlier
  // for a late event. REQUIRES: stream_time never decreases from call to call (realistic sessions
  // need that).
  ClickEvent Next(std::int64_t stream_time);

 private:
  struct Realistic;
  void DrawUniform(ClickEvent& event);
  void DrawRealistic(std::int64_t stream_time, ClickEvent& event);

  ClickstreamOptions options_;
  Xoshiro256 random_;
  std::unique_ptr<Realistic> realistic_;  // null when uniform
};

// Places `count` events in [start, end): evenly, with jitter, for the uniform model; with more by
// day than by night for the realistic one.
class EventTimeline {
 public:
  // REQUIRES: count >= 1, start < end, both within kMinEventTime .. kMaxEventTime.
  EventTimeline(ClickModel model, std::uint64_t seed, std::int64_t start, std::int64_t end,
                std::int64_t count);

  // The time of event `index`, 0 .. count-1. Never decreases with the index.
  std::int64_t At(std::int64_t index) const;

 private:
  ClickModel model_;
  std::uint64_t seed_;
  std::int64_t start_;
  std::int64_t end_;
  std::uint64_t first_;   // the events lie evenly in [first_, first_ + length_): microseconds from
  std::uint64_t length_;  // start, or traffic since the start's day
  std::uint64_t count_;
};

// Writes events as CSV lines, "2026-01-31 08:15:00.123456+00,17,click,Germany,Firefox,4711,99\n".
// No value that the model draws needs quotes.
class ClickEventWriter {
 public:
  // Appends one line to `out`. REQUIRES: event_time within kMinEventTime .. kMaxEventTime; times
  // outside are written as the nearest end.
  void AppendCsv(const ClickEvent& event, std::string* out);
  // "2026-01-31 08:15:00.123456+00". The view lasts until the next call.
  std::string_view FormatTime(std::int64_t event_time);

 private:
  std::int64_t second_ = INT64_MIN;  // the second that text_ holds
  char text_[32] = {};
};

}  // namespace millrace
