// Topics of Kafka that are read into tables: how far each partition is, and what is wrong.
#pragma once

#include <nlohmann/json.hpp>
#include <vector>

#include "monitor/session.h"
#include "monitor/warning.h"

namespace millrace::monitor {

// Partitions, by table, topic and number:
//   table, cluster, topic, partition, consumer (null: nobody), next_offset, log_end (null: not
//   known), lag (messages that are not read, as the consumer last knew), seconds_behind (how old
//   the last message that was read is while others wait; null: not known), catch_up_seconds (null:
//   not at this rate), read_per_second, written_per_second, events, rejects, skipped, seen_seconds
//   (since the consumer wrote last), seen_at, stopped_because
// Empty without an extension that has them.
nlohmann::json LookAtKafka(Session& session);

// kafka_gap, kafka_stopped, kafka_behind, kafka_rejects. `partitions`: what LookAtKafka returned.
std::vector<Warning> JudgeKafka(Session& session, const nlohmann::json& partitions);

}  // namespace millrace::monitor
