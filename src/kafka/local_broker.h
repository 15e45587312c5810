// A broker in this process, for a demonstration on one machine: librdkafka's mock cluster. It keeps
// nothing on disk and at most 5 MB of a partition, and ends with this object.
#pragma once

#include <memory>
#include <string>

#include "kafka/client.h"

struct rd_kafka_mock_cluster_s;

namespace millrace::cli {

class LocalBroker {
 public:
  // Throws CliError.
  LocalBroker(const std::string& topic, int partitions);
  // For --brokers.
  std::string address() const;

 private:
  KafkaOpaque opaque_;
  KafkaHandle host_;
  std::unique_ptr<rd_kafka_mock_cluster_s, void (*)(rd_kafka_mock_cluster_s*)> cluster_;
};

}  // namespace millrace::cli
