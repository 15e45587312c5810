// The dashboard's access to the database: a few read-only connections, with a time limit for each
// statement.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "client/connection.h"

namespace millrace::dashboard {

// What the client gets to read: an HTTP status, a code for programs (as in openapi.json), a message
// and what to do.
class ApiError : public std::runtime_error {
 public:
  ApiError(int status, std::string code, const std::string& message, std::string hint = "")
      : std::runtime_error(message),
        status_(status),
        code_(std::move(code)),
        hint_(std::move(hint)) {}
  int status() const { return status_; }
  const std::string& hint() const { return hint_; }
  nlohmann::json ToJson() const {
    return {{"error", {{"code", code_}, {"message", what()}, {"hint", hint_}}}};
  }
  // The same as text, even if a message is not valid UTF-8.
  std::string ToText() const {
    return ToJson().dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  }

 private:
  int status_;
  std::string code_;
  std::string hint_;
};

struct DatabaseOptions {
  std::string conninfo;
  std::size_t connections = 4;
  std::chrono::milliseconds statement_timeout{5000};
  // How long to wait for a free connection.
  std::chrono::milliseconds wait{5000};
};

class Database {
 public:
  explicit Database(DatabaseOptions options) : options_(std::move(options)) {}

  // A read-only transaction with one snapshot. It ends with this object. Not thread-safe.
  class Snapshot {
   public:
    ~Snapshot();
    Snapshot(const Snapshot&) = delete;
    Snapshot& operator=(const Snapshot&) = delete;

    // The rows as objects. PostgreSQL makes the JSON, so that numbers stay numbers.
    nlohmann::json Rows(const std::string& sql, const std::vector<const char*>& parameters = {});
    // The same, but nullopt if the statement fails; the snapshot can be used after that.
    std::optional<nlohmann::json> TryRows(const std::string& sql);
    // The first row. REQUIRES: there is one.
    nlohmann::json Row(const std::string& sql, const std::vector<const char*>& parameters = {}) {
      return Rows(sql, parameters).at(0);
    }
    Connection& connection() { return *connection_; }

   private:
    friend class Database;
    Snapshot(Database& database, std::unique_ptr<Connection> connection)
        : database_(database), connection_(std::move(connection)) {}
    Database& database_;
    std::unique_ptr<Connection> connection_;
  };

  // Throws ApiError 503 if there is no connection: `busy` or `unavailable`.
  Snapshot Begin();

  // How many statements were sent so far.
  long long statements() const { return statements_; }

 private:
  void Limit(Connection& connection) const;
  std::unique_ptr<Connection> Take();
  std::unique_ptr<Connection> Connect();
  void Give(std::unique_ptr<Connection> connection);

  const DatabaseOptions options_;
  std::mutex mutex_;
  std::condition_variable given_;
  std::vector<std::unique_ptr<Connection>> idle_;
  std::size_t in_use_ = 0;
  std::atomic<long long> statements_ = 0;
};

}  // namespace millrace::dashboard
