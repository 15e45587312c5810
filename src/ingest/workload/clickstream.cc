#include "ingest/workload/clickstream.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace millrace {
namespace {

using Uint128 = unsigned __int128;

constexpr std::array<std::string_view, 4> kEventTypes = {"view", "click", "add_to_cart",
                                                         "purchase"};
constexpr std::array<std::string_view, 7> kCountries = {
    "Germany", "France", "United States", "Japan", "Brazil", "India", "United States"};
constexpr std::array<std::string_view, 4> kBrowsers = {"Chrome", "Firefox", "Safari", "Edge"};

// Cumulative shares of 2^16 for the realistic model.
constexpr std::array<std::uint32_t, 4> kEventTypeShares = {41'000, 59'000, 64'000, 65'536};
constexpr std::array<std::uint32_t, 7> kCountryShares = {14'000, 22'000, 40'000, 48'000,
                                                         54'000, 65'536, 65'536};
constexpr std::array<std::uint32_t, 4> kBrowserShares = {42'000, 48'000, 60'000, 65'536};

// Without branches, because the processor cannot predict which share is drawn.
template <std::size_t N>
std::uint8_t PickShare(const std::array<std::uint32_t, N>& cumulative, std::uint64_t draw16) {
  unsigned i = 0;
  for (std::size_t k = 0; k + 1 < N; ++k) i += draw16 >= cumulative[k] ? 1 : 0;
  return static_cast<std::uint8_t>(i);
}

// The rhythm of a day: the traffic at each full hour of UTC, in an arbitrary unit, with steps of
// five minutes between. Integers, so that every machine gives the same.
constexpr int kStepsPerDay = 288;
constexpr std::int64_t kStepMicros = kMicrosPerDay / kStepsPerDay;
constexpr std::array<std::uint64_t, 24> kHourlyTraffic = {30,  24,  20,  18,  20,  28,  42,  60,
                                                          78,  92,  100, 106, 110, 108, 104, 104,
                                                          108, 116, 128, 140, 136, 112, 78,  48};

constexpr std::array<std::uint64_t, kStepsPerDay + 1> MakeRhythm() {
  std::array<std::uint64_t, kStepsPerDay + 1> sums = {};
  for (int step = 0; step < kStepsPerDay; ++step) {
    const std::uint64_t from = kHourlyTraffic[step / 12];
    const std::uint64_t to = kHourlyTraffic[(step / 12 + 1) % 24];
    const std::uint64_t part = step % 12;
    sums[step + 1] = sums[step] + from * (12 - part) + to * part;
  }
  return sums;
}
// kRhythm[s]: traffic of the steps before s, per microsecond of a step.
constexpr auto kRhythm = MakeRhythm();
constexpr std::uint64_t kRhythmPerDay = kRhythm[kStepsPerDay] * kStepMicros;
static_assert(Uint128{kRhythmPerDay} * 600 * 366 < UINT64_MAX);

// From a time of a day to the traffic since its start, and back. Counted from the start of a day
// and not from kMinEventTime, because it must fit in 64 bits; it does for spans of up to 600 years.
std::uint64_t RhythmSince(std::int64_t day_start, std::int64_t time) {
  const auto offset = static_cast<std::uint64_t>(time - day_start);
  const std::uint64_t in_day = offset % kMicrosPerDay;
  const std::uint64_t step = in_day / kStepMicros;
  return offset / kMicrosPerDay * kRhythmPerDay + kRhythm[step] * kStepMicros +
         (kRhythm[step + 1] - kRhythm[step]) * (in_day % kStepMicros);
}

std::int64_t TimeOfRhythm(std::int64_t day_start, std::uint64_t traffic) {
  const std::uint64_t in_day = traffic % kRhythmPerDay;
  const auto next =
      std::upper_bound(kRhythm.begin(), kRhythm.end(), in_day / kStepMicros) - kRhythm.begin();
  const auto step = static_cast<std::size_t>(next - 1);
  const std::uint64_t rest = in_day - kRhythm[step] * kStepMicros;
  return day_start +
         static_cast<std::int64_t>(traffic / kRhythmPerDay * kMicrosPerDay + step * kStepMicros +
                                   rest / (kRhythm[step + 1] - kRhythm[step]));
}

std::int64_t DayStart(std::int64_t time) {
  std::int64_t in_day = time % kMicrosPerDay;
  if (in_day < 0) in_day += kMicrosPerDay;
  return time - in_day;
}

char* PutTwoDigits(char* out, unsigned value) {
  out[0] = static_cast<char>('0' + value / 10);
  out[1] = static_cast<char>('0' + value % 10);
  return out + 2;
}

char* PutNumber(char* out, std::int64_t value) {
  char digits[20];
  char* at = digits + sizeof digits;
  auto rest = static_cast<std::uint64_t>(value);
  do {
    *--at = static_cast<char>('0' + rest % 10);
    rest /= 10;
  } while (rest != 0);
  const std::size_t length = digits + sizeof digits - at;
  std::memcpy(out, at, length);
  return out + length;
}

char* PutText(char* out, std::string_view text) {
  std::memcpy(out, text.data(), text.size());
  return out + text.size();
}

}  // namespace

Status ValidateClickstreamOptions(const ClickstreamOptions& options) {
  constexpr std::int64_t kMaxIds = std::int64_t{1} << 62;
  const std::int64_t max_zipf = options.model == ClickModel::kRealistic ? kMaxZipfIds : kMaxIds;
  if (options.customers < 1 || options.customers > max_zipf) {
    return Status::InvalidParameter("the number of customers must be 1 to 16777216");
  }
  if (options.devices < 1 || options.devices > max_zipf) {
    return Status::InvalidParameter("the number of devices must be 1 to 16777216");
  }
  if (options.sessions < 1 || options.sessions > kMaxIds) {
    return Status::InvalidParameter("the number of sessions must be at least 1");
  }
  if (options.late_parts_per_million < 0 || options.late_parts_per_million > 1'000'000) {
    return Status::InvalidParameter("the share of late events must lie between 0 and 1");
  }
  if (options.late_by < 1 || options.late_by > kMaxEventTime) {
    return Status::InvalidParameter("the lateness of late events must be positive");
  }
  if (!(options.events_per_second >= 0)) {
    return Status::InvalidParameter("events per second must not be negative");
  }
  return Status::Ok();
}

const std::vector<std::string>& ClickEventColumns() {
  static const std::vector<std::string> columns = {
      "event_time", "customer_id", "event_type", "country", "browser", "device_id", "session_id"};
  return columns;
}

// Vose's construction with integers: slot k has weight 2^32 / (k + 1). A slot below the average is
// filled up by one above it, which keeps the rest of its own weight. Weights times n stay below
// 2^56, so every step is exact and all machines build the same table.
ZipfTable::ZipfTable(std::int64_t n) : slots_(static_cast<std::size_t>(n)) {
  const auto count = static_cast<std::uint64_t>(n);
  std::vector<std::uint64_t> weight(count);
  std::uint64_t total = 0;
  for (std::uint64_t k = 0; k < count; ++k) {
    weight[k] = (std::uint64_t{1} << 32) / (k + 1);
    total += weight[k];
  }
  std::vector<std::uint32_t> small;
  std::vector<std::uint32_t> large;
  for (std::uint64_t k = 0; k < count; ++k) {
    weight[k] *= count;  // the average is now `total`
    (weight[k] < total ? small : large).push_back(static_cast<std::uint32_t>(k));
  }
  while (!small.empty() && !large.empty()) {
    const std::uint32_t poor = small.back();
    const std::uint32_t rich = large.back();
    small.pop_back();
    slots_[poor] = {static_cast<std::uint32_t>((Uint128{weight[poor]} << 32) / total), rich};
    weight[rich] -= total - weight[poor];
    if (weight[rich] < total) {
      large.pop_back();
      small.push_back(rich);
    }
  }
  // The slots that are left have exactly the average, so they keep all of their draws.
  for (const auto& rest : {small, large}) {
    for (const std::uint32_t k : rest) slots_[k] = {UINT32_MAX, k};
  }
}

std::int64_t ZipfTable::Draw(Xoshiro256& random) const noexcept {
  const Uint128 product = Uint128{random.Next()} * slots_.size();
  const auto slot = static_cast<std::size_t>(product >> 64);
  // With at most 2^24 slots, the fraction of the product still has 40 random bits for the second
  // choice.
  const auto coin = static_cast<std::uint32_t>(static_cast<std::uint64_t>(product) >> 32);
  return coin < slots_[slot].keep ? static_cast<std::int64_t>(slot) : slots_[slot].alias;
}

struct Clickstream::Realistic {
  struct Session {
    std::int64_t ends = INT64_MIN;
    std::int64_t session_id = 0;
    std::uint32_t customer_id = 0;  // kMaxZipfIds fits
    std::uint32_t device_id = 0;
    std::uint8_t country = 0;
    std::uint8_t browser = 0;
  };
  static_assert(sizeof(Session) == 32);

  explicit Realistic(const ClickstreamOptions& options)
      : customers(options.customers), devices(options.devices) {
    // Little's law: sessions alive = arrivals x lifetime. A session has on average eight minutes
    // and twelve events, so the number is rate x 480 s / 12. The limit bounds memory (32 bytes
    // each).
    const double alive = options.events_per_second * 480.0 / 12.0;
    const std::int64_t cap = std::min<std::int64_t>(options.sessions, 1 << 20);
    sessions.resize(alive >= static_cast<double>(cap)
                        ? cap
                        : std::max<std::int64_t>(1, static_cast<std::int64_t>(alive)));
  }

  ZipfTable customers;
  ZipfTable devices;
  std::vector<Session> sessions;  // those alive; when drawn, one that has ended is replaced
  std::size_t next = 0;  // drawn one event ahead, so that its cache line is there when it is needed
  std::int64_t started = 0;
};

Clickstream::Clickstream(const ClickstreamOptions& options)
    : options_(options), random_(options.seed) {
  if (options.model == ClickModel::kRealistic) realistic_ = std::make_unique<Realistic>(options);
}
Clickstream::~Clickstream() = default;
Clickstream::Clickstream(Clickstream&&) noexcept = default;
Clickstream& Clickstream::operator=(Clickstream&&) noexcept = default;

ClickEvent Clickstream::Next(std::int64_t stream_time) {
  ClickEvent event;
  event.event_time = stream_time;
  if (realistic_ != nullptr) {
    DrawRealistic(stream_time, event);
  } else {
    DrawUniform(event);
  }
  if (options_.late_parts_per_million > 0 &&
      random_.Below(1'000'000) < static_cast<std::uint64_t>(options_.late_parts_per_million)) {
    event.event_time -= 1 + static_cast<std::int64_t>(random_.Below(options_.late_by));
  }
  return event;
}

void Clickstream::DrawUniform(ClickEvent& event) {
  event.customer_id = 1 + static_cast<std::int64_t>(random_.Below(options_.customers));
  event.device_id = 1 + static_cast<std::int64_t>(random_.Below(options_.devices));
  event.session_id = 1 + static_cast<std::int64_t>(random_.Below(options_.sessions));
  // One word serves three small draws: 2 bits, 2 bits, and the upper 32 bits for the country.
  const std::uint64_t word = random_.Next();
  event.event_type = kEventTypes[word & 3];
  event.browser = kBrowsers[(word >> 2) & 3];
  event.country = kCountries[((word >> 32) * kCountries.size()) >> 32];
}

void Clickstream::DrawRealistic(std::int64_t stream_time, ClickEvent& event) {
  auto& sessions = realistic_->sessions;
  Realistic::Session& session = sessions[realistic_->next];
  realistic_->next = random_.Below(sessions.size());
  __builtin_prefetch(&sessions[realistic_->next]);
  if (session.ends <= stream_time) {
    const bool first = session.session_id == 0;
    const std::int64_t device = realistic_->devices.Draw(random_);
    session.customer_id = static_cast<std::uint32_t>(1 + realistic_->customers.Draw(random_));
    session.device_id = static_cast<std::uint32_t>(1 + device);
    session.session_id = 1 + realistic_->started++ % options_.sessions;
    // A device is always in the same country and runs the same browser.
    const std::uint64_t traits =
        SplitMix64(options_.seed ^ SplitMix64(static_cast<std::uint64_t>(device)));
    session.country = PickShare(kCountryShares, traits >> 48);
    session.browser = PickShare(kBrowserShares, (traits >> 32) & 0xffff);
    const auto life = static_cast<std::int64_t>(60 + random_.Below(841)) * kMicrosPerSecond;
    // When the stream begins, there are sessions of every age; they do not all start at once.
    session.ends =
        stream_time +
        (first ? 1 + static_cast<std::int64_t>(random_.Below(static_cast<std::uint64_t>(life)))
               : life);
  }
  event.customer_id = session.customer_id;
  event.device_id = session.device_id;
  event.session_id = session.session_id;
  event.country = kCountries[session.country];
  event.browser = kBrowsers[session.browser];
  event.event_type = kEventTypes[PickShare(kEventTypeShares, random_.Next() >> 48)];
}

EventTimeline::EventTimeline(ClickModel model, std::uint64_t seed, std::int64_t start,
                             std::int64_t end, std::int64_t count)
    : model_(model),
      seed_(SplitMix64(seed)),
      start_(start),
      end_(end),
      first_(0),
      length_(static_cast<std::uint64_t>(end - start)),
      count_(static_cast<std::uint64_t>(count)) {
  // Beyond 600 years the sums of the rhythm would not fit in 64 bits. In such a span nobody would
  // see it.
  if (end - start > 600 * 366 * kMicrosPerDay) model_ = ClickModel::kUniform;
  if (model_ == ClickModel::kRealistic) {
    first_ = RhythmSince(DayStart(start), start);
    length_ = RhythmSince(DayStart(start), end) - first_;
  }
}

std::int64_t EventTimeline::At(std::int64_t index) const {
  // Event i is somewhere in the i-th of `count` equal parts. The jitter is a hash of the index, so
  // times can be asked for in any order.
  const auto i = static_cast<std::uint64_t>(index);
  const std::uint64_t jitter = SplitMix64(seed_ ^ i) >> 32;
  const auto part = static_cast<std::uint64_t>(Uint128{i} * length_ / count_);
  const auto next = static_cast<std::uint64_t>(Uint128{i + 1} * length_ / count_);
  const std::uint64_t at =
      first_ + part + static_cast<std::uint64_t>((Uint128{next - part} * jitter) >> 32);
  if (model_ == ClickModel::kUniform) return start_ + static_cast<std::int64_t>(at);
  return std::clamp(TimeOfRhythm(DayStart(start_), at), start_, end_ - 1);
}

std::string_view ClickEventWriter::FormatTime(std::int64_t event_time) {
  const std::int64_t time = std::clamp(event_time, kMinEventTime, kMaxEventTime - 1);
  std::int64_t second = time / kMicrosPerSecond;
  std::int64_t micros = time % kMicrosPerSecond;
  if (micros < 0) {
    micros += kMicrosPerSecond;
    --second;
  }
  if (second != second_) {
    second_ = second;
    const std::int64_t since_min = second - kMinEventTime / kMicrosPerSecond;
    const auto in_day = static_cast<unsigned>(since_min % 86'400);
    // From days to a date: civil_from_days of Howard Hinnant ("chrono-Compatible Low-Level Date
    // Algorithms"), for days counted from 0000-03-01, which is 306 days before 0001-01-01.
    const std::int64_t days = since_min / 86'400 + 306;
    const auto era = static_cast<unsigned>(days / 146'097);
    const auto day_of_era = static_cast<unsigned>(days % 146'097);
    const unsigned year_of_era =
        (day_of_era - day_of_era / 1'460 + day_of_era / 36'524 - day_of_era / 146'096) / 365;
    const unsigned day_of_year =
        day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    const unsigned shifted_month = (5 * day_of_year + 2) / 153;  // 0 is March
    const unsigned day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    const unsigned month = shifted_month < 10 ? shifted_month + 3 : shifted_month - 9;
    const unsigned year = year_of_era + era * 400 + (month <= 2 ? 1 : 0);
    std::memcpy(text_, "0000-00-00 00:00:00.000000+00", 29);
    PutTwoDigits(PutTwoDigits(text_, year / 100), year % 100);
    PutTwoDigits(text_ + 5, month);
    PutTwoDigits(text_ + 8, day);
    PutTwoDigits(text_ + 11, in_day / 3'600);
    PutTwoDigits(text_ + 14, in_day / 60 % 60);
    PutTwoDigits(text_ + 17, in_day % 60);
  }
  const auto fraction = static_cast<unsigned>(micros);
  PutTwoDigits(text_ + 20, fraction / 10'000);
  PutTwoDigits(text_ + 22, fraction / 100 % 100);
  PutTwoDigits(text_ + 24, fraction % 100);
  return {text_, 29};
}

void ClickEventWriter::AppendCsv(const ClickEvent& event, std::string* out) {
  char line[256];  // 29 of time, three numbers of at most 19 digits, names of at most 13, commas
  char* at = PutText(line, FormatTime(event.event_time));
  *at++ = ',';
  at = PutNumber(at, event.customer_id);
  for (const std::string_view text : {event.event_type, event.country, event.browser}) {
    *at++ = ',';
    at = PutText(at, text.substr(0, 32));
  }
  *at++ = ',';
  at = PutNumber(at, event.device_id);
  *at++ = ',';
  at = PutNumber(at, event.session_id);
  *at++ = '\n';
  out->append(line, static_cast<std::size_t>(at - line));
}

}  // namespace millrace
