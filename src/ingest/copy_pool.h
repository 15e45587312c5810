// Several connections that load batches at the same time.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "ingest/copy_sender.h"

namespace millrace::cli {

// Records that are sent to the server in one transaction. Rows are counted from 1 without a header,
// lines from 1 with it; the records are consecutive in their file.
struct CopyBatch {
  std::size_t file = 0;  // index of the input
  std::shared_ptr<const CopyFormat> format;
  std::string data;  // whole records, each ending in a line feed
  std::int64_t first_row = 1;
  std::int64_t rows = 0;
  std::int64_t first_line = 1;
  // The line on which each row begins, and at the end the one after the last row; empty if the
  // lines of `data` are those of the file.
  std::vector<std::int64_t> row_lines{};
  std::string fingerprint{};  // FileRecord::BatchFingerprint
  // If rows are sent otherwise than they are in the file, and bad ones are to be written down: as
  // they are there, and where each ends.
  std::string originals{};
  std::vector<std::size_t> original_ends{};
};

// Runs `work` on batches, each on one of `jobs` connections with its own thread. Batches start in
// the order in which they were pushed. One thread owns the pool.
class CopyPool {
 public:
  // Loads one batch. Runs in any of the pool's threads, at most one per connection. Returns false,
  // or throws, to stop the pool: then batches that have not begun are dropped.
  using Work = std::function<bool(CopySender&, CopyBatch&)>;
  // Called about every 100 ms while the owner waits. Returns false to stop the pool.
  using Tick = std::function<bool()>;

  // Connects to each of the servers in turn, at least once to each; throws CliError. REQUIRES:
  // there is at least one.
  CopyPool(const std::vector<std::string>& servers, int jobs, Work work, Tick tick);
  ~CopyPool();
  CopyPool(const CopyPool&) = delete;
  CopyPool& operator=(const CopyPool&) = delete;

  // Adds a batch. While as many batches wait as there are connections, waits. False if the pool has
  // stopped: then the batch is dropped.
  bool Push(CopyBatch batch);
  // Drops the batches that have not begun.
  void Stop();
  // Waits until every batch that has begun (all of them, unless stopped) has ended. Throws, once,
  // what `work` threw first. No Push afterwards.
  void Finish();
  // An empty string that has held a batch before, so that its memory is used again.
  std::string SpareBuffer();

 private:
  void Run(CopySender& sender);
  bool WaitFor(std::unique_lock<std::mutex>& lock, const std::function<bool()>& ready);

  Work work_;
  Tick tick_;
  std::vector<std::unique_ptr<CopySender>> senders_;
  std::vector<std::thread> threads_;
  std::mutex mutex_;  // guards what follows
  std::condition_variable changed_;
  std::deque<CopyBatch> queue_;
  std::vector<std::string> spare_;
  std::exception_ptr failure_;
  int busy_ = 0;
  bool closed_ = false;  // no further batch will come
  bool stopped_ = false;
};

}  // namespace millrace::cli
