// libpq, owned: connections and results that free themselves, errors as CliError.
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
  // Rows touched, as the command tag says it ("COPY 5", "INSERT 0 5"); 0 where the tag has none.
  long long affected() const;
  const PGresult* get() const { return result_.get(); }

 private:
  std::unique_ptr<PGresult, void (*)(PGresult*)> result_;
};

// When somebody has waited long enough.
using Deadline = std::chrono::steady_clock::time_point;

// One connection to a server. Movable; closed when destroyed. Not thread-safe.
class Connection {
 public:
  // Connects. Throws CliError with the server's words when that fails. `conninfo` is what libpq
  // takes; environment variables and ~/.pgpass count as ever. application_name is `millrace`
  // unless conninfo sets it. Notices are dropped unless `show_notices`.
  static Connection Open(const std::string& conninfo, bool show_notices = false);

  // The same, and gives up at the deadline, also where the server takes the connection and says
  // nothing. (The names of hosts are looked up without a limit, as libpq does; of several hosts,
  // one that says nothing keeps the others from being tried.)
  static Connection Open(const std::string& conninfo, Deadline deadline);
  // The exit code of the CliError that says so.
  static constexpr int kTimedOut = 4;

  // From now on statements are given up at the deadline, also where the server says nothing at all:
  // CliError with exit code kTimedOut, and the connection is of no use any more (alive() is false).
  // nullopt: they are waited for. COPY takes no notice of it.
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
  // The last result of what was sent, waited for until the deadline.
  QueryResult Await();

  std::unique_ptr<PGconn, void (*)(PGconn*)> connection_;
  std::optional<Deadline> deadline_;
  bool given_up_ = false;
};

}  // namespace millrace
