// C++ classes for libpq: connections and results that free themselves; errors are CliError.
#pragma once

#include <libpq-fe.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace millrace {

// The rows of one statement. Values are text; an SQL NULL reads as an empty string, and IsNull
// tells it apart. Thread-compatible.
class QueryResult {
 public:
  explicit QueryResult(PGresult* result) : result_(result, &PQclear) {}
  int rows() const { return PQntuples(result_.get()); }
  int columns() const { return PQnfields(result_.get()); }
  std::string_view Value(int row, int column) const;
  bool IsNull(int row, int column) const { return PQgetisnull(result_.get(), row, column) != 0; }
  std::string ColumnName(int column) const { return PQfname(result_.get(), column); }
  // The number of rows that the command tag gives ("COPY 5", "INSERT 0 5"); 0 if it gives none.
  long long affected() const;
  const PGresult* get() const { return result_.get(); }

 private:
  std::unique_ptr<PGresult, void (*)(PGresult*)> result_;
};

// The time at which to stop waiting.
using Deadline = std::chrono::steady_clock::time_point;

// One connection to a server. Movable; closed when destroyed. Not thread-safe.
class Connection {
 public:
  // Connects. Throws CliError with the server's message when that fails. `conninfo` is a libpq
  // connection string; environment variables and ~/.pgpass apply as usual. application_name is
  // `millrace` unless conninfo sets it. Notices are dropped unless `show_notices`.
  static Connection Open(const std::string& conninfo, bool show_notices = false);

  // The same, but gives up at the deadline, even if the server accepts the connection and then
  // sends nothing. (libpq looks up host names without a time limit. If there are several hosts, one
  // that sends nothing keeps the others from being tried.)
  static Connection Open(const std::string& conninfo, Deadline deadline);
  // The exit code of the CliError for a deadline that has passed.
  static constexpr int kTimedOut = 4;

  // From now on a statement is given up at the deadline, even if the server sends nothing at all.
  // Then CliError is thrown with exit code kTimedOut, and the connection cannot be used any more
  // (alive() is false). nullopt: no deadline. It has no effect on COPY.
  void set_deadline(std::optional<Deadline> deadline) { deadline_ = deadline; }
  // Whether statements can be sent.
  bool alive() const { return !given_up_ && PQstatus(get()) == CONNECTION_OK; }

  // Runs one or more statements; throws CliError with the server's message, detail and hint.
  QueryResult Execute(const std::string& sql);
  // Runs one statement with text parameters ($1, $2, ...); nullptr is SQL NULL.
  QueryResult Execute(const std::string& sql, const std::vector<const char*>& parameters);

  // COPY ... FROM STDIN: BeginCopy, any number of PutCopy, then EndCopy, which returns the number
  // of rows the server loaded. AbortCopy ends the copy with nothing loaded. PutCopy and EndCopy
  // throw CliError; `last_error_` then holds the server's message with its CONTEXT line.
  void BeginCopy(const std::string& copy_statement);
  void PutCopy(std::string_view data);
  long long EndCopy();
  void AbortCopy(const std::string& reason) noexcept;

  PGconn* get() const { return connection_.get(); }

 private:
  explicit Connection(PGconn* connection) : connection_(connection, &PQfinish) {}
  // Waits, at most until the deadline, and returns the last result of what was sent.
  QueryResult Await();

  std::unique_ptr<PGconn, void (*)(PGconn*)> connection_;
  std::optional<Deadline> deadline_;
  bool given_up_ = false;
};

}  // namespace millrace
