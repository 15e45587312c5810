// A member of a consumer group that writes what it reads into a table.
//
// The group's protocol gives partitions to the members. A partition that is given is claimed in the
// database (offsets.h) and read from where the table says; before one is given up, what was read of
// it is written. Two threads work at the same time: one reads messages and makes a batch of rows,
// the other writes the batch before it. When a transaction fails, all that was read after the last
// commit is thrown away, and this object ends: a new one begins at the table's offsets again. So
// nothing has to be put back in order.
//
// Memory: two batches, of a sixth of `memory` each, and what librdkafka has read ahead, of a third.
// When the database is slow, no more is taken from librdkafka, which then stops reading.
#pragma once

#include <chrono>
#include <cstdint>
#include <future>
#include <memory>
#include <string>
#include <vector>

#include "kafka/assignment.h"
#include "kafka/batch_writer.h"
#include "kafka/client.h"
#include "kafka/message_rows.h"
#include "kafka/offsets.h"

namespace millrace::cli {

struct ConsumeOptions {
  KafkaOptions kafka;
  std::vector<std::string> topics;  // at least one
  std::string group;
  std::string cluster;
  MessageOptions messages;  // messages.load.table is the table
  bool from_end = false;    // a topic that was never read: begin with new messages
  std::int64_t batch_rows = 50'000;
  std::chrono::milliseconds max_delay{500};
  std::uint64_t memory = 256 << 20;
  RejectOptions rejects{};
  bool reject_tombstones = false;
  std::int64_t max_events = 0;  // stop after so many messages; 0: go on. A batch more may be read
  bool stop_at_end = false;     // stop when all that is in the topics is written
  bool quiet = false;
};

// What was done so far, over all consumers of a run.
struct ConsumeProgress {
  std::int64_t events = 0;
  std::int64_t rejects = 0;
  std::int64_t skipped = 0;
  std::int64_t lag = 0;  // of the partitions that we have
  int partitions = 0;
};

// Why a consumer has ended.
struct ConsumerEnd {
  enum class Kind {
    kDone,       // it was asked to, or has all that it should read
    kTryAgain,   // the database is away, or another has its partitions
    kStopped,    // trying again does not help
    kForPeople,  // somebody has to decide something first
  };
  Kind kind = Kind::kDone;
  std::string message;
  std::string way_out;
};

class Consumer {
 public:
  // Joins the group. Throws CliError. Everything given must outlive this object.
  Consumer(const ConsumeOptions& options, const std::string& conninfo, const TargetTable& table,
           const OffsetTable& offsets, ConsumeProgress* progress);
  ~Consumer();

  // Reads and writes until it ends. Does not throw.
  ConsumerEnd Run();

 private:
  using Clock = std::chrono::steady_clock;

  static void OnRebalance(rd_kafka_t* handle, rd_kafka_resp_err_t error,
                          rd_kafka_topic_partition_list_t* partitions, void* opaque);
  void Assigned(const rd_kafka_topic_partition_list_t* partitions);
  void Revoked(const rd_kafka_topic_partition_list_t* partitions);

  // Waits so long for messages, and takes those that are there. False if there were none.
  bool TakeMessages(std::chrono::milliseconds wait);
  void Take(MessagePtr message);
  void TakeError(const rd_kafka_message_t* message);
  void FoundGap(const TopicGap& gap);
  // Goes on after a gap that was accepted; the partitions are claimed anew.
  void PassGap(const OwnedPartition& owned);
  void AddToBatch(OwnedPartition& owned, MessagePtr message);
  bool IsFull() const;
  // Waits for the batch that is written, and begins to write the next.
  void Push();
  // Waits for the batch that is written.
  void Await();
  void FinishBatch();
  // From time to time: notes that we live, also for partitions of which nothing comes.
  void Touch();
  std::string DescribeProgress();
  void TellBroker(const std::vector<OffsetStep>& steps);
  void LeaveGroup();
  // Because of an error: for good, or until it can be tried again.
  void End(const std::exception& error);
  void End(ConsumerEnd::Kind kind, const std::string& message, const std::string& way_out = "");

  const ConsumeOptions& options_;
  const TargetTable& table_;
  const OffsetTable& offsets_;
  ConsumeProgress* const progress_;
  MessageRows rows_;
  const bool wants_headers_;
  BatchWriter writer_;
  Assignment assignment_;
  std::unique_ptr<MessageBatch> batch_;    // being filled
  std::unique_ptr<MessageBatch> written_;  // being written
  std::unique_ptr<MessageBatch> spent_;    // not needed any more
  std::future<WriteResult> writing_;
  Clock::time_point touched_;
  Clock::time_point told_;
  Clock::time_point described_;
  // Since there was nothing to take.
  std::size_t taken_messages_ = 0;
  std::size_t taken_bytes_ = 0;
  bool ended_ = false;
  bool left_ = false;
  bool was_assigned_ = false;
  ConsumerEnd end_;
  KafkaOpaque opaque_;
  KafkaHandle kafka_;  // its callbacks use the members above
  // Where the messages of all partitions are.
  std::unique_ptr<rd_kafka_queue_t, void (*)(rd_kafka_queue_t*)> queue_;
};

}  // namespace millrace::cli
