#include "kafka/replay.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "client/error.h"
#include "client/output.h"
#include "ingest/row_times.h"
#include "ingest/stop_signal.h"
#include "kafka/batch_writer.h"
#include "kafka/offsets.h"
#include "kafka/row_batch.h"

namespace millrace::cli {
namespace {

// Of one transaction: so many messages, and about so many bytes of payloads.
constexpr int kMostMessages = 5'000;
constexpr std::int64_t kMostBytes = 16 << 20;

// The bytes of a value that is written as \x...; nullopt for NULL.
std::optional<std::string> ReadBytes(const QueryResult& result, int row, int column) {
  if (result.IsNull(row, column)) return std::nullopt;
  const std::string_view hex = result.Value(row, column);
  std::string bytes;
  const auto digit = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
  for (std::size_t i = 2; i + 1 < hex.size(); i += 2) {
    bytes += static_cast<char>(digit(hex[i]) * 16 + digit(hex[i + 1]));
  }
  return bytes;
}

std::optional<std::string_view> View(const std::optional<std::string>& bytes) {
  return bytes ? std::optional<std::string_view>(*bytes) : std::nullopt;
}

// A message as it was kept.
struct Kept {
  std::string id;
  std::string topic;
  std::int32_t partition = 0;
  std::int64_t offset = 0;
  std::optional<std::string> key;
  std::optional<std::string> payload;
  std::optional<std::int64_t> milliseconds;
  std::vector<std::optional<std::string>> headers;  // name, value, name, value
  bool cut = false;                                 // the payload was too long to be kept

  KafkaMessage Message() const {
    KafkaMessage message;
    message.topic = topic;
    message.partition = partition;
    message.offset = offset;
    message.key = View(key);
    message.payload = View(payload);
    message.milliseconds = milliseconds;
    for (std::size_t i = 0; i + 1 < headers.size(); i += 2) {
      message.headers.emplace_back(headers[i] ? std::string_view(*headers[i]) : "",
                                   View(headers[i + 1]));
    }
    return message;
  }
};

std::int64_t Number(std::string_view text) { return std::stoll(std::string(text)); }

class Replayer {
 public:
  Replayer(const std::string& conninfo, const ReplayOptions& options)
      : options_(options),
        connection_(OpenForConsumer(conninfo)),
        table_(FindTable(connection_, options)),
        quoted_(table_.name.Quoted()),
        rows_(options.messages, table_),
        times_(conninfo, table_, options.messages.load.time_zone, options.quiet) {}

  ReplayReport Run() {
    Progress progress("replay", "messages", 0, options_.quiet);
    while (!StopRequested() && Step()) progress.Update(report_.loaded + report_.still_bad);
    return report_;
  }

 private:
  static TargetTable FindTable(Connection& connection, const ReplayOptions& options) {
    OffsetTable::CheckThere(connection);
    return FindTargetTable(connection, QualifiedName::Parse(options.messages.load.table));
  }

  // The messages after those of the last step, locked. Those that another replay has taken
  // meanwhile are left out.
  std::vector<Kept> Lock() {
    const std::string topics = nlohmann::json(options_.topics).dump();
    const std::string sql = fmt::format(
        "SELECT id, topic, \"partition\", \"offset\", key, payload, (extract(epoch FROM "
        "message_time) "
        "* 1000)::pg_catalog.int8, headers::pg_catalog.text, payload IS NULL AND payload_bytes > "
        "0, "
        "rejected_at::pg_catalog.text FROM millrace.kafka_reject WHERE id IN (SELECT id FROM "
        "(SELECT "
        "id, pg_catalog.sum(coalesce(pg_catalog.octet_length(payload), 0)) OVER w AS bytes, "
        "pg_catalog.row_number() OVER w AS number FROM (SELECT * FROM millrace.kafka_reject WHERE "
        "table_name = $1::pg_catalog.regclass AND ($2 = '[]' OR topic IN (SELECT "
        "pg_catalog.jsonb_array_elements_text($2::pg_catalog.jsonb))) AND ($3 = '' OR "
        "(rejected_at, "
        "id) > (nullif($3, '')::pg_catalog.timestamptz, nullif($4, '')::pg_catalog.uuid)) AND "
        "({}\n) "
        "ORDER BY rejected_at, id LIMIT {}) x WINDOW w AS (ORDER BY rejected_at, id)) y WHERE "
        "number "
        "= 1 OR bytes <= {}) ORDER BY rejected_at, id FOR UPDATE",
        options_.where.empty() ? "true" : options_.where, kMostMessages, kMostBytes);
    const QueryResult found = connection_.Execute(
        sql, {quoted_.c_str(), topics.c_str(), after_time_.c_str(), after_id_.c_str()});
    std::vector<Kept> messages;
    for (int row = 0; row < found.rows(); ++row) {
      Kept& message = messages.emplace_back();
      message.id = found.Value(row, 0);
      message.topic = found.Value(row, 1);
      message.partition = static_cast<std::int32_t>(Number(found.Value(row, 2)));
      message.offset = Number(found.Value(row, 3));
      message.key = ReadBytes(found, row, 4);
      message.payload = ReadBytes(found, row, 5);
      if (!found.IsNull(row, 6)) message.milliseconds = Number(found.Value(row, 6));
      ReadHeaders(found.Value(row, 7), &message.headers);
      message.cut = found.Value(row, 8) == "t";
      after_time_ = found.Value(row, 9);
      after_id_ = message.id;
    }
    return messages;
  }

  // {"\\x61",NULL,...}: nothing but digits is in an element.
  static void ReadHeaders(std::string_view array,
                          std::vector<std::optional<std::string>>* headers) {
    for (std::size_t at = 1; at < array.size();) {
      const std::size_t end = std::min(array.find_first_of(",}", at), array.size());
      const std::string_view element = array.substr(at, end - at);
      at = end + 1;
      if (element.empty()) continue;
      std::optional<std::string> bytes;
      const std::size_t digits = element.find('x');
      if (digits != std::string_view::npos) {
        bytes = std::string();
        const std::string_view hex = element.substr(digits + 1, element.rfind('"') - digits - 1);
        const auto digit = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
        for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
          *bytes += static_cast<char>(digit(hex[i]) * 16 + digit(hex[i + 1]));
        }
      }
      headers->push_back(std::move(bytes));
    }
  }

  // One transaction. False if there was nothing left.
  bool Step() {
    connection_.Execute("BEGIN ISOLATION LEVEL READ COMMITTED");
    const std::vector<Kept> messages = Lock();
    if (messages.empty()) {
      connection_.Execute("ROLLBACK");
      return false;
    }
    RowBatch batch;
    std::vector<BadRow> bad;
    std::int64_t without = 0;
    for (std::size_t i = 0; i < messages.size(); ++i) {
      if (messages[i].cut) {
        ++without;
        bad.push_back({i, "its payload was too long to be kept; it may still be in the topic"});
        continue;
      }
      std::string reason = "it has no payload (a tombstone)";
      if (messages[i].payload) reason = rows_.Take(messages[i].Message());
      if (reason.empty()) {
        batch.Add(rows_, i);
      } else {
        bad.push_back({i, std::move(reason)});
      }
    }
    // On a connection of its own, before our transaction locks the table.
    MakePartitions(batch);
    std::size_t first_bad = 0;
    const CopyResult sent = SendRows(connection_, table_, batch, &bad, &first_bad);
    if (sent.outcome != CopyResult::Outcome::kCommitted) throw CliError(sent.message, WhatIsDone());
    std::sort(bad.begin(), bad.end(),
              [](const BadRow& a, const BadRow& b) { return a.origin < b.origin; });
    KeepBad(messages, bad);
    Remove(messages, bad);
    connection_.Execute("COMMIT");
    report_.loaded += static_cast<std::int64_t>(messages.size() - bad.size());
    report_.still_bad += static_cast<std::int64_t>(bad.size()) - without;
    report_.without += without;
    for (const BadRow& one : bad) {
      if (!report_.example.empty() || messages[one.origin].cut) continue;
      report_.example = fmt::format("{}/{} at offset {}: {}", messages[one.origin].topic,
                                    messages[one.origin].partition, messages[one.origin].offset,
                                    PlainText(one.reason, kMostReasonBytes));
    }
    return true;
  }

  void MakePartitions(const RowBatch& batch) {
    for (const RowBatch::Segment& segment : batch.segments()) segment.AddTo(&times_);
    times_.MakePartitions();
  }

  void KeepBad(const std::vector<Kept>& messages, const std::vector<BadRow>& bad) {
    for (const BadRow& one : bad) {
      const std::string reason = KeptReason(connection_, one.reason);
      connection_.Execute(
          "UPDATE millrace.kafka_reject SET error = $2, replays = replays + 1 WHERE id = "
          "$1::pg_catalog.uuid",
          {messages[one.origin].id.c_str(), reason.c_str()});
    }
  }

  void Remove(const std::vector<Kept>& messages, const std::vector<BadRow>& bad) {
    std::vector<bool> stays(messages.size());
    for (const BadRow& one : bad) stays[one.origin] = true;
    nlohmann::json ids = nlohmann::json::array();
    for (std::size_t i = 0; i < messages.size(); ++i) {
      if (!stays[i]) ids.push_back(messages[i].id);
    }
    const std::string list = ids.dump();
    const auto removed = connection_.Execute(
        "DELETE FROM millrace.kafka_reject WHERE id IN (SELECT x::pg_catalog.uuid FROM "
        "pg_catalog.jsonb_array_elements_text($1::pg_catalog.jsonb) x)",
        {list.c_str()});
    if (removed.affected() != static_cast<long long>(ids.size())) {
      throw CliError("some rejects are gone, although they were locked", WhatIsDone());
    }
  }

  std::string WhatIsDone() const {
    return fmt::format(
        "{} messages are loaded and removed from millrace.kafka_reject; the others are "
        "as they were.",
        FormatCount(report_.loaded));
  }

  const ReplayOptions& options_;
  Connection connection_;
  const TargetTable table_;
  const std::string quoted_;
  MessageRows rows_;
  RowTimes times_;
  std::string after_time_;  // of the last message that was tried
  std::string after_id_;
  ReplayReport report_;
};

}  // namespace

ReplayReport Replay(const std::string& conninfo, const ReplayOptions& options) {
  InstallStopSignals();
  return Replayer(conninfo, options).Run();
}

}  // namespace millrace::cli
