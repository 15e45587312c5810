#include "dashboard/http_server.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <condition_variable>
#include <cstring>
#include <functional>
#include <mutex>
#include <string_view>
#include <thread>
#include <utility>

namespace millrace::dashboard {
namespace {

using Clock = std::chrono::steady_clock;

// How long a thread sleeps before it checks whether the server is stopping.
constexpr std::chrono::milliseconds kNap{500};
// How many connections may wait to be accepted. With httplib's five, a hundred pages would have to
// wait.
constexpr int kBacklog = 512;

constexpr std::string_view kBusy =
    "HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain\r\nContent-Length: 23\r\n"
    "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n"
    "Connection: close\r\n\r\ntoo many connections.\r\n";

// Whether this thread's connection stays open after the request that it is answering.
thread_local bool goes_on = false;

bool IsClose(std::string_view connection) {
  // "close" in upper or lower case, alone or in a list.
  std::string lower;
  for (const char c : connection) {
    lower += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  for (std::size_t at = 0; at <= lower.size();) {
    const std::size_t end = std::min(lower.find(',', at), lower.size());
    std::string_view token = std::string_view(lower).substr(at, end - at);
    while (!token.empty() && token.front() == ' ') token.remove_prefix(1);
    while (!token.empty() && token.back() == ' ') token.remove_suffix(1);
    if (token == "close") return true;
    at = end + 1;
  }
  return false;
}

// Also true for headers that others may take for a length, such as "Content-Length : 10".
bool MayHaveBody(const httplib::Request& request) {
  if (request.has_header("Transfer-Encoding")) return true;
  for (const auto& [name, value] : request.headers) {
    if (name.find_first_of(" \t") != std::string::npos) return true;
  }
  const auto count = request.get_header_value_count("Content-Length");
  return count > 1 || (count == 1 && request.get_header_value("Content-Length") != "0");
}

bool AsksToClose(const httplib::Request& request) {
  const auto [first, last] = request.headers.equal_range("Connection");
  return std::any_of(first, last, [](const auto& header) { return IsClose(header.second); });
}

// Makes the stacks of new threads larger: httplib's regular expression for Range recurses for each
// of up to 8 kB, which takes 4 MB.
void GrowStacks() {
  constexpr std::size_t kStack = 8 << 20;
  pthread_attr_t attributes;
  std::size_t size = 0;
  if (pthread_getattr_default_np(&attributes) != 0) return;
  if (pthread_attr_getstacksize(&attributes, &size) == 0 && size < kStack &&
      pthread_attr_setstacksize(&attributes, kStack) == 0) {
    (void)pthread_setattr_default_np(&attributes);
  }
  (void)pthread_attr_destroy(&attributes);
}

// Keeps two servers from sharing a port, which httplib's own options allow (SO_REUSEPORT).
void SetOptions(socket_t socket) {
  const int yes = 1;
  (void)::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
}

// Waits until the socket is ready for `events`, the client has hung up, or it is `until`.
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

// A socket that gives each request a limited number of bytes and a limited time.
class HttpServer::BoundedStream : public httplib::Stream {
 public:
  BoundedStream(int socket, const HttpLimits& limits) : socket_(socket), limits_(limits) {}

  // Gives the next request its full number of bytes and time.
  void StartRequest() {
    bytes_left_ = limits_.request_bytes;
    deadline_ = Clock::now() + limits_.request_time;
  }
  bool HasBuffered() const { return begin_ < end_; }
  // Whether the client did not accept an answer.
  bool broken() const { return broken_; }

  bool is_readable() const override { return HasBuffered() || Await(socket_, POLLIN, deadline_); }

  // Later versions of httplib have other names for these functions; these override them.
  bool wait_readable() const { return is_readable(); }
  bool wait_writable() const { return CanWrite(); }
  bool is_writable() const { return CanWrite(); }
  time_t duration() const { return (Clock::now() - begun_) / std::chrono::milliseconds(1); }

  bool CanWrite() const {
    pollfd one = {socket_, POLLOUT | POLLRDHUP, 0};
    return ::poll(&one, 1, static_cast<int>(write_timeout().count())) > 0 &&
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
      broken_ = broken_ || !Await(socket_, POLLOUT, until);
      if (broken_) return -1;
      const ssize_t sent = ::send(socket_, from + done, size - done, MSG_NOSIGNAL | MSG_DONTWAIT);
      broken_ = sent < 0 && errno != EAGAIN && errno != EINTR;
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
  // httplib refuses socket numbers that select() cannot take; select() is not used here.
  socket_t socket() const override { return INVALID_SOCKET; }

 private:
  std::chrono::milliseconds write_timeout() const { return limits_.write_time; }

  const int socket_;
  const HttpLimits& limits_;
  size_t bytes_left_ = 0;
  const Clock::time_point begun_ = Clock::now();
  Clock::time_point deadline_;
  std::array<char, 4096> buffer_;
  size_t begin_ = 0, end_ = 0;
  bool broken_ = false;
};

// One thread per connection, up to the limit, so that slow clients do not make others wait.
class HttpServer::ThreadPerConnection : public httplib::TaskQueue {
 public:
  explicit ThreadPerConnection(HttpServer& server) : server_(server) {}

  // void, or in later versions of httplib a bool: whether the task was taken.
  using Enqueued = decltype(std::declval<httplib::TaskQueue&>().enqueue(nullptr));

  Enqueued enqueue(std::function<void()> serve) override {
    Serve(std::move(serve));
    return static_cast<Enqueued>(true);
  }

  void Serve(std::function<void()> serve) {
    if (server_.connections_ >= server_.limits_.connections) return Refuse(serve);
    ++server_.connections_;
    try {
      // A copy, because the original is needed below if no thread can be started.
      std::thread([this, serve] {
        serve();
        const std::lock_guard lock(mutex_);
        if (--server_.connections_ == 0) none_left_.notify_all();
      }).detach();
    } catch (const std::system_error&) {
      // No thread could be started.
      --server_.connections_;
      Refuse(serve);
    }
  }

  void shutdown() override {
    std::unique_lock lock(mutex_);
    none_left_.wait(lock, [this] { return server_.connections_ == 0; });
  }

  static thread_local bool refused;

 private:
  static void Refuse(const std::function<void()>& serve) {
    refused = true;
    serve();
    refused = false;
  }

  HttpServer& server_;
  std::mutex mutex_;
  std::condition_variable none_left_;
};

thread_local bool HttpServer::ThreadPerConnection::refused = false;

HttpServer::HttpServer(const HttpLimits& limits) : limits_(limits) {
  new_task_queue = [this] { return new ThreadPerConnection(*this); };
  set_tcp_nodelay(true);
  set_socket_options(SetOptions);
  set_payload_max_length(limits.request_bytes);
  // Removes httplib's headers about keeping connections open, because it is done here in another
  // way.
  set_post_routing_handler([](const httplib::Request&, httplib::Response& response) {
    response.headers.erase("Keep-Alive");
    response.headers.erase("Connection");
    if (!goes_on) response.set_header("Connection", "close");
  });
}

int HttpServer::Bind(const std::string& host, int port) {
  const int bound = port == 0 ? bind_to_any_port(host) : bind_to_port(host, port) ? port : -1;
  if (bound > 0) (void)::listen(svr_sock_, kBacklog);
  return bound;
}

bool HttpServer::Run() {
  GrowStacks();
  const bool stopped = listen_after_bind();
  const std::lock_guard lock(mutex_);
  ended_ = true;
  return stopped;
}

void HttpServer::Stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    for (const int socket : sockets_) (void)::shutdown(socket, SHUT_RDWR);
  }
  // httplib's Stop does nothing before it listens.
  while (!is_running()) {
    {
      const std::lock_guard lock(mutex_);
      if (ended_) return;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  stop();
}

// False if the server is stopping.
bool HttpServer::Enter(int socket) {
  const std::lock_guard lock(mutex_);
  if (!stopping_) sockets_.insert(socket);
  return !stopping_;
}

bool HttpServer::process_and_close_socket(socket_t socket) {
  if (ThreadPerConnection::refused) {
    (void)::send(socket, kBusy.data(), kBusy.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  } else if (Enter(socket)) {
    ServeConnection(socket);
    const std::lock_guard lock(mutex_);
    sockets_.erase(socket);
  }
  (void)::shutdown(socket, SHUT_RDWR);
  ::close(socket);
  return true;
}

// Later versions of httplib take the addresses of both ends.
template <typename Self, typename Setup>
bool HttpServer::ProcessRequest(Self& server, BoundedStream& stream, bool& closed, Setup setup) {
  if constexpr (requires { server.process_request(stream, false, closed, setup); }) {
    return server.process_request(stream, false, closed, setup);
  } else {
    std::string remote, local;
    int remote_port = 0, local_port = 0;
    stream.get_remote_ip_and_port(remote, remote_port);
    stream.get_local_ip_and_port(local, local_port);
    return server.process_request(stream, remote, remote_port, local, local_port, false, closed,
                                  setup);
  }
}

void HttpServer::ServeConnection(int socket) {
  BoundedStream stream(socket, limits_);
  do {
    // Idle until a request begins.
    const auto idle_until = Clock::now() + limits_.idle_time;
    bool begun = stream.HasBuffered();
    while (!begun && !stopping_ && Clock::now() < idle_until) {
      begun = Await(socket, POLLIN, std::min(Clock::now() + kNap, idle_until));
    }
    if (!begun) return;
    stream.StartRequest();
    // Stays false if the request is not understood.
    goes_on = false;
    bool closed = false;
    const bool good = ProcessRequest(*this, stream, closed, [&](httplib::Request& request) {
      goes_on = !closed && !MayHaveBody(request) && !AsksToClose(request);
      // No compression: httplib would compress again for each request, with the highest effort.
      request.headers.erase("Accept-Encoding");
      // No ranges: a few bytes could ask for thousands of copies.
      request.headers.erase("Range");
      request.ranges.clear();
      request.headers.erase("Expect");
    });
    if (!good || stream.broken()) return;
  } while (goes_on && !stopping_);
  Linger(socket);
}

// If the socket were closed at once with unread bytes, the answer could be lost.
void HttpServer::Linger(int socket) {
  (void)::shutdown(socket, SHUT_WR);
  const auto until = Clock::now() + limits_.linger_time;
  std::array<char, 4096> rest;
  for (std::size_t bytes = 0; bytes < limits_.request_bytes && !stopping_;) {
    if (!Await(socket, POLLIN, until)) return;
    const ssize_t got = ::recv(socket, rest.data(), rest.size(), MSG_DONTWAIT);
    if (got <= 0) return;
    bytes += static_cast<std::size_t>(got);
  }
}

}  // namespace millrace::dashboard
