#include "kafka/local_broker.h"

// clang-format off
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
// clang-format on

#include "client/error.h"

namespace millrace::cli {

LocalBroker::LocalBroker(const std::string& topic, int partitions)
    : host_(
          RD_KAFKA_PRODUCER, {}, {}, &opaque_, [](rd_kafka_conf_t*) {}, true),
      cluster_(rd_kafka_mock_cluster_new(host_.get(), 1), &rd_kafka_mock_cluster_destroy) {
  if (cluster_ == nullptr || rd_kafka_mock_topic_create(cluster_.get(), topic.c_str(), partitions,
                                                        1) != RD_KAFKA_RESP_ERR_NO_ERROR) {
    throw CliError("cannot make a broker in this process");
  }
}

std::string LocalBroker::address() const {
  return rd_kafka_mock_cluster_bootstraps(cluster_.get());
}

}  // namespace millrace::cli
