#include "kafka/producer.h"

#include <fmt/format.h>

#include <charconv>
#include <map>

#include "client/error.h"
#include "ingest/stop_signal.h"

namespace millrace::cli {
namespace {

std::map<std::string, std::string> Required(const ProducerOptions& options) {
  std::map<std::string, std::string> settings = ReadKafkaSettings(options.kafka);
  settings["enable.idempotence"] = "true";
  return settings;
}

class KafkaSink : public EventSink {
 public:
  explicit KafkaSink(const ProducerOptions& options)
      : topic_name_(options.topic),
        opaque_{nullptr, this},
        kafka_(
            RD_KAFKA_PRODUCER, Required(options),
            {{"compression.codec", "lz4"},
             {"linger.ms", "20"},
             {"partitioner", "murmur2_random"},
             {"client.id", "millrace"}},
            &opaque_,
            [](rd_kafka_conf_t* conf) { rd_kafka_conf_set_dr_msg_cb(conf, &OnDelivered); }, false),
        topic_(rd_kafka_topic_new(kafka_.get(), options.topic.c_str(), nullptr),
               &rd_kafka_topic_destroy) {
    if (topic_ == nullptr) {
      throw CliError(
          fmt::format("the topic {}: {}", options.topic, rd_kafka_err2str(rd_kafka_last_error())));
    }
  }
  ~KafkaSink() override { rd_kafka_purge(kafka_.get(), RD_KAFKA_PURGE_F_QUEUE); }

  bool Add(const ClickEvent& event) override {
    // As the columns of the events. No value that the model draws needs escapes.
    text_.clear();
    fmt::format_to(std::back_inserter(text_),
                   R"({{"event_time":"{}","customer_id":{},"event_type":"{}","country":"{}",)"
                   R"("browser":"{}","device_id":{},"session_id":{}}})",
                   writer_.FormatTime(event.event_time), event.customer_id, event.event_type,
                   event.country, event.browser, event.device_id, event.session_id);
    char key[24];
    const char* const key_end = std::to_chars(key, key + sizeof(key), event.customer_id).ptr;
    for (;;) {
      const int failed =
          rd_kafka_produce(topic_.get(), RD_KAFKA_PARTITION_UA, RD_KAFKA_MSG_F_COPY, text_.data(),
                           text_.size(), key, static_cast<std::size_t>(key_end - key), nullptr);
      if (failed == 0) break;
      if (rd_kafka_last_error() != RD_KAFKA_RESP_ERR__QUEUE_FULL) {
        throw CliError(
            fmt::format("the topic {}: {}", topic_name_, rd_kafka_err2str(rd_kafka_last_error())));
      }
      rd_kafka_poll(kafka_.get(), 100);
      Check();
      if (StopRequested()) return true;  // the caller stops
    }
    if ((++added_ & 255) == 0) {
      rd_kafka_poll(kafka_.get(), 0);
      Check();
    }
    return true;
  }

  bool Flush() override {
    rd_kafka_poll(kafka_.get(), 0);
    Check();
    return true;
  }

  void Finish() override {
    constexpr int kWait = 100;
    while (rd_kafka_flush(kafka_.get(), kWait) != RD_KAFKA_RESP_ERR_NO_ERROR) Check();
    Check();
  }

  std::int64_t done() const override { return delivered_; }

 private:
  static void OnDelivered(rd_kafka_t*, const rd_kafka_message_t* message, void* opaque) {
    auto& self = *static_cast<KafkaSink*>(static_cast<KafkaOpaque*>(opaque)->owner);
    if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
      ++self.delivered_;
    } else if (self.failure_.empty()) {
      self.failure_ = rd_kafka_err2str(message->err);
    }
  }

  void Check() {
    if (failure_.empty()) failure_ = kafka_.voice().fatal();
    if (!failure_.empty()) {
      throw CliError(fmt::format("events are not in the topic {}: {}", topic_name_, failure_));
    }
  }

  const std::string topic_name_;
  std::int64_t added_ = 0;
  std::int64_t delivered_ = 0;
  std::string failure_;
  ClickEventWriter writer_;
  std::string text_;
  KafkaOpaque opaque_;
  KafkaHandle kafka_;  // its callbacks use the members above
  std::unique_ptr<rd_kafka_topic_t, void (*)(rd_kafka_topic_t*)> topic_;
};

}  // namespace

std::unique_ptr<EventSink> OpenKafkaSink(const ProducerOptions& options) {
  return std::make_unique<KafkaSink>(options);
}

}  // namespace millrace::cli
