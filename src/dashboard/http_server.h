// An HTTP server for hostile clients: cpp-httplib, with the limits that it does not have.
#pragma once

#include <httplib.h>

#include <atomic>
#include <chrono>
#include <cstddef>

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
};

// A server whose requests are bounded in size and in time as a whole, so that one that trickles in
// is ended as well as one that does not end. Each connection has a thread of its own. Handlers run
// in many threads at once.
class HttpServer : public httplib::Server {
 public:
  explicit HttpServer(const HttpLimits& limits);

  // Binds. Returns the port (that of `port`, or a free one for 0), or -1.
  int Bind(const std::string& host, int port);

  std::size_t connections() const { return connections_; }

 private:
  class BoundedStream;
  class ThreadPerConnection;

  bool process_and_close_socket(socket_t socket) override;

  const HttpLimits limits_;
  std::atomic<std::size_t> connections_ = 0;
};

}  // namespace millrace::dashboard
