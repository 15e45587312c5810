// librdkafka for C++: settings, handles that free themselves, what it says.
#pragma once

#include <librdkafka/rdkafka.h>

#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "kafka/message.h"

namespace millrace::cli {

// How the brokers are reached, as the user says it.
struct KafkaOptions {
  std::string brokers;      // host:port, with commas between; may be in the file instead
  std::string config_file;  // lines of NAME=VALUE, as librdkafka names its settings; empty: none
  std::vector<std::pair<std::string, std::string>> settings;  // the same, without secrets
};

// The settings of a file and of the options, of which the latter win. Throws CliError, without the
// secret, if a secret is on the command line or in a file that others can read, if a setting is one
// that exactly once rests on, or if no broker is named.
std::map<std::string, std::string> ReadKafkaSettings(const KafkaOptions& options);

// A handle for a consumer or a producer.
class KafkaHandle {
 public:
  // What the library says: whether all brokers are down, and the last errors. It is told so in its
  // own threads.
  class Voice {
   public:
    explicit Voice(bool quiet) : quiet_(quiet) {}
    // Says on standard error what is new; the same text at most once in 30 seconds.
    void Say(const std::string& text);
    // An error after which nothing works any more, or by which we are not let in; empty: none.
    std::string fatal() const;
    void Fail(const std::string& why);

   private:
    const bool quiet_;
    mutable std::mutex mutex_;
    std::string fatal_;
    std::map<std::string, std::chrono::steady_clock::time_point> said_;
  };

  // `settings` of librdkafka; one that this version does not know is an error, unless it is in
  // `wanted`. `configure` may set callbacks. Throws CliError.
  KafkaHandle(rd_kafka_type_t type, const std::map<std::string, std::string>& settings,
              const std::map<std::string, std::string>& wanted, void* opaque,
              void (*configure)(rd_kafka_conf_t*), bool quiet);

  rd_kafka_t* get() const { return handle_.get(); }
  Voice& voice() { return *voice_; }

 private:
  std::unique_ptr<Voice> voice_;
  std::unique_ptr<rd_kafka_t, void (*)(rd_kafka_t*)> handle_;
};

// What callbacks are given as `opaque`: the voice first, then the owner.
struct KafkaOpaque {
  KafkaHandle::Voice* voice = nullptr;
  void* owner = nullptr;
};

using MessagePtr = std::unique_ptr<rd_kafka_message_t, void (*)(rd_kafka_message_t*)>;
using PartitionListPtr =
    std::unique_ptr<rd_kafka_topic_partition_list_t, void (*)(rd_kafka_topic_partition_list_t*)>;

// The message; its texts are those of `message`. Its headers only if they are wanted.
KafkaMessage ReadMessage(const rd_kafka_message_t* message, bool headers);
// The message's time, in milliseconds since 1970; negative: it has none.
std::int64_t TimeOf(const rd_kafka_message_t* message);
// A fingerprint of what the message is, whoever gives it: its time, key and payload.
std::string FingerprintOf(const rd_kafka_message_t* message);

}  // namespace millrace::cli
