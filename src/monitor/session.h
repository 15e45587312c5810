// Questions to a server, each limited in time, so that one that cannot be answered keeps no other
// from being asked.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "client/connection.h"
#include "monitor/warning.h"

namespace millrace::monitor {

// Limits of one question.
struct Limits {
  std::chrono::milliseconds lock{700};
  std::chrono::milliseconds statement{2000};
};

// A time as RFC 3339 with offset, in SQL.
#define MILLRACE_ISO(expression) \
  "pg_catalog.to_char(" expression ", 'YYYY-MM-DD\"T\"HH24:MI:SS.MSTZH:TZM')"

// Relations that somebody has locked, or wants to lock, so that nobody can read them, in SQL: what
// is asked of them (sizes) waits for the lock.
#define MILLRACE_LOCKED                                                                       \
  "(SELECT l.relation FROM pg_catalog.pg_locks l WHERE l.locktype = 'relation' AND l.mode = " \
  "'AccessExclusiveLock' AND l.pid IS DISTINCT FROM pg_catalog.pg_backend_pid() AND "         \
  "l.relation IS NOT NULL)"

// A connection while it is asked. Not thread-safe. Read-only for as long as it lives, and after.
class Session {
 public:
  // `whole`: no question goes on for longer. REQUIRES: no transaction is open.
  Session(Connection& connection, Deadline whole, Limits limits = {});

  // The rows of a query as objects, made by PostgreSQL so that numbers are numbers. nullopt where
  // it could not be answered: then a warning `not_checked` says so of `what` ("jobs", in the
  // plural). Names without a schema are those of pg_catalog, then of public.
  std::optional<nlohmann::json> Ask(const std::string& what, const std::string& sql,
                                    const std::vector<const char*>& parameters = {});
  // The same; no rows where it could not be answered.
  nlohmann::json Rows(const std::string& what, const std::string& sql,
                      const std::vector<const char*>& parameters = {});
  // The same, without a warning.
  std::optional<nlohmann::json> Try(const std::string& sql,
                                    const std::vector<const char*>& parameters = {});
  // Waits for locks no longer than this from now on.
  void LimitLocks(std::chrono::milliseconds limit);

  const std::vector<Warning>& unanswered() const { return unanswered_; }
  // Questions sent.
  int questions() const { return questions_; }

 private:
  bool Prepare();
  nlohmann::json Send(const std::string& sql, const std::vector<const char*>& parameters);

  Connection& connection_;
  const Deadline whole_;
  const Limits limits_;
  std::chrono::milliseconds statement_timeout_{0};  // as the server has it
  std::vector<Warning> unanswered_;
  std::string why_;
  int questions_ = 0;
};

}  // namespace millrace::monitor
