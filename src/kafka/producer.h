// The generator's events to a topic.
#pragma once

#include <memory>
#include <string>

#include "ingest/event_sink.h"
#include "kafka/client.h"

namespace millrace::cli {

struct ProducerOptions {
  KafkaOptions kafka;
  std::string topic;
};

// One message of JSON per event, keyed by its customer, so that the events of a customer are in one
// partition and in order. The producer is idempotent: what it sends again because a broker did not
// answer is in the topic once. Finish waits until the brokers have everything; done() counts what
// they have. Throws CliError.
std::unique_ptr<EventSink> OpenKafkaSink(const ProducerOptions& options);

}  // namespace millrace::cli
