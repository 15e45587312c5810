#include "kafka/offsets.h"

#include <fmt/format.h>

#include "client/error.h"
#include "kafka/message_rows.h"

namespace millrace::cli {
namespace {

using nlohmann::json;

// The rows of a step, as a table n; the keys of a row of table o.
constexpr const char* kSteps =
    "pg_catalog.jsonb_to_recordset($3::pg_catalog.jsonb) AS n(topic text, \"partition\" int4, "
    "epoch "
    "int8, \"from\" int8, \"to\" int8, last_message text, message_time int8, log_end int8, events "
    "int8, rejects int8, skipped int8, read_rate float8, written_rate float8) WHERE o.table_name = "
    "$1::pg_catalog.regclass AND o.cluster = $2 AND o.topic = n.topic AND o.\"partition\" = "
    "n.\"partition\" AND o.epoch = n.epoch";

std::int64_t Number(std::string_view text) { return std::stoll(std::string(text)); }

ClaimedOffset ReadClaim(const QueryResult& result) {
  return {Number(result.Value(0, 0)), Number(result.Value(0, 1)), std::string(result.Value(0, 2))};
}

// A parameter in binary form.
class Bytes {
 public:
  void Add(std::optional<std::string_view> value, int format) {
    // A value that is empty is not NULL.
    values_.push_back(!value ? nullptr : value->empty() ? "" : value->data());
    lengths_.push_back(value ? static_cast<int>(value->size()) : 0);
    formats_.push_back(format);
  }
  const char* const* values() const { return values_.data(); }
  const int* lengths() const { return lengths_.data(); }
  const int* formats() const { return formats_.data(); }
  int count() const { return static_cast<int>(values_.size()); }

 private:
  std::vector<const char*> values_;
  std::vector<int> lengths_;
  std::vector<int> formats_;
};

std::string Hex(std::string_view bytes) {
  std::string hex = "\"\\\\x";
  for (const char c : bytes) hex += fmt::format("{:02x}", static_cast<unsigned char>(c));
  return hex + "\"";
}

// An array of bytea: name, value, name, value.
std::string HeadersArray(const KafkaMessage& message) {
  std::string array = "{";
  for (const auto& [name, value] : message.headers) {
    if (array.size() > 1) array += ',';
    array += Hex(name) + ',' + (value ? Hex(*value) : "NULL");
  }
  return array + "}";
}

}  // namespace

std::string KeptReason(const Connection& connection, std::string_view reason) {
  std::string text = PlainText(reason, kMostReasonBytes);
  const char* const encoding = PQparameterStatus(connection.get(), "server_encoding");
  if (encoding != nullptr && std::string_view(encoding) == "UTF8") return text;
  // It may quote what the database cannot store.
  for (char& c : text) c = static_cast<unsigned char>(c) < 0x80 ? c : '?';
  return text;
}

OffsetTable::OffsetTable(const TargetTable& table, std::string cluster, std::string group,
                         std::string consumer)
    : table_(table.name.Quoted()),
      cluster_(std::move(cluster)),
      group_(std::move(group)),
      consumer_(std::move(consumer)) {}

void OffsetTable::CheckThere(Connection& connection) {
  const auto there =
      connection.Execute("SELECT pg_catalog.to_regclass('millrace.kafka_offset') IS NOT NULL");
  if (there.Value(0, 0) == "t") return;
  throw CliError(
      "the database has no table millrace.kafka_offset, where consumers write down what "
      "they have read",
      "CREATE EXTENSION millrace; where it is installed already: ALTER EXTENSION millrace "
      "UPDATE;");
}

bool OffsetTable::Knows(Connection& connection, const std::string& topic) const {
  return connection
             .Execute(
                 "SELECT EXISTS (SELECT FROM millrace.kafka_offset WHERE table_name = "
                 "$1::pg_catalog.regclass AND cluster = $2 AND topic = $3)",
                 {table_.c_str(), cluster_.c_str(), topic.c_str()})
             .Value(0, 0) == "t";
}

std::optional<ClaimedOffset> OffsetTable::Look(Connection& connection, const OffsetKey& key) const {
  const std::string partition = std::to_string(key.partition);
  const auto found = connection.Execute(
      "SELECT next_offset, epoch, last_message FROM millrace.kafka_offset WHERE table_name = "
      "$1::pg_catalog.regclass AND cluster = $2 AND topic = $3 AND \"partition\" = "
      "$4::pg_catalog.int4",
      {table_.c_str(), cluster_.c_str(), key.topic.c_str(), partition.c_str()});
  if (found.rows() == 0) return std::nullopt;
  return ReadClaim(found);
}

ClaimedOffset OffsetTable::Claim(Connection& connection, const OffsetKey& key,
                                 std::int64_t first) const {
  const std::string partition = std::to_string(key.partition), offset = std::to_string(first);
  const QueryResult claimed = connection.Execute(
      "INSERT INTO millrace.kafka_offset AS o (table_name, cluster, topic, \"partition\", "
      "next_offset, consumer_group, consumer) VALUES ($1::pg_catalog.regclass, $2, $3, "
      "$4::pg_catalog.int4, $5::pg_catalog.int8, $6, $7) ON CONFLICT (table_name, cluster, topic, "
      "\"partition\") DO UPDATE SET epoch = o.epoch + 1, consumer_group = excluded.consumer_group, "
      "consumer = excluded.consumer, claimed_at = excluded.claimed_at, seen_at = excluded.seen_at, "
      "stopped_because = NULL WHERE o.consumer IS NULL OR o.consumer = excluded.consumer OR "
      "o.consumer_group = excluded.consumer_group OR o.seen_at < pg_catalog.clock_timestamp() - "
      "interval '1 minute' RETURNING next_offset, epoch, last_message",
      {table_.c_str(), cluster_.c_str(), key.topic.c_str(), partition.c_str(), offset.c_str(),
       group_.c_str(), consumer_.c_str()});
  if (claimed.rows() > 0) return ReadClaim(claimed);
  const QueryResult other = connection.Execute(
      "SELECT consumer, consumer_group FROM millrace.kafka_offset WHERE table_name = "
      "$1::pg_catalog.regclass AND cluster = $2 AND topic = $3 AND \"partition\" = "
      "$4::pg_catalog.int4",
      {table_.c_str(), cluster_.c_str(), key.topic.c_str(), partition.c_str()});
  throw CliError(
      fmt::format("{}/{} is read into {} by another group: {}", key.topic, key.partition, table_,
                  other.rows() == 0
                      ? "it has just ended"
                      : fmt::format("{}, of the group {}", other.Value(0, 0), other.Value(0, 1))),
      "Stop one of the two, or give both the same --group.");
}

json OffsetTable::Rows(const std::vector<OffsetStep>& steps) const {
  json rows = json::array();
  for (const OffsetStep& step : steps) {
    rows.push_back({{"topic", step.key.topic},
                    {"partition", step.key.partition},
                    {"epoch", step.epoch},
                    {"from", step.from},
                    {"to", step.to},
                    {"last_message", step.last_message},
                    {"message_time", step.message_time},
                    {"log_end", step.log_end},
                    {"events", step.events},
                    {"rejects", step.rejects},
                    {"skipped", step.skipped},
                    {"read_rate", step.read_per_second},
                    {"written_rate", step.written_per_second}});
  }
  return rows;
}

bool OffsetTable::Advance(Connection& connection, const std::vector<OffsetStep>& steps) const {
  const std::string rows = Rows(steps).dump();
  const auto moved = connection.Execute(
      "UPDATE millrace.kafka_offset AS o SET next_offset = n.\"to\", last_message = "
      "n.last_message, "
      "message_time = CASE WHEN n.message_time >= 0 THEN "
      "pg_catalog.to_timestamp(n.message_time / 1000.0) END, log_end = greatest(nullif(n.log_end, "
      "-1), n.\"to\"), events = o.events + n.events, rejects = o.rejects + n.rejects, skipped = "
      "o.skipped + n.skipped, read_per_second = n.read_rate, written_per_second = n.written_rate, "
      "seen_at = pg_catalog.clock_timestamp() FROM " +
          std::string(kSteps) + " AND o.next_offset = n.\"from\"",
      {table_.c_str(), cluster_.c_str(), rows.c_str()});
  return moved.affected() == static_cast<long long>(steps.size());
}

bool OffsetTable::Touch(Connection& connection, const std::vector<OffsetStep>& steps) const {
  if (steps.empty()) return true;
  const std::string rows = Rows(steps).dump();
  const auto touched = connection.Execute(
      "UPDATE millrace.kafka_offset AS o SET log_end = greatest(nullif(n.log_end, -1), "
      "o.next_offset), read_per_second = n.read_rate, written_per_second = n.written_rate, seen_at "
      "= "
      "pg_catalog.clock_timestamp() FROM " +
          std::string(kSteps),
      {table_.c_str(), cluster_.c_str(), rows.c_str()});
  return touched.affected() == static_cast<long long>(steps.size());
}

void OffsetTable::Release(Connection& connection, const std::vector<OffsetStep>& steps,
                          const std::string& why) const {
  if (steps.empty()) return;
  const std::string rows = Rows(steps).dump();
  connection.Execute(
      "UPDATE millrace.kafka_offset AS o SET consumer = NULL, stopped_because = nullif($4, ''), "
      "read_per_second = 0, seen_at = pg_catalog.clock_timestamp() FROM " +
          std::string(kSteps),
      {table_.c_str(), cluster_.c_str(), rows.c_str(), why.c_str()});
}

void OffsetTable::ReleaseAll(Connection& connection) const {
  connection.Execute(
      "UPDATE millrace.kafka_offset SET consumer = NULL, read_per_second = 0, seen_at = "
      "pg_catalog.clock_timestamp() WHERE table_name = $1::pg_catalog.regclass AND cluster = $2 "
      "AND consumer = $3",
      {table_.c_str(), cluster_.c_str(), consumer_.c_str()});
}

std::optional<OpenGap> OffsetTable::FindGap(Connection& connection, const OffsetKey& key) const {
  const std::string partition = std::to_string(key.partition);
  const auto found = connection.Execute(
      "SELECT from_offset, CASE WHEN accepted_at IS NOT NULL THEN go_on_at END FROM "
      "millrace.kafka_gap WHERE table_name = $1::pg_catalog.regclass AND cluster = $2 AND topic = "
      "$3 AND \"partition\" = $4::pg_catalog.int4 AND passed_at IS NULL",
      {table_.c_str(), cluster_.c_str(), key.topic.c_str(), partition.c_str()});
  if (found.rows() == 0) return std::nullopt;
  return OpenGap{Number(found.Value(0, 0)), std::string(found.Value(0, 1))};
}

void OffsetTable::CloseGap(Connection& connection, const OffsetKey& key) const {
  const std::string partition = std::to_string(key.partition);
  connection.Execute(
      "UPDATE millrace.kafka_gap SET to_offset = from_offset, passed_at = "
      "pg_catalog.clock_timestamp() WHERE table_name = $1::pg_catalog.regclass AND cluster = $2 "
      "AND topic = $3 AND \"partition\" = $4::pg_catalog.int4 AND passed_at IS NULL",
      {table_.c_str(), cluster_.c_str(), key.topic.c_str(), partition.c_str()});
}

void OffsetTable::Record(Connection& connection, const TopicGap& gap) const {
  const std::string partition = std::to_string(gap.key.partition), from = std::to_string(gap.from),
                    to = std::to_string(gap.to);
  connection.Execute(
      "INSERT INTO millrace.kafka_gap AS g (table_name, cluster, topic, \"partition\", "
      "from_offset, "
      "to_offset, reason) VALUES ($1::pg_catalog.regclass, $2, $3, $4::pg_catalog.int4, "
      "$5::pg_catalog.int8, $6::pg_catalog.int8, $7) ON CONFLICT (table_name, cluster, topic, "
      "\"partition\") WHERE passed_at IS NULL DO UPDATE SET from_offset = excluded.from_offset, "
      "to_offset = excluded.to_offset, reason = excluded.reason, seen_at = excluded.seen_at, "
      "accepted_at = NULL, go_on_at = NULL",
      {table_.c_str(), cluster_.c_str(), gap.key.topic.c_str(), partition.c_str(), from.c_str(),
       to.c_str(), gap.reason.c_str()});
}

ClaimedOffset OffsetTable::Pass(Connection& connection, const TopicGap& gap,
                                std::int64_t epoch) const {
  const std::string partition = std::to_string(gap.key.partition), to = std::to_string(gap.to),
                    claimed = std::to_string(epoch);
  connection.Execute("BEGIN");
  const auto moved = connection.Execute(
      "UPDATE millrace.kafka_offset SET next_offset = $5::pg_catalog.int8, last_message = NULL "
      "WHERE "
      "table_name = $1::pg_catalog.regclass AND cluster = $2 AND topic = $3 AND \"partition\" = "
      "$4::pg_catalog.int4 AND epoch = $6::pg_catalog.int8 RETURNING next_offset, epoch, ''",
      {table_.c_str(), cluster_.c_str(), gap.key.topic.c_str(), partition.c_str(), to.c_str(),
       claimed.c_str()});
  if (moved.rows() == 0) {
    connection.Execute("ROLLBACK");
    throw CliError("another consumer has taken the partition over");
  }
  connection.Execute(
      "UPDATE millrace.kafka_gap SET to_offset = $5::pg_catalog.int8, passed_at = "
      "pg_catalog.clock_timestamp() WHERE table_name = $1::pg_catalog.regclass AND cluster = $2 "
      "AND "
      "topic = $3 AND \"partition\" = $4::pg_catalog.int4 AND passed_at IS NULL",
      {table_.c_str(), cluster_.c_str(), gap.key.topic.c_str(), partition.c_str(), to.c_str()});
  connection.Execute("COMMIT");
  return ReadClaim(moved);
}

std::vector<std::string> OffsetTable::AcceptGaps(Connection& connection,
                                                 const std::vector<std::string>& topics,
                                                 const std::string& go_on_at) const {
  const std::string list = json(topics).dump();
  const auto accepted = connection.Execute(
      "UPDATE millrace.kafka_gap SET accepted_at = pg_catalog.clock_timestamp(), go_on_at = $4 "
      "WHERE table_name = $1::pg_catalog.regclass AND cluster = $2 AND topic IN (SELECT "
      "pg_catalog.jsonb_array_elements_text($3::pg_catalog.jsonb)) AND passed_at IS NULL AND "
      "accepted_at IS NULL RETURNING topic || '/' || \"partition\" || ': ' || reason",
      {table_.c_str(), cluster_.c_str(), list.c_str(), go_on_at.c_str()});
  std::vector<std::string> lines;
  for (int row = 0; row < accepted.rows(); ++row) lines.emplace_back(accepted.Value(row, 0));
  return lines;
}

void OffsetTable::Reject(Connection& connection, const KafkaMessage& message,
                         const std::string& reason, bool payload) const {
  const std::string partition = std::to_string(message.partition),
                    offset = std::to_string(message.offset), topic(message.topic),
                    bytes = std::to_string(message.payload ? message.payload->size() : 0),
                    time = message.milliseconds ? std::to_string(*message.milliseconds) : "",
                    headers = HeadersArray(message), why = KeptReason(connection, reason);
  constexpr int kText = 0, kBinary = 1;
  Bytes parameters;
  for (const std::string* text : {&table_, &cluster_, &topic, &partition, &offset}) {
    parameters.Add(*text, kText);
  }
  parameters.Add(message.key, kBinary);
  parameters.Add(payload ? message.payload : std::nullopt, kBinary);
  parameters.Add(bytes, kText);
  parameters.Add(message.headers.empty() ? std::nullopt : std::optional<std::string_view>(headers),
                 kText);
  parameters.Add(time.empty() ? std::nullopt : std::optional<std::string_view>(time), kText);
  parameters.Add(why, kText);
  const QueryResult kept(PQexecParams(
      connection.get(),
      "INSERT INTO millrace.kafka_reject (table_name, cluster, topic, \"partition\", \"offset\", "
      "key, "
      "payload, payload_bytes, headers, message_time, error) VALUES ($1::pg_catalog.regclass, $2, "
      "$3, "
      "$4::pg_catalog.int4, $5::pg_catalog.int8, $6::pg_catalog.bytea, $7::pg_catalog.bytea, "
      "$8::pg_catalog.int8, $9::pg_catalog.bytea[], "
      "pg_catalog.to_timestamp($10::pg_catalog.int8 / 1000.0), $11)",
      parameters.count(), nullptr, parameters.values(), parameters.lengths(), parameters.formats(),
      0));
  if (PQresultStatus(kept.get()) == PGRES_COMMAND_OK) return;
  const char* state = PQresultErrorField(kept.get(), PG_DIAG_SQLSTATE);
  throw SqlError(fmt::format("a reject cannot be kept: {}", PQerrorMessage(connection.get())), "",
                 state == nullptr ? "" : state);
}

}  // namespace millrace::cli
