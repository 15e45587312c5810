// Answers for many clients: each is computed once, however many wait for it or watch it.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "dashboard/database.h"

namespace millrace::dashboard {

// A version of an answer, or of the error instead of it.
struct Answer {
  std::shared_ptr<const std::string> body;  // JSON
  int status = 200;
  long long version = 0;  // grows whenever the answer changes; 0: there is none yet
  std::chrono::steady_clock::time_point made;
};

struct FeedOptions {
  // An answer that is not older than this is used again.
  std::chrono::milliseconds fresh{500};
  // How often a watcher can see a change. An answer that takes long to make is made less often.
  std::chrono::milliseconds interval{500};
  // After this time it is sent even if nothing but its time has changed.
  std::chrono::milliseconds longest{5000};
  // How many different answers are kept. Those that nobody wants are dropped first.
  std::size_t most = 500;
};

class FeedHub;
class Watch;

// One request and its answer. Thread-safe.
class Feed {
 public:
  // Makes the answer. An ApiError that it throws becomes the answer.
  using Make = std::function<nlohmann::json()>;

  Feed(Make make, const FeedOptions& options) : make_(std::move(make)), options_(options) {}

  // The answer. It is made now, unless it is fresh; if another thread is making it, waits for that
  // one.
  Answer Get();
  // Waits for a version above `version`. Returns nullopt at `until` or when the hub ends.
  std::optional<Answer> Wait(long long version, std::chrono::steady_clock::time_point until);

 private:
  friend class FeedHub;
  friend class Watch;
  void Refresh(bool only_when_due);

  const Make make_;
  const FeedOptions& options_;
  std::mutex mutex_;
  std::condition_variable changed_;
  Answer answer_;
  std::string compared_;  // the answer without its times
  bool making_ = false;
  bool ended_ = false;
  std::chrono::steady_clock::time_point due_;
  std::chrono::steady_clock::time_point fresh_until_;
  std::chrono::steady_clock::time_point wanted_;  // when it was last asked for
  int watchers_ = 0;
};

// A watcher of a feed. While there is one, the hub keeps the answer fresh.
class Watch {
 public:
  explicit Watch(std::shared_ptr<Feed> feed);
  ~Watch();
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;
  Feed& feed() { return *feed_; }

 private:
  std::shared_ptr<Feed> feed_;
};

// All feeds by their keys, and the threads that refresh the watched ones. Thread-safe.
class FeedHub {
 public:
  explicit FeedHub(const FeedOptions& options, int threads = 2);
  ~FeedHub();

  // The feed with that key; if there is none, it is made with `make`. Throws ApiError 503 if too
  // many different feeds are watched.
  std::shared_ptr<Feed> Find(const std::string& key, Feed::Make make);
  // Wakes everybody who waits, and lets nobody wait again.
  void Stop();
  bool stopped() const { return stopped_; }
  // How many watchers there are.
  int watchers();

 private:
  void Run();
  std::shared_ptr<Feed> NextDue();

  const FeedOptions options_;
  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<Feed>> feeds_;
  std::condition_variable woken_;
  std::atomic<bool> stopped_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace millrace::dashboard
