// The partitions that a consumer has, and how far it is in each of them.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "client/connection.h"
#include "kafka/client.h"
#include "kafka/offsets.h"

namespace millrace::cli {

// A partition that is ours.
struct OwnedPartition {
  using Clock = std::chrono::steady_clock;

  OffsetStep step;  // what is read of it after the batch that is written: from, to, counts
  // Where the log ended when its end was reached. What is between the last message and there is no
  // message: the last offset of a transaction, or what was compacted away.
  std::int64_t read_to = 0;
  bool in_batch = false;  // whether the batch that is filled has a step for it
  std::size_t index = 0;  // of that step
  std::string expected;   // the fingerprint of the message before step.to, not compared yet
  // Where to go on if that message is another one; empty if nobody has accepted that yet.
  std::string go_on_at;
  Clock::time_point measured;     // when the rates were found
  std::int64_t measured_at = 0;   // step.to then
  std::int64_t measured_end = 0;  // and the end of the log
};

std::string NameOf(const OffsetKey& key);

// Thread-compatible. Those that ask the brokers or the database throw CliError.
class Assignment {
 public:
  explicit Assignment(const OffsetTable& offsets) : offsets_(offsets) {}
  // Call it before all others. The handle must outlive this object.
  void Attach(rd_kafka_t* handle) { handle_ = handle; }

  // Takes a partition over; where to read from goes to `begin`. Returns the gap, if messages
  // between there and where the table is are gone.
  std::optional<TopicGap> Claim(Connection& database, const OffsetKey& key, std::int64_t* begin);
  // Goes on after a gap that was accepted and is there: at the oldest message or after the newest,
  // as go_on_at says. The partition must then be claimed again. Throws CliError if another consumer
  // has it.
  void Pass(Connection& database, const OwnedPartition& owned) const;
  // The partition is not ours any more. nullopt: it was not.
  std::optional<OffsetStep> GiveUp(const OffsetKey& key);

  // nullptr: it is of a partition that is not ours.
  OwnedPartition* Find(const rd_kafka_message_t* message);
  void ForEach(const std::function<void(OwnedPartition&)>& visit);
  std::vector<OffsetStep> Steps() const;

  // The first offset that the broker has, and the one after the last. Waits for the broker, for a
  // minute at most.
  void Watermarks(const OffsetKey& key, std::int64_t* low, std::int64_t* high) const;
  // Finds the rates and the end of the log, as far as they are known without asking.
  void Measure(OwnedPartition& owned) const;
  // Whether all partitions are read to the end that the brokers have now. False if one does not
  // say.
  bool ReadAll() const;
  // librdkafka before 2.2 sleeps for up to a second after it has read as much ahead as it may, even
  // if all of that is taken meanwhile. If that may be so, a request to the brokers wakes it. Call
  // it when there is nothing to take.
  void WakeReaders();

 private:
  const OffsetTable& offsets_;
  rd_kafka_t* handle_ = nullptr;
  std::map<std::string, std::map<std::int32_t, OwnedPartition>> owned_;
  const rd_kafka_topic_t* last_topic_ = nullptr;  // the topic of the message before, and
  std::map<std::int32_t, OwnedPartition>* last_owned_ = nullptr;  // our partitions of it
};

}  // namespace millrace::cli
