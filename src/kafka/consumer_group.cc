// How a consumer joins its group, is given partitions, and leaves.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "client/error.h"
#include "ingest/stop_signal.h"
#include "kafka/consumer.h"

namespace millrace::cli {
namespace {

using namespace std::chrono_literals;

constexpr auto kTellEvery = 5s;

std::map<std::string, std::string> Required(const ConsumeOptions& options) {
  std::map<std::string, std::string> settings = ReadKafkaSettings(options.kafka);
  settings["group.id"] = options.group;
  settings["enable.auto.commit"] = "false";
  settings["enable.auto.offset.store"] = "false";
  settings["auto.offset.reset"] = "error";
  settings["enable.partition.eof"] = "true";
  return settings;
}

std::map<std::string, std::string> Wanted(std::uint64_t memory) {
  // It counts the bytes of messages only, which are often a quarter of what they take.
  const std::uint64_t read_ahead = memory / 3;
  const auto text = [](std::uint64_t value) { return std::to_string(value); };
  return {
      {"queued.max.messages.kbytes", text(std::max<std::uint64_t>(read_ahead / 4 >> 10, 1'024))},
      {"queued.min.messages",
       text(std::clamp<std::uint64_t>(read_ahead / 1'000, 1'000, 1'000'000))},
      {"fetch.max.bytes", text(std::clamp<std::uint64_t>(memory / 16, 1'000'000, 50 << 20))},
      {"fetch.message.max.bytes", text(std::clamp<std::uint64_t>(memory / 256, 100'000, 1 << 20))},
      // A message that is longer must not stop everything behind it.
      {"receive.message.max.bytes", "1100000000"},
      {"fetch.queue.backoff.ms", "20"},
      {"fetch.wait.max.ms", "250"},
      // So that a consumer that was killed is replaced soon.
      {"session.timeout.ms", "10000"},
      {"check.crcs", "true"},
      {"client.id", "millrace"},
  };
}

}  // namespace

Consumer::Consumer(const ConsumeOptions& options, const std::string& conninfo,
                   const TargetTable& table, const OffsetTable& offsets, ConsumeProgress* progress)
    : options_(options),
      table_(table),
      offsets_(offsets),
      progress_(progress),
      rows_(options.messages, table),
      wants_headers_(
          options.messages.format == PayloadFormat::kCloudEvents ||
          std::any_of(options.messages.parts.begin(), options.messages.parts.end(),
                      [](const MessageColumn& part) { return part.part == MessagePart::kHeader; })),
      writer_(conninfo, table, offsets, options.rejects, options.messages.load.time_zone,
              options.quiet),
      assignment_(offsets),
      touched_(Clock::now()),
      told_(touched_),
      opaque_{nullptr, this},
      kafka_(
          RD_KAFKA_CONSUMER, Required(options), Wanted(options.memory), &opaque_,
          [](rd_kafka_conf_t* conf) { rd_kafka_conf_set_rebalance_cb(conf, &OnRebalance); }, false),
      queue_(nullptr, &rd_kafka_queue_destroy) {
  assignment_.Attach(kafka_.get());
  rd_kafka_poll_set_consumer(kafka_.get());
  queue_.reset(rd_kafka_queue_get_consumer(kafka_.get()));
  const PartitionListPtr topics(
      rd_kafka_topic_partition_list_new(static_cast<int>(options.topics.size())),
      &rd_kafka_topic_partition_list_destroy);
  for (const std::string& topic : options.topics) {
    rd_kafka_topic_partition_list_add(topics.get(), topic.c_str(), RD_KAFKA_PARTITION_UA);
  }
  const auto error = rd_kafka_subscribe(kafka_.get(), topics.get());
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
    throw CliError(fmt::format("cannot subscribe: {}", rd_kafka_err2str(error)));
  }
}

Consumer::~Consumer() { LeaveGroup(); }

void Consumer::OnRebalance(rd_kafka_t* handle, rd_kafka_resp_err_t error,
                           rd_kafka_topic_partition_list_t* partitions, void* opaque) {
  auto& self = *static_cast<Consumer*>(static_cast<KafkaOpaque*>(opaque)->owner);
  const char* protocol = rd_kafka_rebalance_protocol(handle);
  const bool cooperative = protocol != nullptr && std::string_view(protocol) == "COOPERATIVE";
  // Nothing may be thrown through the library.
  try {
    if (error == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
      self.Assigned(partitions);
    } else {
      self.Revoked(partitions);
    }
  } catch (const std::exception& e) {
    self.End(e);
  }
  rd_kafka_error_t* failed = nullptr;
  auto failed_plain = RD_KAFKA_RESP_ERR_NO_ERROR;
  if (error == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS && !self.ended_) {
    if (cooperative) {
      failed = rd_kafka_incremental_assign(handle, partitions);
    } else {
      failed_plain = rd_kafka_assign(handle, partitions);
    }
  } else if (cooperative && error != RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
    failed = rd_kafka_incremental_unassign(handle, partitions);
  } else {
    failed_plain = rd_kafka_assign(handle, nullptr);
  }
  if (failed != nullptr) {
    self.End(ConsumerEnd::Kind::kTryAgain, rd_kafka_error_string(failed));
    rd_kafka_error_destroy(failed);
  }
  if (failed_plain != RD_KAFKA_RESP_ERR_NO_ERROR) {
    self.End(ConsumerEnd::Kind::kTryAgain, rd_kafka_err2str(failed_plain));
  }
}

void Consumer::Assigned(const rd_kafka_topic_partition_list_t* partitions) {
  FinishBatch();
  for (int i = 0; i < partitions->cnt && !ended_; ++i) {
    rd_kafka_topic_partition_t& partition = partitions->elems[i];
    const auto gap = assignment_.Claim(writer_.connection(), {partition.topic, partition.partition},
                                       &partition.offset);
    if (gap) FoundGap(*gap);
  }
  was_assigned_ = was_assigned_ || partitions->cnt > 0;
}

void Consumer::Revoked(const rd_kafka_topic_partition_list_t* partitions) {
  // Also where the partitions are lost already: if another has claimed one, nothing is written, and
  // it is not released.
  FinishBatch();
  // The end releases all that are still there.
  if (ended_) return;
  std::vector<OffsetStep> given_up;
  for (int i = 0; i < partitions->cnt; ++i) {
    auto step = assignment_.GiveUp({partitions->elems[i].topic, partitions->elems[i].partition});
    if (step) given_up.push_back(std::move(*step));
  }
  offsets_.Release(writer_.connection(), given_up, "");
}

// So that tools that watch consumer groups see how far we are. Nothing reads it back.
void Consumer::TellBroker(const std::vector<OffsetStep>& steps) {
  if (Clock::now() - told_ < kTellEvery) return;
  told_ = Clock::now();
  const PartitionListPtr list(rd_kafka_topic_partition_list_new(static_cast<int>(steps.size())),
                              &rd_kafka_topic_partition_list_destroy);
  for (const OffsetStep& step : steps) {
    rd_kafka_topic_partition_list_add(list.get(), step.key.topic.c_str(), step.key.partition)
        ->offset = step.to;
  }
  rd_kafka_commit(kafka_.get(), list.get(), 1);
}

void Consumer::LeaveGroup() {
  if (std::exchange(left_, true)) return;
  if (writing_.valid()) writing_.wait();
  const bool failed = ended_;
  rd_kafka_consumer_close(kafka_.get());
  // Messages must not outlive the handle.
  batch_.reset();
  written_.reset();
  spent_.reset();
  // What is tried again claims its partitions anew, unless the program was told to stop.
  const bool try_again = end_.kind == ConsumerEnd::Kind::kTryAgain;
  if (!failed || (try_again && !StopRequested())) return;
  try {
    // What failed may have left a transaction behind.
    writer_.connection().Execute("ROLLBACK");
    offsets_.Release(writer_.connection(), assignment_.Steps(), try_again ? "" : end_.message);
  } catch (const CliError&) {
    // The message is said in any case.
  }
}

}  // namespace millrace::cli
