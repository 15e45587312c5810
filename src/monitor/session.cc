#include "monitor/session.h"

#include <fmt/format.h>

#include <algorithm>

#include "client/error.h"

namespace millrace::monitor {

using nlohmann::json;
using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

namespace {

// How long to wait for the server beyond its own time limit before giving it up.
constexpr milliseconds kGrace{500};
// With less time left than this, no query is begun.
constexpr milliseconds kLeast{20};

// The server's time zone is kept, because partitions by a timestamp without time zone depend on it.
constexpr const char* kSettings =
    "SET search_path = pg_catalog, public, pg_temp; SET default_transaction_read_only = on; "
    "SET DateStyle = 'ISO'; SET IntervalStyle = 'postgres'; SET client_encoding = 'UTF8'; SET jit "
    "= "
    "off; SET extra_float_digits = 1; SET row_security = on; SET lock_timeout = {}";

}  // namespace

Session::Session(Connection& connection, Deadline whole, Limits limits)
    : connection_(connection), whole_(whole), limits_(limits) {
  try {
    connection_.set_deadline(std::min(whole_, Clock::now() + limits_.statement));
    connection_.Execute(fmt::format(fmt::runtime(kSettings), limits_.lock.count()));
  } catch (const CliError&) {
    // Every query will report the failure.
  }
}

void Session::LimitLocks(milliseconds limit) {
  (void)Try(
      fmt::format("SELECT pg_catalog.set_config('lock_timeout', '{}', false)", limit.count()));
}

// Sets the limits of the next query; false if there is no time for it, or no server.
bool Session::Prepare() {
  const auto left = std::chrono::duration_cast<milliseconds>(whole_ - Clock::now());
  if (!connection_.alive()) {
    why_ = "the server does not answer";
    return false;
  }
  if (left < kLeast) {
    why_ = "the time was over";
    return false;
  }
  const milliseconds most = std::min(limits_.statement, left);
  connection_.set_deadline(std::min(whole_, Clock::now() + most + kGrace));
  // The limit is set again only if it would be too long, because setting it is a query too.
  if (statement_timeout_ == milliseconds(0) || statement_timeout_ > most) {
    connection_.Execute(fmt::format("SET statement_timeout = {}", most.count()));
    statement_timeout_ = most;
  }
  return true;
}

json Session::Send(const std::string& sql, const std::vector<const char*>& parameters) {
  ++questions_;
  const auto result = connection_.Execute(
      "SELECT coalesce(pg_catalog.json_agg(pg_catalog.row_to_json(q)), '[]') FROM (" + sql +
          "\n) q",
      parameters);
  return json::parse(result.Value(0, 0));
}

std::optional<json> Session::Try(const std::string& sql,
                                 const std::vector<const char*>& parameters) {
  try {
    if (Prepare()) return Send(sql, parameters);
  } catch (const CliError& e) {
    why_ = e.what();
  } catch (const json::exception& e) {
    why_ = e.what();
  }
  return std::nullopt;
}

std::optional<json> Session::Ask(const std::string& what, const std::string& sql,
                                 const std::vector<const char*>& parameters) {
  std::optional<json> rows = Try(sql, parameters);
  if (!rows) {
    unanswered_.push_back({"not_checked", Severity::kWarning, what,
                           fmt::format("The {} could not be checked: {}", what, why_), "", ""});
  }
  return rows;
}

json Session::Rows(const std::string& what, const std::string& sql,
                   const std::vector<const char*>& parameters) {
  return Ask(what, sql, parameters).value_or(json::array());
}

}  // namespace millrace::monitor
