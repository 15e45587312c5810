#include "kafka/batch_writer.h"

#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>

#include "client/error.h"
#include "client/text.h"

namespace millrace::cli {
namespace {

using Outcome = WriteResult::Outcome;
using Clock = std::chrono::steady_clock;

// The share of rejects is looked at from so many messages on, and is that of the last ones.
constexpr double kLeastMessages = 1'000;
constexpr double kMostMessages = 100'000;
// After a failure to make partitions, it is tried again.
constexpr std::chrono::seconds kTryPartitionsAgain{60};

void SetOption(int socket, int level, int name, int value) {
  // A unix socket has none of these.
  (void)setsockopt(socket, level, name, &value, sizeof(value));
}

std::string OneLine(std::string text) {
  std::replace(text.begin(), text.end(), '\n', ' ');
  return text;
}

}  // namespace

bool MayPass(const std::string& sqlstate) {
  if (sqlstate.size() != 5) return false;
  const std::string_view group = std::string_view(sqlstate).substr(0, 2);
  // Connection, transaction rolled back, resources, object not in the needed state, operator,
  // system.
  for (const char* passing : {"08", "40", "53", "55", "57", "58"}) {
    if (group == passing) return true;
  }
  return sqlstate == "25006" || sqlstate == "25P03";  // read-only, idle for too long
}

bool StaysFailed(const SqlError& error) {
  return !error.sqlstate().empty() && !MayPass(error.sqlstate());
}

Connection OpenForConsumer(const std::string& conninfo) {
  Connection connection = Connection::Open(conninfo);
  const int socket = PQsocket(connection.get());
  SetOption(socket, SOL_SOCKET, SO_KEEPALIVE, 1);
  SetOption(socket, IPPROTO_TCP, TCP_KEEPIDLE, 10);
  SetOption(socket, IPPROTO_TCP, TCP_KEEPINTVL, 5);
  SetOption(socket, IPPROTO_TCP, TCP_KEEPCNT, 3);
  SetOption(socket, IPPROTO_TCP, TCP_USER_TIMEOUT, 30'000);
  // The role or the database may have settings of its own. A batch takes as long as it takes; times
  // and bytes that we read are to be in the form that we know.
  connection.Execute(
      "SET statement_timeout = 0; SET DateStyle = 'ISO'; SET bytea_output = 'hex'; "
      "SET client_encoding = 'UTF8'; SET lock_timeout = '30s'; SET "
      "idle_in_transaction_session_timeout = '5min'; SET "
      "tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3");
  return connection;
}

BatchWriter::BatchWriter(const std::string& conninfo, const TargetTable& table,
                         const OffsetTable& offsets, const RejectOptions& rejects,
                         const std::string& time_zone, bool quiet)
    : conninfo_(conninfo),
      table_(table),
      offsets_(offsets),
      rejects_(rejects),
      time_zone_(time_zone),
      quiet_(quiet),
      connection_(OpenForConsumer(conninfo)),
      times_(std::make_unique<RowTimes>(conninfo, table, time_zone, quiet)),
      times_made_(Clock::now()) {}

void BatchWriter::MakePartitions(const RowBatch& rows) {
  if (times_->failed() && Clock::now() - times_made_ > kTryPartitionsAgain) {
    times_ = std::make_unique<RowTimes>(conninfo_, table_, time_zone_, quiet_);
    times_made_ = Clock::now();
  }
  for (const RowBatch::Segment& segment : rows.segments()) segment.AddTo(times_.get());
  times_->MakePartitions();
}

std::string BatchWriter::Where(const MessageBatch& batch, std::size_t origin) const {
  const rd_kafka_message_t* message = batch.messages[origin].get();
  return fmt::format("{}/{} at offset {}", rd_kafka_topic_name(message->rkt), message->partition,
                     message->offset);
}

std::string BatchWriter::TooManyRejects(std::size_t events, std::size_t rejects) const {
  const double seen = seen_ + static_cast<double>(events + rejects);
  const double refused = refused_ + static_cast<double>(rejects);
  if (rejects == 0 || seen < kLeastMessages || refused <= rejects_.max_share * seen) return "";
  return fmt::format(
      "{} of the last {} messages are no rows of {}, more than --max-reject-share {}",
      FormatCount(static_cast<std::int64_t>(refused)), FormatCount(static_cast<std::int64_t>(seen)),
      table_.name.Quoted(), rejects_.max_share);
}

WriteResult BatchWriter::TryToWrite(MessageBatch& batch) {
  WriteResult result;
  if (rejects_.stop && !batch.bad.empty()) {
    const BadRow& bad = batch.bad.front();
    return {Outcome::kStopped, fmt::format("{}: {}", Where(batch, bad.origin), bad.reason),
            "--on-error reject keeps such messages in millrace.kafka_reject and goes on.", true};
  }
  connection_.Execute("BEGIN ISOLATION LEVEL READ COMMITTED");
  std::vector<BadRow> refused;  // by the server
  std::size_t first_bad = 0;
  // Before the rows, so that a consumer that has lost its partition does not write them in vain.
  if (!offsets_.Advance(connection_, batch.steps)) {
    connection_.Execute("ROLLBACK");
    result.outcome = Outcome::kFenced;
    result.message = "another consumer has taken a partition over";
    return result;
  }
  const CopyResult sent =
      SendRows(connection_, table_, batch.rows, rejects_.stop ? nullptr : &refused, &first_bad);
  if (sent.outcome != CopyResult::Outcome::kCommitted) {
    const bool alive = PQstatus(connection_.get()) == CONNECTION_OK;
    if (alive) connection_.Execute("ROLLBACK");
    result.message = sent.message;
    result.outcome = !alive || MayPass(sent.sqlstate) ? Outcome::kLost : Outcome::kStopped;
    if (result.outcome == Outcome::kStopped && sent.BlamesData()) {
      result.message = fmt::format("{}: {}", Where(batch, first_bad), sent.message);
      result.way_out =
          "--on-error reject keeps such messages in millrace.kafka_reject and goes on.";
      result.for_people = true;
    }
    return result;
  }
  result.rejects = batch.bad.size() + refused.size();
  result.events = batch.rows.rows() - refused.size();
  if (std::string why = TooManyRejects(result.events, result.rejects); !why.empty()) {
    connection_.Execute("ROLLBACK");
    const BadRow& bad = batch.bad.empty() ? refused.front() : batch.bad.front();
    return {
        Outcome::kStopped, std::move(why),
        fmt::format("One of them is {}: {}\nThe rejects so far are in millrace.kafka_reject; this "
                    "batch is not written. After a repair the same command goes on, and "
                    "`millrace replay` takes in what was rejected.",
                    Where(batch, bad.origin), bad.reason),
        true};
  }
  for (const std::vector<BadRow>* found : {&batch.bad, &refused}) {
    for (const BadRow& bad : *found) {
      const KafkaMessage message = ReadMessage(batch.messages[bad.origin].get(), true);
      offsets_.Reject(connection_, message, bad.reason,
                      message.payload && message.payload->size() <= rejects_.max_bytes);
    }
  }
  // The steps were written before the server had refused these.
  if (!refused.empty()) {
    std::vector<OffsetStep> corrections = batch.steps;
    for (OffsetStep& step : corrections) {
      step.from = step.to;
      step.events = step.rejects = step.skipped = 0;
    }
    for (const BadRow& bad : refused) {
      OffsetStep& step = corrections[batch.step_of[bad.origin]];
      --step.events;
      ++step.rejects;
    }
    offsets_.Advance(connection_, corrections);
  }
  connection_.Execute("COMMIT");
  seen_ += static_cast<double>(result.events + result.rejects);
  refused_ += static_cast<double>(result.rejects);
  if (seen_ > kMostMessages) {
    seen_ /= 2;
    refused_ /= 2;
  }
  return result;
}

WriteResult BatchWriter::Write(MessageBatch& batch) {
  try {
    MakePartitions(batch.rows);
    return TryToWrite(batch);
  } catch (const SqlError& e) {
    // The transaction has failed; a connection that lives is not used for another one. A constraint
    // that is checked at the end is checked before it, so this is not about a row.
    const bool passes = !connection_.alive() || MayPass(e.sqlstate());
    return {passes ? Outcome::kLost : Outcome::kStopped, OneLine(e.what()), e.way_out()};
  } catch (const CliError& e) {
    return {Outcome::kLost, OneLine(e.what()), e.way_out()};
  } catch (const std::exception& e) {
    return {Outcome::kStopped, OneLine(e.what()), ""};
  }
}

}  // namespace millrace::cli
