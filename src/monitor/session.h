// Queries of a server, each with a time limit, so that one that cannot be answered does not keep
// others from being asked.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "client/connection.h"
#include "monitor/warning.h"

namespace millrace::monitor {

// Limits of one query.
struct Limits {
  std::chrono::milliseconds lock{700};
  std::chrono::milliseconds statement{2000};
};

// SQL for a time in RFC 3339 with offset.
#define MILLRACE_ISO(expression) \
  "pg_catalog.to_char(" expression ", 'YYYY-MM-DD\"T\"HH24:MI:SS.MSTZH:TZM')"

// SQL for relations that somebody has locked, or wants to lock, so that nobody can read them.
// Asking for their sizes would wait for the lock.
#define MILLRACE_LOCKED                                                                       \
  "(SELECT l.relation FROM pg_catalog.pg_locks l WHERE l.locktype = 'relation' AND l.mode = " \
  "'AccessExclusiveLock' AND l.pid IS DISTINCT FROM pg_catalog.pg_backend_pid() AND "         \
  "l.relation IS NOT NULL)"

// Runs queries on a connection. Not thread-safe. The connection is read-only from then on, even
// after this object has ended.
class Session {
 public:
  // `whole`: the deadline of all queries together. REQUIRES: no transaction is open.
  Session(Connection& connection, Deadline whole, Limits limits = {});

  // The rows of a query as objects, made by PostgreSQL so that numbers stay numbers. nullopt if it
  // could not be answered: then a warning `not_checked` says that `what` ("jobs", in the plural) is
  // not known. Names without a schema are looked up in pg_catalog, then in public.
  std::optional<nlohmann::json> Ask(const std::string& what, const std::string& sql,
                                    const std::vector<const char*>& parameters = {});
  // The same, but no rows if it could not be answered.
  nlohmann::json Rows(const std::string& what, const std::string& sql,
                      const std::vector<const char*>& parameters = {});
  // The same, without a warning.
  std::optional<nlohmann::json> Try(const std::string& sql,
                                    const std::vector<const char*>& parameters = {});
  // From now on waits for locks at most this long.
  void LimitLocks(std::chrono::milliseconds limit);

  const std::vector<Warning>& unanswered() const { return unanswered_; }
  // How many queries were sent.
  int questions() const { return questions_; }

 private:
  bool Prepare();
  nlohmann::json Send(const std::string& sql, const std::vector<const char*>& parameters);

  Connection& connection_;
  const Deadline whole_;
  const Limits limits_;
  std::chrono::milliseconds statement_timeout_{0};  // as it is set on the server
  std::vector<Warning> unanswered_;
  std::string why_;
  int questions_ = 0;
};

}  // namespace millrace::monitor
