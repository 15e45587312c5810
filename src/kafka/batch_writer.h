// One transaction: the events of a batch, its rejects, and how far the partitions are read.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "client/connection.h"
#include "client/error.h"
#include "ingest/row_times.h"
#include "kafka/client.h"
#include "kafka/offsets.h"
#include "kafka/row_batch.h"

namespace millrace::cli {

// Messages that are written together.
struct MessageBatch {
  // Rows, rejects and tombstones; the origins of rows are indexes.
  std::vector<MessagePtr> messages;
  RowBatch rows;
  std::vector<BadRow> bad;           // found before the server sees them
  std::vector<OffsetStep> steps;     // of the partitions that they are of; events and rejects count
                                     // those in `rows` and `bad`
  std::vector<std::size_t> last;     // of each step: its last message
  std::vector<std::size_t> step_of;  // of each message: which step
  std::size_t bytes = 0;             // of memory, about
  std::chrono::steady_clock::time_point begun;

  std::size_t size() const { return messages.size(); }
};

// What happens to a message that is no row.
struct RejectOptions {
  bool stop = false;        // the first one stops the consumer
  double max_share = 0.1;   // of rejects among the messages lately, above which it stops
  std::uint64_t max_bytes;  // a longer payload is not kept
};

struct WriteResult {
  enum class Outcome {
    kCommitted,
    kFenced,   // another consumer has a partition: nothing is written
    kLost,     // the server is away, or may do it when it is tried again; only the server knows
               // whether it is written
    kStopped,  // nothing is written, and trying again does not help
  };
  Outcome outcome = Outcome::kCommitted;
  std::string message;  // one line
  std::string way_out;
  bool for_people = false;  // of kStopped: somebody has to decide something first
  std::size_t events = 0;
  std::size_t rejects = 0;
};

// Owns the connection on which a consumer writes. One thread at a time.
class BatchWriter {
 public:
  // Connects. Throws CliError.
  BatchWriter(const std::string& conninfo, const TargetTable& table, const OffsetTable& offsets,
              const RejectOptions& rejects, const std::string& time_zone, bool quiet);

  // Makes the partitions that the rows need, then writes the batch. Does not throw.
  WriteResult Write(MessageBatch& batch);

  Connection& connection() { return connection_; }

 private:
  WriteResult TryToWrite(MessageBatch& batch);
  // Empty if the share of rejects is low enough with these.
  std::string TooManyRejects(std::size_t events, std::size_t rejects) const;
  void MakePartitions(const RowBatch& rows);
  std::string Where(const MessageBatch& batch, std::size_t origin) const;

  const std::string conninfo_;
  const TargetTable& table_;
  const OffsetTable& offsets_;
  const RejectOptions rejects_;
  const std::string time_zone_;
  const bool quiet_;
  Connection connection_;
  std::unique_ptr<RowTimes> times_;
  std::chrono::steady_clock::time_point times_made_;
  // Of the last messages; halved when they are many.
  double seen_ = 0;
  double refused_ = 0;
};

// Whether an error of the server may be gone when it is tried again: it restarts, is a standby, is
// full, or others hold a lock.
bool MayPass(const std::string& sqlstate);
// Whether it is of no use to try again: the server has refused, and that does not pass by itself.
bool StaysFailed(const SqlError& error);

// Opens a connection that notices within about half a minute that the other end is gone, and whose
// transactions the server ends if we are. Throws CliError.
Connection OpenForConsumer(const std::string& conninfo);

}  // namespace millrace::cli
