// What the database knows of the topics that are read into a table: millrace.kafka_offset,
// kafka_gap and kafka_reject.
//
// That each event is in once rests on this. A consumer that is given a partition claims it: the
// row's epoch grows, and what it returns is where to begin. A transaction that writes events moves
// the row from the offset at which its events begin to the one after them, and only if the row
// still has the epoch of the claim. So of two consumers that believe to have a partition only the
// later one can write, and each offset is passed in one transaction only, that of its event. A
// claim waits for a transaction that has moved the row and has not ended, because both lock it.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "client/connection.h"
#include "ingest/target_table.h"
#include "kafka/message.h"

namespace millrace::cli {

// Whose row it is.
struct OffsetKey {
  std::string topic;
  std::int32_t partition = 0;
};

struct ClaimedOffset {
  std::int64_t next_offset = 0;
  std::int64_t epoch = 0;
  std::string last_message;  // FingerprintOf; empty: not known
};

// One step of a partition.
struct OffsetStep {
  OffsetKey key;
  std::int64_t epoch = 0;
  std::int64_t from = 0;  // next_offset before
  std::int64_t to = 0;    // and after
  std::string last_message;
  std::int64_t message_time = -1;  // milliseconds since 1970; -1: not known
  std::int64_t log_end = -1;       // -1: not known
  std::int64_t events = 0;
  std::int64_t rejects = 0;
  std::int64_t skipped = 0;
  double read_per_second = 0;
  double written_per_second = 0;
};

// Messages that are gone.
struct TopicGap {
  OffsetKey key;
  std::int64_t from = 0;
  std::int64_t to = 0;
  std::string reason;
};

// A gap that was found.
struct OpenGap {
  std::int64_t from = 0;  // the offset that was to be read
  std::string go_on_at;   // "oldest" or "newest" if it was accepted; otherwise empty
};

// Thread-compatible; all throw CliError when the server refuses or the connection fails.
class OffsetTable {
 public:
  // `cluster`, `group` and `consumer` as the columns of millrace.kafka_offset.
  OffsetTable(const TargetTable& table, std::string cluster, std::string group,
              std::string consumer);

  // Throws CliError, with what to do, if the database has no such table.
  static void CheckThere(Connection& connection);

  // Whether the table has any row of the topic.
  bool Knows(Connection& connection, const std::string& topic) const;
  // nullopt: the partition was never read into the table.
  std::optional<ClaimedOffset> Look(Connection& connection, const OffsetKey& key) const;
  // Takes the partition over; `first` is where to begin if it was never read. Throws CliError also
  // if a consumer of another group has it, and has been seen within a minute: of two groups each
  // reads everything, and they would take it from one another for ever.
  ClaimedOffset Claim(Connection& connection, const OffsetKey& key, std::int64_t first) const;
  // In the transaction that is open: moves all rows. False if one of them is not as its step
  // expects: then the transaction must not be committed.
  bool Advance(Connection& connection, const std::vector<OffsetStep>& steps) const;
  // Notes that the consumer lives, and what it knows of the ends. `steps`: key, epoch, log_end and
  // the rates. False if a partition has another epoch by now.
  bool Touch(Connection& connection, const std::vector<OffsetStep>& steps) const;
  // Notes that nobody reads these partitions any more, and why; empty: an orderly end.
  void Release(Connection& connection, const std::vector<OffsetStep>& steps,
               const std::string& why) const;

  // The same for all partitions that this consumer has claimed, for an orderly end.
  void ReleaseAll(Connection& connection) const;

  // The gap of this partition that nobody has passed yet; nullopt if there is none.
  std::optional<OpenGap> FindGap(Connection& connection, const OffsetKey& key) const;
  // Writes the gap down, in a transaction of its own. One that is open already is brought up to
  // date.
  void Record(Connection& connection, const TopicGap& gap) const;
  // Closes a gap that is not there: nothing was left out.
  void CloseGap(Connection& connection, const OffsetKey& key) const;
  // Goes on after an accepted gap: from then on the row begins at gap.to.
  ClaimedOffset Pass(Connection& connection, const TopicGap& gap, std::int64_t epoch) const;
  // Accepts the gaps of these topics; one line for each. `go_on_at`: "oldest" or "newest".
  std::vector<std::string> AcceptGaps(Connection& connection,
                                      const std::vector<std::string>& topics,
                                      const std::string& go_on_at) const;

  // In the transaction that is open: keeps a message. `payload`: whether also what is in it.
  void Reject(Connection& connection, const KafkaMessage& message, const std::string& reason,
              bool payload) const;

 private:
  nlohmann::json Rows(const std::vector<OffsetStep>& steps) const;

  std::string table_;  // quoted
  std::string cluster_;
  std::string group_;
  std::string consumer_;
};

// The longest reason that is kept of a reject.
inline constexpr std::size_t kMostReasonBytes = 1000;

// A reason as it is kept: PlainText, and without what the database's encoding may not have.
std::string KeptReason(const Connection& connection, std::string_view reason);

}  // namespace millrace::cli
