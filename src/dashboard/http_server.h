// An HTTP server for hostile clients: cpp-httplib, with the limits that it does not have.
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
  // Connections beyond are told so (503) and closed. Each has a thread, and 500 of them may be
  // slow.
  std::size_t connections = 1024;
  // A request, headers and body together.
  std::size_t request_bytes = 64 * 1024;
  // From its first byte to its last.
  std::chrono::seconds request_time{10};
  // For a client that does not take what it is sent.
  std::chrono::seconds write_time{10};
  // Between requests of a connection.
  std::chrono::seconds idle_time{15};
  // For a client that is hung up on to read its answer, and to stop sending.
  std::chrono::seconds linger_time{1};
};

// A server whose requests are bounded in size and in time as a whole, so that one that trickles in
// is ended as well as one that does not end. Each connection has a thread of its own. Handlers run
// in many threads at once. Bodies are not read: a connection ends with the request that has one, or
// that is not understood, so that the rest of it is not taken for the next.
class HttpServer : public httplib::Server {
 public:
  explicit HttpServer(const HttpLimits& limits);

  // Binds. Returns the port (that of `port`, or a free one for 0), or -1.
  int Bind(const std::string& host, int port);
  // Serves until Stop(); false when it ends by itself. REQUIRES: Bind() has succeeded. Once.
  bool Run();
  // Ends all connections, whatever they are doing, and Run(), also one that is yet to begin.
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
  bool ended_ = false;     // Run() has
};

}  // namespace millrace::dashboard
