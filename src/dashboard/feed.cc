#include "dashboard/feed.h"

#include <algorithm>

namespace millrace::dashboard {

using Clock = std::chrono::steady_clock;

namespace {

// Removes what differs in each answer although nothing has changed.
std::string WithoutTimes(nlohmann::json answer) {
  answer.erase("generated_at");
  answer.erase("complete_through");
  return answer.dump();
}

// A feed that nobody has asked for in this time is forgotten.
constexpr std::chrono::seconds kKept{30};

}  // namespace

// Only one thread makes the answer; the others wait for it.
void Feed::Refresh(bool only_when_due) {
  std::unique_lock lock(mutex_);
  if (making_) {
    changed_.wait(lock, [this] { return !making_ || ended_; });
    return;
  }
  if (only_when_due && Clock::now() < due_) return;
  making_ = true;
  lock.unlock();
  Answer made;
  std::string compared;
  const auto start = Clock::now();
  try {
    const nlohmann::json answer = make_();
    compared = WithoutTimes(answer);
    made.body = std::make_shared<const std::string>(answer.dump());
  } catch (const ApiError& e) {
    made.status = e.status();
    compared = e.ToText();
    made.body = std::make_shared<const std::string>(compared);
  } catch (const std::exception& e) {
    made.status = 503;
    compared = ApiError(503, "unavailable", e.what()).ToText();
    made.body = std::make_shared<const std::string>(compared);
  }
  made.made = Clock::now();
  lock.lock();
  making_ = false;
  // Spends at most half of the time on one answer.
  due_ = made.made + std::max<Clock::duration>(options_.interval, made.made - start);
  const bool same = compared == compared_ && answer_.body != nullptr;
  if (same && made.made - answer_.made < options_.longest) {
    // Nothing has changed, so nobody is told; but the answer is fresh.
    made.version = answer_.version;
    made.made = answer_.made;
    answer_ = made;
  } else {
    made.version = answer_.version + 1;
    answer_ = made;
    compared_ = std::move(compared);
  }
  fresh_until_ = Clock::now() + options_.fresh;
  changed_.notify_all();
}

Answer Feed::Get() {
  {
    const std::lock_guard lock(mutex_);
    wanted_ = Clock::now();
    if (answer_.body != nullptr && wanted_ < fresh_until_) return answer_;
  }
  Refresh(false);
  const std::lock_guard lock(mutex_);
  if (answer_.body == nullptr) {
    throw ApiError(503, "unavailable", "the dashboard is stopping", "");
  }
  return answer_;
}

std::optional<Answer> Feed::Wait(long long version, Clock::time_point until) {
  std::unique_lock lock(mutex_);
  changed_.wait_until(lock, until, [&] { return answer_.version > version || ended_; });
  if (ended_ || answer_.version <= version) return std::nullopt;
  return answer_;
}

Watch::Watch(std::shared_ptr<Feed> feed) : feed_(std::move(feed)) {
  const std::lock_guard lock(feed_->mutex_);
  ++feed_->watchers_;
}

Watch::~Watch() {
  const std::lock_guard lock(feed_->mutex_);
  --feed_->watchers_;
  feed_->wanted_ = Clock::now();
}

FeedHub::FeedHub(const FeedOptions& options, int threads) : options_(options) {
  for (int i = 0; i < threads; ++i) threads_.emplace_back([this] { Run(); });
}

FeedHub::~FeedHub() {
  Stop();
  for (auto& thread : threads_) thread.join();
}

void FeedHub::Stop() {
  const std::lock_guard lock(mutex_);
  stopped_ = true;
  woken_.notify_all();
  for (auto& [key, feed] : feeds_) {
    const std::lock_guard feed_lock(feed->mutex_);
    feed->ended_ = true;
    feed->changed_.notify_all();
  }
}

std::shared_ptr<Feed> FeedHub::Find(const std::string& key, Feed::Make make) {
  const std::lock_guard lock(mutex_);
  if (stopped_) throw ApiError(503, "unavailable", "the dashboard is stopping", "");
  auto& feed = feeds_[key];
  if (feed != nullptr) {
    const std::lock_guard feed_lock(feed->mutex_);
    feed->wanted_ = Clock::now();
    return feed;
  }
  if (feeds_.size() > options_.most) {
    std::erase_if(feeds_, [](const auto& entry) {
      // Keep a feed that somebody else holds: it may be watched soon.
      return entry.second != nullptr && entry.second.use_count() == 1;
    });
    if (feeds_.size() > options_.most) {
      feeds_.erase(key);
      throw ApiError(503, "busy", "too many different questions are being watched",
                     "Close some pages.");
    }
  }
  auto& made = feeds_[key];
  made = std::make_shared<Feed>(std::move(make), options_);
  made->wanted_ = Clock::now();
  woken_.notify_one();
  return made;
}

int FeedHub::watchers() {
  const std::lock_guard lock(mutex_);
  int count = 0;
  for (const auto& [key, feed] : feeds_) {
    const std::lock_guard feed_lock(feed->mutex_);
    count += feed->watchers_;
  }
  return count;
}

// The watched feed that has been due longest. Forgets feeds that nobody has asked for in a long
// time.
std::shared_ptr<Feed> FeedHub::NextDue() {
  const auto now = Clock::now();
  std::shared_ptr<Feed> next;
  Clock::time_point earliest = now;
  for (auto at = feeds_.begin(); at != feeds_.end();) {
    Feed& feed = *at->second;
    std::unique_lock lock(feed.mutex_);
    if (feed.watchers_ > 0) {
      if (!feed.making_ && feed.due_ <= earliest) {
        earliest = feed.due_;
        next = at->second;
      }
    } else if (at->second.use_count() == 1 && now - feed.wanted_ > kKept) {
      lock.unlock();
      at = feeds_.erase(at);
      continue;
    }
    ++at;
  }
  return next;
}

void FeedHub::Run() {
  constexpr std::chrono::milliseconds kNap{50};
  std::unique_lock lock(mutex_);
  while (!stopped_) {
    const std::shared_ptr<Feed> feed = NextDue();
    if (feed == nullptr) {
      woken_.wait_for(lock, kNap);
      continue;
    }
    lock.unlock();
    feed->Refresh(true);
    lock.lock();
  }
}

}  // namespace millrace::dashboard
