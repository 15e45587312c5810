#include "monitor/kafka.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <tuple>

#include "client/text.h"

namespace millrace::monitor {
namespace {

using nlohmann::json;

// A consumer writes at least every five seconds; when the database or the broker was away, it takes
// somewhat longer to come back.
constexpr double kSilence = 60;
constexpr double kPatience = 60;

constexpr const char* kThere =
    "SELECT to_regclass('millrace.kafka_offset') IS NOT NULL AND "
    "has_table_privilege(to_regclass('millrace.kafka_offset'), 'SELECT') AS there";

constexpr const char* kPartitions =
    "SELECT o.table_name::text AS table, o.cluster, o.topic, o.partition, o.consumer, o.next_offset, "
    "o.log_end, x.lag, CASE WHEN x.lag = 0 THEN 0 WHEN o.message_time IS NOT NULL THEN "
    "greatest(extract(epoch FROM clock_timestamp() - o.message_time), 0)::float8 END AS "
    "seconds_behind, CASE WHEN x.lag = 0 THEN 0 WHEN o.consumer IS NOT NULL AND o.read_per_second > "
    "o.written_per_second THEN x.lag / (o.read_per_second - o.written_per_second) END AS "
    "catch_up_seconds, coalesce(o.read_per_second, 0) AS read_per_second, "
    "coalesce(o.written_per_second, 0) AS written_per_second, o.events, o.rejects, o.skipped, "
    "extract(epoch FROM clock_timestamp() - o.seen_at)::float8 AS seen_seconds, " MILLRACE_ISO(
        "o.seen_at") " AS seen_at, o.stopped_because FROM millrace.kafka_offset o CROSS JOIN LATERAL "
                     "(SELECT greatest(coalesce(o.log_end - o.next_offset, 0), 0) AS lag) x ORDER BY "
                     "1, 2, 3, 4";

constexpr const char* kGaps =
    "SELECT table_name::text AS table, cluster, topic, partition, reason, " MILLRACE_ISO(
        "seen_at") " AS since FROM millrace.kafka_gap WHERE passed_at IS NULL AND accepted_at IS NULL "
                   "ORDER BY 1, 2, 3, 4 LIMIT 20";

constexpr const char* kRejects =
    "SELECT table_name::text AS table, topic, count(*) AS rows, " MILLRACE_ISO(
        "min(rejected_at)") " AS since FROM (SELECT table_name, topic, rejected_at FROM millrace.kafka_reject LIMIT 1000000) r "
                            "GROUP BY 1, 2 ORDER BY 1, 2";

std::string Text(const json& value) { return value.is_null() ? "" : value.get<std::string>(); }

// What the command line calls the topic and its table.
std::string Options(const json& row) {
  const std::string cluster = row.value("cluster", "");
  return fmt::format("--topic {} --table {}{}", ShellWord(row["topic"]), ShellWord(row["table"]),
                     cluster.empty() ? "" : " --cluster " + ShellWord(cluster));
}

std::string Into(const json& row) {
  return fmt::format("topic {}, which is read into {}", row["topic"].get<std::string>(),
                     row["table"].get<std::string>());
}

// The partitions of one topic that is read into one table.
struct Topic {
  json first;  // one of them
  std::string stopped_because;
  std::string seen_at;
  double seen_seconds = 1e18;
  bool has_consumer = false;
  bool silent = false;  // a consumer that says nothing any more
  double behind = 0;
  double lag = 0;
  double catch_up = 0;
  bool never = false;  // not at this rate
};

std::vector<Topic> ByTopic(const json& partitions) {
  std::map<std::tuple<std::string, std::string, std::string>, Topic> topics;
  for (const json& row : partitions) {
    Topic& topic = topics[{row["table"], row["cluster"], row["topic"]}];
    topic.first = row;
    if (!row["stopped_because"].is_null()) topic.stopped_because = row["stopped_because"];
    const double seen = row["seen_seconds"];
    if (seen < topic.seen_seconds) {
      topic.seen_seconds = seen;
      topic.seen_at = Text(row["seen_at"]);
    }
    const bool consumed = !row["consumer"].is_null();
    topic.has_consumer |= consumed;
    topic.silent |= consumed && seen > kSilence;
    topic.lag += row["lag"].get<double>();
    if (!row["seconds_behind"].is_null()) {
      topic.behind = std::max(topic.behind, row["seconds_behind"].get<double>());
    }
    if (row["catch_up_seconds"].is_null()) {
      topic.never = true;
    } else {
      topic.catch_up = std::max(topic.catch_up, row["catch_up_seconds"].get<double>());
    }
  }
  std::vector<Topic> found;
  found.reserve(topics.size());
  for (auto& [name, topic] : topics) found.push_back(std::move(topic));
  return found;
}

Warning JudgeTopic(const Topic& topic) {
  const json& row = topic.first;
  const std::string start =
      "millrace consume " + Options(row) + " and its other options starts one";
  if (!topic.stopped_because.empty()) {
    return {"kafka_stopped",
            Severity::kCritical,
            row["topic"],
            fmt::format("A consumer of {}, has stopped: {}", Into(row), topic.stopped_because),
            start,
            topic.seen_at};
  }
  if (topic.silent) {
    return {"kafka_stopped",
            Severity::kCritical,
            row["topic"],
            fmt::format("A consumer of {}, has written nothing for {}", Into(row),
                        FormatDuration(topic.seen_seconds)),
            start,
            topic.seen_at};
  }
  return {
      "kafka_behind",
      Severity::kWarning,
      row["topic"],
      fmt::format("The consumers of {}, are {} messages behind, {}", Into(row),
                  FormatCount(static_cast<std::int64_t>(topic.lag)), FormatDuration(topic.behind)),
      topic.never
          ? "At this rate they never catch up: start more consumers of the same group"
          : fmt::format("At this rate they have caught up in {}", FormatDuration(topic.catch_up)),
      ""};
}

}  // namespace

json LookAtKafka(Session& session) {
  const auto there = session.Try(kThere);
  if (!there || there->empty() || !(*there)[0]["there"].is_boolean() ||
      !(*there)[0]["there"].get<bool>()) {
    return json::array();
  }
  return session.Rows("topics of Kafka", kPartitions);
}

std::vector<Warning> JudgeKafka(Session& session, const json& partitions) {
  std::vector<Warning> found;
  if (partitions.empty()) return found;
  std::vector<std::string> with_gaps;
  for (const json& gap : session.Rows("gaps in topics of Kafka", kGaps)) {
    with_gaps.push_back(gap["table"].get<std::string>() + "\n" + gap["topic"].get<std::string>());
    found.push_back(
        {"kafka_gap", Severity::kCritical, gap["topic"],
         fmt::format("Nothing more is read of {}. Partition {}: {}", Into(gap),
                     gap["partition"].dump(), gap["reason"].get<std::string>()),
         fmt::format("millrace consume {} --accept-gaps oldest lets consumers go on with "
                     "what is there",
                     Options(gap)),
         Text(gap["since"])});
  }
  for (const Topic& topic : ByTopic(partitions)) {
    const std::string name =
        topic.first["table"].get<std::string>() + "\n" + topic.first["topic"].get<std::string>();
    const bool gap = std::find(with_gaps.begin(), with_gaps.end(), name) != with_gaps.end();
    const bool stopped = !topic.stopped_because.empty() || topic.silent;
    const bool behind = topic.has_consumer && topic.lag > 0 && topic.behind > kPatience;
    if (!gap && (stopped || behind)) found.push_back(JudgeTopic(topic));
  }
  for (const json& row : session.Rows("messages of Kafka that were rejected", kRejects)) {
    found.push_back(
        {"kafka_rejects", Severity::kWarning, row["topic"],
         fmt::format("{} messages of topic {} are no rows of {} and were rejected",
                     FormatCount(row["rows"]), row["topic"].get<std::string>(),
                     row["table"].get<std::string>()),
         fmt::format("millrace.kafka_reject says why; after a repair, millrace replay --topic {} "
                     "--table {} loads them",
                     ShellWord(row["topic"]), ShellWord(row["table"])),
         Text(row["since"])});
  }
  return found;
}

}  // namespace millrace::monitor
