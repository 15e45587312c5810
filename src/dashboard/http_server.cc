#include "dashboard/http_server.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <condition_variable>
#include <cstring>
#include <functional>
#include <mutex>
#include <thread>

namespace millrace::dashboard {
namespace {

using Clock = std::chrono::steady_clock;

// How long a thread sleeps before it looks whether the server is stopping.
constexpr std::chrono::milliseconds kNap{500};
// Connections that wait to be accepted; httplib's own five would make a hundred pages wait.
constexpr int kBacklog = 512;

constexpr std::string_view kBusy =
    "HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain\r\nContent-Length: 22\r\n"
    "Connection: close\r\n\r\ntoo many connections.\r\n";

// Waits until the socket is ready for `events`, or hung up, or it is `until`.
bool Await(int socket, short events, Clock::time_point until) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now());
  pollfd one = {socket, events, 0};
  const int timeout = static_cast<int>(std::max<std::int64_t>(left.count(), 0));
  return ::poll(&one, 1, timeout) > 0;
}

void Address(int socket, decltype(getpeername) get, std::string& ip, int& port) {
  sockaddr_storage address = {};
  socklen_t length = sizeof(address);
  std::array<char, NI_MAXHOST> host = {};
  std::array<char, NI_MAXSERV> service = {};
  auto* any = reinterpret_cast<sockaddr*>(&address);
  if (get(socket, any, &length) != 0 ||
      getnameinfo(any, length, host.data(), host.size(), service.data(), service.size(),
                  NI_NUMERICHOST | NI_NUMERICSERV) != 0) {
    return;
  }
  ip = host.data();
  port = std::atoi(service.data());
}

}  // namespace

// A socket that gives each request so many bytes and so much time.
class HttpServer::BoundedStream : public httplib::Stream {
 public:
  BoundedStream(int socket, const HttpLimits& limits) : socket_(socket), limits_(limits) {}

  // The next request has all of its bytes and its time.
  void StartRequest() {
    bytes_left_ = limits_.request_bytes;
    deadline_ = Clock::now() + limits_.request_time;
  }
  bool HasBuffered() const { return begin_ < end_; }

  bool is_readable() const override { return HasBuffered() || Await(socket_, POLLIN, deadline_); }

  bool is_writable() const override {
    pollfd one = {socket_, POLLOUT | POLLRDHUP, 0};
    return ::poll(&one, 1, static_cast<int>(kWriteTimeout().count())) > 0 &&
           (one.revents & (POLLERR | POLLHUP | POLLRDHUP)) == 0;
  }

  ssize_t read(char* to, size_t size) override {
    if (bytes_left_ == 0) return -1;
    if (!HasBuffered()) {
      if (!Await(socket_, POLLIN, deadline_)) return -1;
      const ssize_t got = ::recv(socket_, buffer_.data(), buffer_.size(), 0);
      if (got <= 0) return got;
      begin_ = 0;
      end_ = static_cast<size_t>(got);
    }
    const size_t count = std::min({size, end_ - begin_, bytes_left_});
    std::memcpy(to, buffer_.data() + begin_, count);
    begin_ += count;
    bytes_left_ -= count;
    return static_cast<ssize_t>(count);
  }

  ssize_t write(const char* from, size_t size) override {
    const auto until = Clock::now() + limits_.write_time;
    size_t done = 0;
    while (done < size) {
      if (!Await(socket_, POLLOUT, until)) return -1;
      const ssize_t sent = ::send(socket_, from + done, size - done, MSG_NOSIGNAL | MSG_DONTWAIT);
      if (sent < 0 && errno != EAGAIN && errno != EINTR) return -1;
      if (sent > 0) done += static_cast<size_t>(sent);
    }
    return static_cast<ssize_t>(done);
  }

  void get_remote_ip_and_port(std::string& ip, int& port) const override {
    Address(socket_, getpeername, ip, port);
  }
  void get_local_ip_and_port(std::string& ip, int& port) const override {
    Address(socket_, getsockname, ip, port);
  }
  socket_t socket() const override { return socket_; }

 private:
  std::chrono::milliseconds kWriteTimeout() const { return limits_.write_time; }

  const int socket_;
  const HttpLimits& limits_;
  size_t bytes_left_ = 0;
  Clock::time_point deadline_;
  std::array<char, 4096> buffer_;
  size_t begin_ = 0, end_ = 0;
};

// A thread a connection, so that slow ones keep nobody waiting; up to the limit.
class HttpServer::ThreadPerConnection : public httplib::TaskQueue {
 public:
  explicit ThreadPerConnection(HttpServer& server) : server_(server) {}

  void enqueue(std::function<void()> serve) override {
    if (server_.connections_ >= server_.limits_.connections) {
      refused = true;
      serve();
      refused = false;
      return;
    }
    ++server_.connections_;
    try {
      std::thread([this, serve = std::move(serve)] {
        serve();
        const std::lock_guard lock(mutex_);
        if (--server_.connections_ == 0) none_left_.notify_all();
      }).detach();
    } catch (const std::system_error&) {
      // No more threads to be had.
      --server_.connections_;
      refused = true;
      serve();
      refused = false;
    }
  }

  void shutdown() override {
    std::unique_lock lock(mutex_);
    none_left_.wait(lock, [this] { return server_.connections_ == 0; });
  }

  static thread_local bool refused;

 private:
  HttpServer& server_;
  std::mutex mutex_;
  std::condition_variable none_left_;
};

thread_local bool HttpServer::ThreadPerConnection::refused = false;

HttpServer::HttpServer(const HttpLimits& limits) : limits_(limits) {
  new_task_queue = [this] { return new ThreadPerConnection(*this); };
  set_tcp_nodelay(true);
  set_payload_max_length(limits.request_bytes);
}

int HttpServer::Bind(const std::string& host, int port) {
  const int bound = port == 0 ? bind_to_any_port(host) : bind_to_port(host, port) ? port : -1;
  if (bound > 0) (void)::listen(svr_sock_, kBacklog);
  return bound;
}

bool HttpServer::process_and_close_socket(socket_t socket) {
  bool good = true;
  if (ThreadPerConnection::refused) {
    (void)::send(socket, kBusy.data(), kBusy.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    good = false;
  } else {
    BoundedStream stream(socket, limits_);
    bool closed = false;
    while (good && !closed) {
      // Idle, until a request begins.
      const auto idle_until = Clock::now() + limits_.idle_time;
      bool begun = stream.HasBuffered();
      while (!begun && svr_sock_ != INVALID_SOCKET && Clock::now() < idle_until) {
        begun = Await(socket, POLLIN, std::min(Clock::now() + kNap, idle_until));
      }
      if (!begun) break;
      stream.StartRequest();
      // Not compressed: httplib would do it anew for each request, at the highest effort.
      good = process_request(stream, false, closed, [](httplib::Request& request) {
        request.headers.erase("Accept-Encoding");
      });
    }
  }
  (void)::shutdown(socket, SHUT_RDWR);
  ::close(socket);
  return good;
}

}  // namespace millrace::dashboard
