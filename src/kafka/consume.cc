#include "kafka/consume.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <optional>

#include "client/error.h"
#include "client/output.h"
#include "ingest/stop_signal.h"
#include "kafka/batch_writer.h"

namespace millrace::cli {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

std::string WhoWeAre() {
  char host[256] = "";
  gethostname(host, sizeof(host) - 1);
  return fmt::format("{}:{}", host, getpid());
}

// What one consumer needs besides the options. Looked up anew for each, because the table may have
// changed while the database was away.
struct Target {
  TargetTable table;
  OffsetTable offsets;
};

Target Find(const std::string& conninfo, const ConsumeOptions& options) {
  Connection connection = Connection::Open(conninfo);
  OffsetTable::CheckThere(connection);
  const std::string& zone = options.messages.load.time_zone;
  if (!zone.empty()) {
    connection.Execute("SELECT pg_catalog.set_config('TimeZone', $1, false)", {zone.c_str()});
  }
  TargetTable table =
      FindTargetTable(connection, QualifiedName::Parse(options.messages.load.table));
  OffsetTable offsets(table, options.cluster, options.group, WhoWeAre());
  return {std::move(table), std::move(offsets)};
}

// For topics that were never read: writes down where they end now, for all of their partitions at
// once, so that consumers that begin together agree on it.
void BeginAtEnd(const std::string& conninfo, const ConsumeOptions& options) {
  const Target target = Find(conninfo, options);
  Connection connection = Connection::Open(conninfo);
  KafkaOpaque opaque;
  KafkaHandle kafka(
      RD_KAFKA_PRODUCER, ReadKafkaSettings(options.kafka), {}, &opaque, [](rd_kafka_conf_t*) {},
      false);
  constexpr int kTimeout = 30'000;
  for (const std::string& topic : options.topics) {
    if (target.offsets.Knows(connection, topic)) continue;
    const std::unique_ptr<rd_kafka_topic_t, void (*)(rd_kafka_topic_t*)> handle(
        rd_kafka_topic_new(kafka.get(), topic.c_str(), nullptr), &rd_kafka_topic_destroy);
    const rd_kafka_metadata_t* metadata = nullptr;
    auto error = rd_kafka_metadata(kafka.get(), 0, handle.get(), &metadata, kTimeout);
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
      throw CliError(fmt::format("the broker does not say which partitions {} has: {}", topic,
                                 rd_kafka_err2str(error)));
    }
    const int partitions = metadata->topic_cnt == 1 ? metadata->topics[0].partition_cnt : 0;
    if (metadata->topic_cnt == 1) error = metadata->topics[0].err;
    rd_kafka_metadata_destroy(metadata);
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
      throw CliError(fmt::format("the broker does not say which partitions {} has: {}", topic,
                                 rd_kafka_err2str(error)));
    }
    connection.Execute("BEGIN");
    for (int partition = 0; partition < partitions; ++partition) {
      std::int64_t low = 0, high = 0;
      error = rd_kafka_query_watermark_offsets(kafka.get(), topic.c_str(), partition, &low, &high,
                                               kTimeout);
      if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
        throw CliError(fmt::format("the broker does not say where {}/{} ends: {}", topic, partition,
                                   rd_kafka_err2str(error)));
      }
      target.offsets.Claim(connection, {topic, partition}, high);
    }
    connection.Execute("COMMIT");
  }
}

// Whoever is told to stop while it waits to go on, or while the group gives it partitions, has left
// them claimed.
void ReleaseAll(const std::string& conninfo, const ConsumeOptions& options) {
  try {
    const Target target = Find(conninfo, options);
    Connection connection = Connection::Open(conninfo);
    target.offsets.ReleaseAll(connection);
  } catch (const CliError&) {
    // The database is away. The epoch lets others claim them.
  }
}

}  // namespace

ConsumeProgress Consume(const std::string& conninfo, const ConsumeOptions& options) {
  InstallStopSignals();
  constexpr auto kFirstWait = 200ms, kLongestWait = 5'000ms;
  ConsumeProgress progress;
  auto wait = std::chrono::milliseconds(kFirstWait);
  bool began = false;
  std::string said;
  for (const std::string& topic : options.topics) {
    // librdkafka would take it for a pattern.
    if (topic.starts_with('^')) throw CliError(fmt::format("{} is no name of a topic", topic));
  }
  if (options.from_end) BeginAtEnd(conninfo, options);
  while (!StopRequested()) {
    ConsumerEnd end;
    const std::int64_t before = progress.events;
    try {
      const Target target = Find(conninfo, options);
      Consumer consumer(options, conninfo, target.table, target.offsets, &progress);
      began = true;
      if (!said.empty()) fmt::print(stderr, "Going on.\n");
      said.clear();
      end = consumer.Run();
    } catch (const SqlError& e) {
      if (!began || StaysFailed(e)) throw;
      end = {ConsumerEnd::Kind::kTryAgain, e.what(), e.way_out()};
    } catch (const CliError& e) {
      if (!began) throw;
      end = {ConsumerEnd::Kind::kTryAgain, e.what(), e.way_out()};
    }
    switch (end.kind) {
      case ConsumerEnd::Kind::kDone:
        ReleaseAll(conninfo, options);
        return progress;
      case ConsumerEnd::Kind::kStopped:
        throw CliError(end.message, end.way_out);
      case ConsumerEnd::Kind::kForPeople:
        throw CliError(end.message, end.way_out, kNeedsDecision);
      case ConsumerEnd::Kind::kTryAgain:
        break;
    }
    if (end.message != said) {
      said = end.message;
      fmt::print(stderr, "{}\n{}{}Nothing is lost; waiting to go on.\n", said, end.way_out,
                 end.way_out.empty() ? "" : "\n");
    }
    wait = progress.events > before ? std::chrono::milliseconds(kFirstWait)
                                    : std::min<std::chrono::milliseconds>(2 * wait, kLongestWait);
    if (!SleepUntil(Clock::now() + wait)) break;
  }
  if (began) ReleaseAll(conninfo, options);
  return progress;
}

std::vector<std::string> AcceptGaps(const std::string& conninfo, const ConsumeOptions& options,
                                    const std::string& go_on_at) {
  const Target target = Find(conninfo, options);
  Connection connection = Connection::Open(conninfo);
  return target.offsets.AcceptGaps(connection, options.topics, go_on_at);
}

}  // namespace millrace::cli
