#include "ingest/copy_pool.h"

#include <algorithm>
#include <chrono>
#include <exception>
#include <utility>

#include "ingest/stop_signal.h"

namespace millrace::cli {

CopyPool::CopyPool(const std::vector<std::string>& servers, int jobs, Work work, Tick tick)
    : work_(std::move(work)), tick_(std::move(tick)) {
  const std::size_t connections = std::max(static_cast<std::size_t>(jobs), servers.size());
  for (std::size_t i = 0; i < connections; ++i) {
    senders_.push_back(std::make_unique<CopySender>(servers[i % servers.size()]));
  }
  const BlockStopSignals blocked;
  for (const auto& sender : senders_) threads_.emplace_back([this, &sender] { Run(*sender); });
}

CopyPool::~CopyPool() {
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
    queue_.clear();
  }
  changed_.notify_all();
  for (std::thread& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
}

void CopyPool::Run(CopySender& sender) {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return !queue_.empty() || closed_ || stopped_; });
    if (queue_.empty()) return;
    CopyBatch batch = std::move(queue_.front());
    queue_.pop_front();
    ++busy_;
    lock.unlock();
    changed_.notify_all();

    bool go_on = false;
    std::exception_ptr thrown;
    try {
      go_on = work_(sender, batch);
    } catch (...) {
      thrown = std::current_exception();
    }

    batch.data.clear();
    lock.lock();
    --busy_;
    spare_.push_back(std::move(batch.data));
    if (!go_on) {
      stopped_ = true;
      queue_.clear();
    }
    if (thrown != nullptr && failure_ == nullptr) failure_ = thrown;
    changed_.notify_all();
  }
}

// Waits, and calls the owner's tick meanwhile. False if the tick asked to stop.
bool CopyPool::WaitFor(std::unique_lock<std::mutex>& lock, const std::function<bool()>& ready) {
  while (!changed_.wait_for(lock, std::chrono::milliseconds(100), ready)) {
    lock.unlock();
    const bool go_on = tick_();
    lock.lock();
    if (!go_on && !stopped_) {
      stopped_ = true;
      queue_.clear();
      changed_.notify_all();
    }
  }
  return !stopped_;
}

bool CopyPool::Push(CopyBatch batch) {
  {
    std::unique_lock lock(mutex_);
    if (!WaitFor(lock, [this] { return stopped_ || queue_.size() < senders_.size(); })) {
      return false;
    }
    queue_.push_back(std::move(batch));
  }
  changed_.notify_all();
  return tick_();
}

void CopyPool::Stop() {
  const std::lock_guard lock(mutex_);
  stopped_ = true;
  queue_.clear();
  changed_.notify_all();
}

void CopyPool::Finish() {
  {
    std::unique_lock lock(mutex_);
    closed_ = true;
    changed_.notify_all();
    WaitFor(lock, [this] { return queue_.empty() && busy_ == 0; });
  }
  for (std::thread& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
  tick_();
  if (failure_ != nullptr) std::rethrow_exception(std::exchange(failure_, nullptr));
}

std::string CopyPool::SpareBuffer() {
  const std::lock_guard lock(mutex_);
  if (spare_.empty()) return {};
  std::string buffer = std::move(spare_.back());
  spare_.pop_back();
  return buffer;
}

}  // namespace millrace::cli
