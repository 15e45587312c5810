// An HTTP server that hostile clients cannot overload: cpp-httplib, with the limits that it lacks.
#pragma once

#include <httplib.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <mutex>
#include <set>
#include <string>

namespace millrace::dashboard {

struct HttpLimits {
  // Further connections are answered with 503 and closed. Each has a thread, and 500 of them may be
  // slow.
  std::size_t connections = 1024;
  // For a request, headers and body together.
  std::size_t request_bytes = 64 * 1024;
  // For a request, from its first byte to its last.
  std::chrono::seconds request_time{10};
  // For a client that does not accept what it is sent.
  std::chrono::seconds write_time{10};
  // Between two requests of a connection.
  std::chrono::seconds idle_time{15};
  // After we close a connection: for the client to read its answer and to stop sending.
  std::chrono::seconds linger_time{1};
};

// A server that limits the total size and time of each request, so that a very slow request is
// ended as well as an endless one. Each connection has its own thread, so handlers run in many
// threads at once. Bodies are not read: a connection ends after a request that has one, or that is
// not understood, so that the rest of it is not taken for the next request.
class HttpServer : public httplib::Server {
 public:
  explicit HttpServer(const HttpLimits& limits);

  // Binds the port. Returns its number (`port`, or a free one if that is 0), or -1.
  int Bind(const std::string& host, int port);
  // Serves until Stop(); false if it ends by itself. REQUIRES: Bind() has succeeded. Call it only
  // once.
  bool Run();
  // Ends all connections, whatever they are doing, and ends Run(), even if Run() has not begun.
  void Stop();

  std::size_t connections() const { return connections_; }

 private:
  class BoundedStream;
  class ThreadPerConnection;

  bool process_and_close_socket(socket_t socket) override;
  bool Enter(int socket);
  void ServeConnection(int socket);
  template <typename Self, typename Setup>
  static bool ProcessRequest(Self& server, BoundedStream& stream, bool& closed, Setup setup);
  void Linger(int socket);

  const HttpLimits limits_;
  std::atomic<std::size_t> connections_ = 0;
  std::atomic<bool> stopping_ = false;
  std::mutex mutex_;
  std::set<int> sockets_;  // of the connections
  bool ended_ = false;     // Run() has ended
};

}  // namespace millrace::dashboard
