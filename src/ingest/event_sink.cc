#include "ingest/event_sink.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <mutex>
#include <utility>

#include "client/error.h"
#include "client/text.h"
#include "ingest/copy_pool.h"
#include "ingest/entry_points.h"
#include "ingest/row_inserter.h"

namespace millrace::cli {
namespace {

using Clock = std::chrono::steady_clock;

class FileSink : public EventSink {
 public:
  FileSink(const std::string& path, bool header) : path_(path) {
    const bool standard_output = path.empty() || path == "-";
    if (standard_output) path_ = "standard output";
    fd_ = standard_output ? STDOUT_FILENO
                          : open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd_ < 0) Fail();
    if (header) text_ = fmt::format("{}\n", fmt::join(ClickEventColumns(), ","));
  }
  ~FileSink() override {
    if (fd_ > STDERR_FILENO) close(fd_);
  }

  bool Add(const ClickEvent& event) override {
    writer_.AppendCsv(event, &text_);
    ++added_;
    return text_.size() < kFlushBytes || Flush();
  }

  bool Flush() override {
    std::size_t at = 0;
    while (at < text_.size() && !reader_gone_) {
      const ssize_t wrote = write(fd_, text_.data() + at, text_.size() - at);
      if (wrote >= 0) {
        at += static_cast<std::size_t>(wrote);
      } else if (errno == EPIPE) {
        reader_gone_ = true;
      } else if (errno != EINTR) {
        Fail();
      }
    }
    text_.clear();
    if (!reader_gone_) done_ = added_;
    return !reader_gone_;
  }

  void Finish() override {
    Flush();
    const int fd = std::exchange(fd_, -1);
    // Some file systems report a full disk only here.
    if (fd > STDERR_FILENO && close(fd) != 0) Fail();
  }

  std::int64_t done() const override { return done_; }

 private:
  static constexpr std::size_t kFlushBytes = 256 << 10;

  [[noreturn]] void Fail() const {
    throw CliError(fmt::format("cannot write {}: {}", path_, std::strerror(errno)));
  }

  std::string path_;
  int fd_ = -1;
  ClickEventWriter writer_;
  std::string text_;
  std::int64_t added_ = 0;
  std::int64_t done_ = 0;
  bool reader_gone_ = false;
};

class CopySink : public EventSink {
 public:
  explicit CopySink(const DatabaseSinkOptions& options)
      : options_(options),
        table_(Find(options)),
        format_(std::make_shared<const CopyFormat>(
            CopyFormat{table_.MatchAll(ClickEventColumns(), "the events of the generator")})),
        entry_points_(FindEntryPoints(options.conninfo, table_.name, options.quiet)),
        batch_rows_(options.batch_rows.value_or(entry_points_.batch_rows)),
        pool_(
            entry_points_.servers, options.jobs,
            [this](CopySender& sender, CopyBatch& batch) { return Load(sender, batch); },
            [] { return true; }),
        last_push_(Clock::now()) {}

  bool Add(const ClickEvent& event) override {
    writer_.AppendCsv(event, &batch_.data);
    ++batch_.rows;
    if (batch_.rows >= batch_rows_) return Push();
    // While the rate is too high for pauses, nobody calls Flush, so check the time now and then.
    return batch_.rows % 1'024 != 0 || Flush();
  }

  bool Flush() override {
    const bool due =
        options_.commit_every_second && Clock::now() - last_push_ >= std::chrono::seconds(1);
    return !due || Push();
  }

  void Finish() override {
    Push();
    pool_.Finish();
    const std::lock_guard lock(mutex_);
    if (!failure_.empty()) {
      throw CliError(
          fmt::format("the events were not loaded into {}: {}", table_.name.Quoted(), failure_));
    }
  }

  std::int64_t done() const override { return done_; }

 private:
  static TargetTable Find(const DatabaseSinkOptions& options) {
    Connection connection = Connection::Open(options.conninfo);
    return FindTargetTable(connection, QualifiedName::Parse(options.table));
  }

  bool Push() {
    last_push_ = Clock::now();
    if (batch_.rows == 0) return true;
    CopyBatch batch = std::move(batch_);
    batch.format = format_;
    const std::int64_t next_row = batch.first_row + batch.rows;
    batch_ = CopyBatch();
    batch_.data = pool_.SpareBuffer();
    batch_.first_row = next_row;
    return pool_.Push(std::move(batch));
  }

  bool Load(CopySender& sender, const CopyBatch& batch) {
    const CopyResult result = sender.Send(table_, *format_, batch.data, batch.rows, nullptr);
    if (result.outcome == CopyResult::Outcome::kCommitted) {
      done_ += batch.rows;
      return true;
    }
    const std::lock_guard lock(mutex_);
    if (!failure_.empty()) return false;
    failure_ = result.message;
    if (result.outcome == CopyResult::Outcome::kUnknown) {
      failure_ += fmt::format(" (the connection was lost while {} committed; they may be there)",
                              FormatCount(batch.rows, "event was", "events were"));
    }
    return false;
  }

  DatabaseSinkOptions options_;
  TargetTable table_;
  std::shared_ptr<const CopyFormat> format_;
  EntryPoints entry_points_;
  std::int64_t batch_rows_;
  ClickEventWriter writer_;
  CopyBatch batch_;
  std::atomic<std::int64_t> done_ = 0;
  std::mutex mutex_;
  std::string failure_;  // guarded by mutex_
  CopyPool pool_;        // its threads use the members above
  Clock::time_point last_push_;
};

class InsertSink : public EventSink {
 public:
  explicit InsertSink(const DatabaseSinkOptions& options)
      : options_(options),
        batch_rows_(options.batch_rows.value_or(1)),
        connection_(Connection::Open(options.conninfo)),
        table_(FindTargetTable(connection_, QualifiedName::Parse(options.table))),
        inserter_(connection_, table_,
                  table_.MatchAll(ClickEventColumns(), "the events of the generator")) {}

  bool Add(const ClickEvent& event) override {
    if (batch_rows_ == 1) {
      inserter_.Insert(event);
      ++done_;
      return true;
    }
    if (open_ == 0) {
      connection_.Execute("BEGIN");
      begun_ = Clock::now();
    }
    inserter_.Insert(event);
    if (++open_ == batch_rows_) Commit();
    return Flush();
  }

  bool Flush() override {
    if (options_.commit_every_second && Clock::now() - begun_ >= std::chrono::seconds(1)) Commit();
    return true;
  }

  void Finish() override { Commit(); }
  std::int64_t done() const override { return done_; }

 private:
  void Commit() {
    if (open_ == 0) return;
    connection_.Execute("COMMIT");
    done_ += std::exchange(open_, 0);
  }

  DatabaseSinkOptions options_;
  std::int64_t batch_rows_;
  Connection connection_;
  TargetTable table_;
  RowInserter inserter_;
  std::int64_t done_ = 0;
  std::int64_t open_ = 0;  // inserted, but not committed
  Clock::time_point begun_;
};

}  // namespace

std::unique_ptr<EventSink> OpenFileSink(const std::string& path, bool header) {
  return std::make_unique<FileSink>(path, header);
}

std::unique_ptr<EventSink> OpenCopySink(const DatabaseSinkOptions& options) {
  return std::make_unique<CopySink>(options);
}

std::unique_ptr<EventSink> OpenInsertSink(const DatabaseSinkOptions& options) {
  return std::make_unique<InsertSink>(options);
}

}  // namespace millrace::cli
