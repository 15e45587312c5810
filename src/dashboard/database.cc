#include "dashboard/database.h"

#include <fmt/format.h>

#include "client/error.h"

namespace millrace::dashboard {
namespace {

constexpr std::chrono::seconds kConnect{5};
constexpr std::chrono::seconds kGrace{2};
constexpr const char* kBegin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

// An error of PostgreSQL as an answer for whoever looks at the page.
ApiError Explain(const CliError& error, const PGconn* connection) {
  if (PQstatus(connection) != CONNECTION_OK) {
    return {503, "unavailable", "the connection to the database was lost",
            "It is tried again with the next request."};
  }
  const std::string message = error.what();
  if (message.find("statement timeout") != std::string::npos) {
    return {503, "timeout", "the database took too long",
            "Ask for a shorter span, or give `millrace serve` a longer --statement-timeout."};
  }
  // A value of the request that is none of its column's type, or a time zone that does not exist.
  const auto* sql = dynamic_cast<const SqlError*>(&error);
  if (sql != nullptr && sql->sqlstate().starts_with("22")) {
    return {400, "bad_request", message, "Choose a value that the dimension has."};
  }
  return {503, "failed", message, error.way_out()};
}

}  // namespace

Database::Snapshot::~Snapshot() {
  try {
    database_.Limit(*connection_);
    connection_->Execute("COMMIT");
    database_.Give(std::move(connection_));
  } catch (const CliError&) {
    database_.Give(nullptr);
  }
}

nlohmann::json Database::Snapshot::Rows(const std::string& sql,
                                        const std::vector<const char*>& parameters) {
  ++database_.statements_;
  database_.Limit(*connection_);
  try {
    const auto result = connection_->Execute(
        "SELECT coalesce(pg_catalog.json_agg(pg_catalog.row_to_json(q)), '[]') FROM (" + sql +
            "\n) q",
        parameters);
    return nlohmann::json::parse(result.Value(0, 0));
  } catch (const CliError& e) {
    throw Explain(e, connection_->get());
  }
}

std::optional<nlohmann::json> Database::Snapshot::TryRows(const std::string& sql) {
  connection_->Execute("SAVEPOINT tried");
  try {
    nlohmann::json rows = Rows(sql);
    connection_->Execute("RELEASE tried");
    return rows;
  } catch (const ApiError&) {
    if (!connection_->alive()) throw;
    connection_->Execute("ROLLBACK TO tried; RELEASE tried");
    return std::nullopt;
  }
}

// Gives up a server that sends nothing: then its own time limit for statements does not help.
void Database::Limit(Connection& connection) const {
  connection.set_deadline(std::chrono::steady_clock::now() + options_.statement_timeout + kGrace);
}

Database::Snapshot Database::Begin() { return {*this, Take()}; }

// A connection in a new transaction. An idle connection may have been closed in the meantime; then
// tries the next.
std::unique_ptr<Connection> Database::Take() {
  std::unique_lock lock(mutex_);
  if (!given_.wait_for(lock, options_.wait, [this] { return in_use_ < options_.connections; })) {
    throw ApiError(503, "busy", "all connections to the database are busy",
                   "Try again in a moment.");
  }
  ++in_use_;
  while (!idle_.empty()) {
    auto connection = std::move(idle_.back());
    idle_.pop_back();
    lock.unlock();
    try {
      Limit(*connection);
      connection->Execute(kBegin);
      return connection;
    } catch (const CliError&) {
      connection.reset();
    }
    lock.lock();
  }
  lock.unlock();
  return Connect();
}

std::unique_ptr<Connection> Database::Connect() {
  try {
    auto connection = std::make_unique<Connection>(
        Connection::Open(options_.conninfo, std::chrono::steady_clock::now() + kConnect));
    Limit(*connection);
    connection->Execute(fmt::format(
        "SET default_transaction_read_only = on; SET statement_timeout = {}; SET TimeZone = 'UTC'; "
        "SET DateStyle = 'ISO'; SET IntervalStyle = 'postgres'; SET search_path = "
        "pg_catalog, public; SET application_name = 'millrace dashboard'; SET "
        "idle_in_transaction_session_timeout = '30s'; SET jit = off",
        options_.statement_timeout.count()));
    // The types of sketches and their functions may be in a schema of their own. What is in public
    // comes last: others may have made functions there, named as PostgreSQL's are.
    connection->Execute(
        "SELECT pg_catalog.set_config('search_path', pg_catalog.concat_ws(', ', 'pg_catalog', "
        "(SELECT pg_catalog.string_agg(DISTINCT pg_catalog.quote_ident(n.nspname), ', ') FROM "
        "pg_catalog.pg_extension e JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace WHERE "
        "e.extname IN ('hll', 'topn') AND n.nspname NOT IN ('public', 'pg_catalog')), 'public'), "
        "false)");
    connection->Execute(kBegin);
    return connection;
  } catch (const CliError& e) {
    Give(nullptr);
    throw ApiError(503, "unavailable", std::string("the database cannot be reached: ") + e.what(),
                   e.way_out());
  }
}

void Database::Give(std::unique_ptr<Connection> connection) {
  const std::lock_guard lock(mutex_);
  --in_use_;
  if (connection != nullptr) idle_.push_back(std::move(connection));
  given_.notify_one();
}

}  // namespace millrace::dashboard
