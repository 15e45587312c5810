#include "kafka/assignment.h"

#include <fmt/format.h>

#include <algorithm>

#include "client/error.h"
#include "ingest/stop_signal.h"

namespace millrace::cli {
namespace {

using namespace std::chrono_literals;

constexpr auto kMeasureEvery = 1s;
constexpr int kBrokerTimeout = 5'000;  // ms
constexpr auto kBrokerPatience = 60s;
// The version that does not have to be woken.
constexpr int kWakesItself = 0x020200ff;
constexpr int kWakeTimeout = 100;  // ms

double Smooth(double before, double now) { return before == 0 ? now : 0.7 * before + 0.3 * now; }

}  // namespace

std::string NameOf(const OffsetKey& key) { return fmt::format("{}/{}", key.topic, key.partition); }

void Assignment::Watermarks(const OffsetKey& key, std::int64_t* low, std::int64_t* high) const {
  const auto until = OwnedPartition::Clock::now() + kBrokerPatience;
  for (;;) {
    const auto error = rd_kafka_query_watermark_offsets(handle_, key.topic.c_str(), key.partition,
                                                        low, high, kBrokerTimeout);
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR) return;
    const auto now = OwnedPartition::Clock::now();
    if (now > until || !SleepUntil(now + 200ms)) {
      throw CliError(fmt::format("the broker does not say which offsets {} has: {}", NameOf(key),
                                 rd_kafka_err2str(error)));
    }
  }
}

std::optional<TopicGap> Assignment::Claim(Connection& database, const OffsetKey& key,
                                          std::int64_t* begin) {
  std::int64_t low = 0, high = 0;
  Watermarks(key, &low, &high);
  ClaimedOffset claimed = offsets_.Claim(database, key, low);
  OwnedPartition owned;
  if (const auto gap = offsets_.FindGap(database, key)) {
    const bool out_of_range = claimed.next_offset < low || claimed.next_offset > high;
    // If the message before is still there, whether it is the one that was read decides (Take).
    const bool will_compare = claimed.next_offset > low && !claimed.last_message.empty();
    if (gap->from != claimed.next_offset) {
      // It has gone on since: the gap was of another broker, or there for a moment.
      offsets_.CloseGap(database, key);
    } else if (!gap->go_on_at.empty() && (out_of_range || !will_compare)) {
      const std::int64_t to = gap->go_on_at == "newest" ? high : low;
      claimed = offsets_.Pass(database, {key, 0, to, ""}, claimed.epoch);
    } else {
      owned.go_on_at = gap->go_on_at;
    }
  }
  owned.step.key = key;
  owned.step.epoch = claimed.epoch;
  owned.step.from = owned.step.to = claimed.next_offset;
  owned.step.last_message = claimed.last_message;
  owned.step.log_end = high;
  owned.measured = OwnedPartition::Clock::now();
  owned.measured_at = claimed.next_offset;
  owned.measured_end = high;
  const std::int64_t next = claimed.next_offset;
  // If the message before is still there, it must be the one that was read.
  if (next > low && next <= high) owned.expected = claimed.last_message;
  *begin = owned.expected.empty() ? next : next - 1;
  owned_[key.topic][key.partition] = std::move(owned);
  last_topic_ = nullptr;
  if (next < low) {
    return TopicGap{key, next, low,
                    fmt::format("messages {} to {} are gone: the broker does not keep them so long",
                                next, low - 1)};
  }
  if (next > high) {
    return TopicGap{
        key, next, low,
        fmt::format("the messages before offset {} are read, and the topic ends at {}: it was "
                    "made anew, or its newest messages were lost",
                    next, high)};
  }
  return std::nullopt;
}

void Assignment::Pass(Connection& database, const OwnedPartition& owned) const {
  std::int64_t low = 0, high = 0;
  Watermarks(owned.step.key, &low, &high);
  const std::int64_t to = owned.go_on_at == "newest" ? high : low;
  offsets_.Pass(database, {owned.step.key, 0, to, ""}, owned.step.epoch);
}

std::optional<OffsetStep> Assignment::GiveUp(const OffsetKey& key) {
  last_topic_ = nullptr;
  const auto topic = owned_.find(key.topic);
  if (topic == owned_.end()) return std::nullopt;
  const auto found = topic->second.find(key.partition);
  if (found == topic->second.end()) return std::nullopt;
  OffsetStep step = std::move(found->second.step);
  topic->second.erase(found);
  return step;
}

OwnedPartition* Assignment::Find(const rd_kafka_message_t* message) {
  if (message->rkt != last_topic_) {
    const auto topic = owned_.find(rd_kafka_topic_name(message->rkt));
    if (topic == owned_.end()) return nullptr;
    last_topic_ = message->rkt;
    last_owned_ = &topic->second;
  }
  const auto found = last_owned_->find(message->partition);
  return found == last_owned_->end() ? nullptr : &found->second;
}

void Assignment::ForEach(const std::function<void(OwnedPartition&)>& visit) {
  for (auto& [topic, partitions] : owned_) {
    for (auto& [number, owned] : partitions) visit(owned);
  }
}

std::vector<OffsetStep> Assignment::Steps() const {
  std::vector<OffsetStep> steps;
  for (const auto& [topic, partitions] : owned_) {
    for (const auto& [number, owned] : partitions) steps.push_back(owned.step);
  }
  return steps;
}

void Assignment::Measure(OwnedPartition& owned) const {
  std::int64_t low = 0, high = 0;
  OffsetStep& step = owned.step;
  if (rd_kafka_get_watermark_offsets(handle_, step.key.topic.c_str(), step.key.partition, &low,
                                     &high) == RD_KAFKA_RESP_ERR_NO_ERROR &&
      high >= 0) {
    step.log_end = owned.read_to >= high ? step.to : high;
  }
  const auto now = OwnedPartition::Clock::now();
  const double passed = std::chrono::duration<double>(now - owned.measured).count();
  if (now - owned.measured < kMeasureEvery) return;
  step.read_per_second =
      Smooth(step.read_per_second, static_cast<double>(step.to - owned.measured_at) / passed);
  step.written_per_second = Smooth(
      step.written_per_second,
      static_cast<double>(std::max<std::int64_t>(step.log_end - owned.measured_end, 0)) / passed);
  owned.measured = now;
  owned.measured_at = step.to;
  owned.measured_end = step.log_end;
}

bool Assignment::ReadAll() const {
  for (const auto& [topic, partitions] : owned_) {
    for (const auto& [number, owned] : partitions) {
      std::int64_t low = 0, high = 0;
      if (rd_kafka_query_watermark_offsets(handle_, topic.c_str(), number, &low, &high,
                                           kBrokerTimeout) != RD_KAFKA_RESP_ERR_NO_ERROR ||
          std::max(owned.step.to, owned.read_to) < high) {
        return false;
      }
    }
  }
  return true;
}

void Assignment::WakeReaders() {
  if (rd_kafka_version() >= kWakesItself) return;
  const PartitionListPtr list(rd_kafka_topic_partition_list_new(1),
                              &rd_kafka_topic_partition_list_destroy);
  for (const auto& [topic, partitions] : owned_) {
    for (const auto& [number, owned] : partitions) {
      std::int64_t low = 0, high = 0;
      if (rd_kafka_get_watermark_offsets(handle_, topic.c_str(), number, &low, &high) !=
              RD_KAFKA_RESP_ERR_NO_ERROR ||
          owned.step.to >= high) {
        continue;
      }
      rd_kafka_topic_partition_list_add(list.get(), topic.c_str(), number)->offset =
          RD_KAFKA_OFFSET_END;
    }
  }
  // What the brokers answer does not matter.
  if (list->cnt > 0) (void)rd_kafka_offsets_for_times(handle_, list.get(), kWakeTimeout);
}

}  // namespace millrace::cli
