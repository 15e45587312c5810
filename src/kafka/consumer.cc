#include "kafka/consumer.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "client/error.h"
#include "client/output.h"
#include "ingest/stop_signal.h"

namespace millrace::cli {
namespace {

using namespace std::chrono_literals;

constexpr auto kPoll = 100ms;
constexpr auto kTouchEvery = 5s;
constexpr auto kDescribeEvery = 100ms;
// Messages that are taken together.
constexpr std::size_t kMostTaken = 1'000;
// The least that librdkafka reads ahead (consumer_group.cc), in messages or kilobytes.
constexpr std::size_t kMayBeAsleep = 1'000;
// What librdkafka and we need for a message besides its bytes.
constexpr std::size_t kMessageBytes = 600;

}  // namespace

void Consumer::End(ConsumerEnd::Kind kind, const std::string& message, const std::string& way_out) {
  if (ended_) return;
  ended_ = true;
  end_ = {kind, message, way_out};
  // It is read again from where the table says.
  batch_.reset();
}

void Consumer::End(const std::exception& error) {
  const auto* known = dynamic_cast<const CliError*>(&error);
  const auto* refused = dynamic_cast<const SqlError*>(&error);
  const bool stays = refused != nullptr && StaysFailed(*refused);
  End(stays ? ConsumerEnd::Kind::kStopped : ConsumerEnd::Kind::kTryAgain, error.what(),
      known == nullptr ? "" : known->way_out());
}

// --- messages ---------------------------------------------------------------

void Consumer::FoundGap(const TopicGap& gap) {
  FinishBatch();
  if (ended_) return;
  offsets_.Record(writer_.connection(), gap);
  std::string topics;
  for (const std::string& topic : options_.topics) topics += " --topic " + ShellWord(topic);
  const std::string command = fmt::format(
      "millrace consume{} --table {}{}", topics, ShellWord(options_.messages.load.table),
      options_.cluster.empty() ? "" : " --cluster " + ShellWord(options_.cluster));
  End(ConsumerEnd::Kind::kForPeople, fmt::format("{}: {}", NameOf(gap.key), gap.reason),
      fmt::format(
          "This is written down in millrace.kafka_gap, and nothing more is read of these "
          "topics. To go on with the oldest message that is there:\n"
          "  {} --accept-gaps oldest\n"
          "or only with those that are written from then on:\n"
          "  {} --accept-gaps newest\n"
          "with the options for the database, if there are any; then start the consumer again.",
          command, command));
}

void Consumer::PassGap(const OwnedPartition& owned) {
  FinishBatch();
  if (ended_) return;
  assignment_.Pass(writer_.connection(), owned);
  End(ConsumerEnd::Kind::kTryAgain, "");
}

void Consumer::TakeError(const rd_kafka_message_t* message) {
  switch (message->err) {
    case RD_KAFKA_RESP_ERR__PARTITION_EOF:
      if (OwnedPartition* owned = assignment_.Find(message)) owned->read_to = message->offset;
      return;
    case RD_KAFKA_RESP_ERR__MAX_POLL_EXCEEDED:  // partitions are given up by the callback
      return;
    case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:
    case RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE: {
      OwnedPartition* owned = message->rkt == nullptr ? nullptr : assignment_.Find(message);
      if (owned == nullptr) return;
      const OffsetKey key = owned->step.key;
      const std::int64_t next = owned->step.to;
      std::int64_t low = 0, high = 0;
      assignment_.Watermarks(key, &low, &high);
      FoundGap({key, next, low,
                next < low
                    ? fmt::format("messages {} to {} are gone: the broker did not keep them "
                                  "until they were read",
                                  next, low - 1)
                    : fmt::format("offset {} is not there any more, the topic has {} to {}: it "
                                  "was made anew, or its newest messages were lost",
                                  next, low, high)});
      return;
    }
    case RD_KAFKA_RESP_ERR__BAD_MSG:
    case RD_KAFKA_RESP_ERR__BAD_COMPRESSION:
    case RD_KAFKA_RESP_ERR_INVALID_MSG:
      // The library would go on after what it cannot read, and we with it.
      End(ConsumerEnd::Kind::kStopped,
          fmt::format("what the broker sends is damaged: {}", rd_kafka_message_errstr(message)),
          "Nothing of it is taken; it is read again when the consumer is started again.");
      return;
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
      End(ConsumerEnd::Kind::kStopped, fmt::format("Kafka: {}", rd_kafka_message_errstr(message)),
          "The user of --config needs the rights Read and Describe for the topics and Read for the "
          "group.");
      return;
    default:
      kafka_.voice().Say(fmt::format("Kafka: {}", rd_kafka_message_errstr(message)));
  }
}

bool Consumer::TakeMessages(std::chrono::milliseconds wait) {
  // The library's call for many messages waits until it has as many as it may give. So the first
  // comes alone, and what is there besides it without waiting.
  MessagePtr first(rd_kafka_consumer_poll(kafka_.get(), 0), &rd_kafka_message_destroy);
  if (first == nullptr) {
    if (taken_messages_ >= kMayBeAsleep || taken_bytes_ >= kMayBeAsleep << 10) {
      assignment_.WakeReaders();
    }
    taken_messages_ = taken_bytes_ = 0;
    first.reset(rd_kafka_consumer_poll(kafka_.get(), static_cast<int>(wait.count())));
  }
  if (first == nullptr) return false;
  Take(std::move(first));
  const std::size_t in_batch = batch_ == nullptr ? 0 : batch_->size();
  const std::size_t room =
      std::min(kMostTaken, static_cast<std::size_t>(options_.batch_rows) - in_batch);
  if (ended_ || room == 0) return true;
  std::array<rd_kafka_message_t*, kMostTaken> messages;
  const ssize_t count = rd_kafka_consume_batch_queue(queue_.get(), 0, messages.data(), room);
  for (ssize_t i = 0; i < count; ++i) {
    MessagePtr message(messages[static_cast<std::size_t>(i)], &rd_kafka_message_destroy);
    if (!ended_) Take(std::move(message));
  }
  return true;
}

void Consumer::Take(MessagePtr message) {
  ++taken_messages_;
  taken_bytes_ += message->len;
  if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
    TakeError(message.get());
    return;
  }
  OwnedPartition* owned = assignment_.Find(message.get());
  if (owned == nullptr) return;
  const std::int64_t offset = message->offset;
  if (offset < owned->step.to) {
    if (offset + 1 != owned->step.to || owned->expected.empty()) return;
    if (FingerprintOf(message.get()) == std::exchange(owned->expected, "")) {
      // A gap that was accepted here is not there.
      if (!std::exchange(owned->go_on_at, "").empty()) {
        FinishBatch();
        if (!ended_) offsets_.CloseGap(writer_.connection(), owned->step.key);
      }
    } else if (!owned->go_on_at.empty()) {
      PassGap(*owned);
    } else {
      std::int64_t low = 0, high = 0;
      assignment_.Watermarks(owned->step.key, &low, &high);
      FoundGap(
          {owned->step.key, owned->step.to, low,
           fmt::format("the message at offset {} is not the one that was read: the topic was made "
                       "anew, or is that of another cluster",
                       offset)});
    }
    return;
  }
  // It has been compacted away.
  owned->expected.clear();
  if (!owned->go_on_at.empty()) {
    PassGap(*owned);
    return;
  }
  AddToBatch(*owned, std::move(message));
}

void Consumer::AddToBatch(OwnedPartition& owned, MessagePtr message) {
  if (batch_ == nullptr) {
    batch_ = std::make_unique<MessageBatch>();
    batch_->begun = Clock::now();
  }
  MessageBatch& batch = *batch_;
  if (!owned.in_batch) {
    owned.in_batch = true;
    owned.index = batch.steps.size();
    OffsetStep step = owned.step;
    step.from = step.to;
    batch.steps.push_back(std::move(step));
    batch.last.push_back(0);
  }
  OffsetStep& step = batch.steps[owned.index];
  const std::size_t origin = batch.messages.size();
  step.to = owned.step.to = message->offset + 1;
  batch.last[owned.index] = origin;
  batch.step_of.push_back(owned.index);
  batch.bytes += kMessageBytes + message->len + message->key_len;
  if (message->payload == nullptr) {
    if (options_.reject_tombstones) {
      batch.bad.push_back({origin, "it has no payload (a tombstone)"});
      ++step.rejects;
    } else {
      ++step.skipped;
    }
  } else {
    std::string reason = rows_.Take(ReadMessage(message.get(), wants_headers_));
    if (reason.empty()) {
      batch.rows.Add(rows_, origin);
      ++step.events;
    } else {
      batch.bad.push_back({origin, std::move(reason)});
      ++step.rejects;
    }
  }
  batch.messages.push_back(std::move(message));
}

// --- writing ----------------------------------------------------------------

bool Consumer::IsFull() const {
  return batch_ != nullptr && (static_cast<std::int64_t>(batch_->size()) >= options_.batch_rows ||
                               batch_->bytes + batch_->rows.bytes() >= options_.memory / 6);
}

void Consumer::Await() {
  if (!writing_.valid()) return;
  const WriteResult result = writing_.get();
  // Its messages are freed later: the database should not wait for that.
  spent_ = std::move(written_);
  switch (result.outcome) {
    case WriteResult::Outcome::kCommitted:
      progress_->events += static_cast<std::int64_t>(result.events);
      progress_->rejects += static_cast<std::int64_t>(result.rejects);
      for (const OffsetStep& step : spent_->steps) progress_->skipped += step.skipped;
      TellBroker(spent_->steps);
      break;
    case WriteResult::Outcome::kFenced:
    case WriteResult::Outcome::kLost:
      End(ConsumerEnd::Kind::kTryAgain, result.message);
      break;
    case WriteResult::Outcome::kStopped:
      End(result.for_people ? ConsumerEnd::Kind::kForPeople : ConsumerEnd::Kind::kStopped,
          result.message, result.way_out);
  }
}

void Consumer::Push() {
  Await();
  if (ended_ || batch_ == nullptr) return;
  progress_->lag = 0;
  progress_->partitions = 0;
  assignment_.ForEach([this](OwnedPartition& owned) {
    assignment_.Measure(owned);
    ++progress_->partitions;
    progress_->lag += std::max<std::int64_t>(owned.step.log_end - owned.step.to, 0);
    if (!std::exchange(owned.in_batch, false)) return;
    OffsetStep& step = batch_->steps[owned.index];
    const rd_kafka_message_t* last = batch_->messages[batch_->last[owned.index]].get();
    step.last_message = owned.step.last_message = FingerprintOf(last);
    step.message_time = ReadMessage(last, false).milliseconds.value_or(-1);
    step.log_end = owned.step.log_end;
    step.read_per_second = owned.step.read_per_second;
    step.written_per_second = owned.step.written_per_second;
  });
  written_ = std::move(batch_);
  const BlockStopSignals block;
  writing_ = std::async(std::launch::async,
                        [this, batch = written_.get()] { return writer_.Write(*batch); });
  spent_.reset();
}

void Consumer::FinishBatch() {
  if (!ended_) Push();
  Await();
  spent_.reset();
}

void Consumer::Touch() {
  if (writing_.valid() || Clock::now() - touched_ < kTouchEvery) return;
  touched_ = Clock::now();
  assignment_.ForEach([this](OwnedPartition& owned) { assignment_.Measure(owned); });
  if (!offsets_.Touch(writer_.connection(), assignment_.Steps())) {
    End(ConsumerEnd::Kind::kTryAgain, "another consumer has taken a partition over");
  }
}

// --- the loop ---------------------------------------------------------------

ConsumerEnd Consumer::Run() {
  const auto messages = [this] {
    return progress_->events + progress_->rejects + progress_->skipped +
           static_cast<std::int64_t>(batch_ == nullptr ? 0 : batch_->size()) +
           static_cast<std::int64_t>(written_ == nullptr ? 0 : written_->size());
  };
  Progress line("consume", "events", 0, options_.quiet);
  try {
    while (!ended_) {
      const bool enough = options_.max_events > 0 && messages() >= options_.max_events;
      if (StopRequested() || enough) {
        FinishBatch();
        break;
      }
      const auto now = Clock::now();
      if (writing_.valid() && writing_.wait_for(0s) == std::future_status::ready) Await();
      const bool due = batch_ != nullptr && now - batch_->begun >= options_.max_delay;
      if (IsFull() || (due && !writing_.valid())) {
        Await();
        if (!ended_) Touch();
        Push();
      }
      spent_.reset();
      if (ended_) break;
      auto wait = kPoll;
      if (batch_ != nullptr && !writing_.valid()) {
        wait = std::clamp(
            std::chrono::ceil<std::chrono::milliseconds>(batch_->begun + options_.max_delay - now),
            1ms, kPoll);
      } else if (writing_.valid()) {
        wait = 5ms;
      }
      const bool idle = !TakeMessages(wait);
      if (now - described_ >= kDescribeEvery) {
        described_ = now;
        line.Update(progress_->events, DescribeProgress());
      }
      if (!idle) continue;
      if (const std::string fatal = kafka_.voice().fatal(); !fatal.empty()) {
        End(ConsumerEnd::Kind::kStopped, fatal);
      }
      Touch();
      if (options_.stop_at_end && was_assigned_ && batch_ == nullptr && !writing_.valid() &&
          assignment_.ReadAll()) {
        break;
      }
    }
  } catch (const std::exception& e) {
    End(e);
  }
  LeaveGroup();
  return end_;
}

std::string Consumer::DescribeProgress() {
  std::string text;
  double read = 0, written = 0;
  assignment_.ForEach([&](const OwnedPartition& owned) {
    read += owned.step.read_per_second;
    written += owned.step.written_per_second;
  });
  if (progress_->rejects > 0) text += FormatCount(progress_->rejects) + " rejected, ";
  text +=
      fmt::format("{} partitions, {} behind", progress_->partitions, FormatCount(progress_->lag));
  if (progress_->lag > 0 && read > written) {
    text += fmt::format(", caught up in {}",
                        FormatDuration(static_cast<double>(progress_->lag) / (read - written)));
  }
  return text;
}

}  // namespace millrace::cli
