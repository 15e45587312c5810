#include "client/connection.h"

#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <utility>

#include "client/error.h"

namespace millrace {
namespace {

void DropNotice(void*, const PGresult*) {}

std::string WithoutTrailingNewline(std::string text) {
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

[[noreturn]] void ThrowResultError(PGconn* connection, const PGresult* result) {
  const char* message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
  if (message == nullptr) throw CliError(WithoutTrailingNewline(PQerrorMessage(connection)));
  std::string way_out;
  auto append = [&](int field, const char* label) {
    if (const char* value = PQresultErrorField(result, field)) {
      if (!way_out.empty()) way_out += '\n';
      way_out += label;
      way_out += value;
    }
  };
  append(PG_DIAG_MESSAGE_DETAIL, "");
  append(PG_DIAG_CONTEXT, "at: ");
  append(PG_DIAG_MESSAGE_HINT, "");
  const char* sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
  throw SqlError(message, way_out, sqlstate == nullptr ? "" : sqlstate);
}

QueryResult Checked(PGconn* connection, QueryResult result) {
  switch (PQresultStatus(result.get())) {
    case PGRES_TUPLES_OK:
    case PGRES_COMMAND_OK:
    case PGRES_EMPTY_QUERY:
      return result;
    default:
      ThrowResultError(connection, result.get());
  }
}
QueryResult Checked(PGconn* connection, PGresult* raw) {
  return Checked(connection, QueryResult(raw));
}

// Waits until the socket can be read or written; false if the deadline comes first.
bool AwaitSocket(PGconn* connection, short events, Deadline deadline) {
  for (;;) {
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    if (left.count() <= 0) return false;
    pollfd waited = {PQsocket(connection), events, 0};
    // libpq may replace the socket by another one; waiting at most a second finds that out.
    const int got = poll(&waited, 1, static_cast<int>(std::min<long long>(left.count(), 1000)));
    if (got > 0) return true;
    if (got < 0 && errno != EINTR) throw CliError("cannot wait for the server");
  }
}

[[noreturn]] void ThrowSilence() {
  throw CliError("the server does not answer", "", Connection::kTimedOut);
}

}  // namespace

std::string_view QueryResult::Value(int row, int column) const {
  return {PQgetvalue(result_.get(), row, column),
          static_cast<std::size_t>(PQgetlength(result_.get(), row, column))};
}

long long QueryResult::affected() const {
  return std::strtoll(PQcmdTuples(result_.get()), nullptr, 10);
}

namespace {

// Of two values of a keyword the last counts: the caller's name of the application comes after
// ours, and our encoding after the caller's, because all texts of the programs are in UTF-8.
constexpr const char* kKeywords[] = {"application_name", "dbname", "client_encoding", nullptr};

}  // namespace

Connection Connection::Open(const std::string& conninfo, bool show_notices) {
  const char* const values[] = {"millrace", conninfo.c_str(), "UTF8", nullptr};
  Connection connection(PQconnectdbParams(kKeywords, values, 1));
  PGconn* raw = connection.get();
  if (raw == nullptr) throw CliError("out of memory");
  if (PQstatus(raw) != CONNECTION_OK) {
    throw CliError(WithoutTrailingNewline(PQerrorMessage(raw)));
  }
  if (!show_notices) PQsetNoticeReceiver(raw, DropNotice, nullptr);
  return connection;
}

Connection Connection::Open(const std::string& conninfo, Deadline deadline) {
  const char* const values[] = {"millrace", conninfo.c_str(), "UTF8", nullptr};
  Connection connection(PQconnectStartParams(kKeywords, values, 1));
  PGconn* raw = connection.get();
  if (raw == nullptr) throw CliError("out of memory");
  auto state = PQstatus(raw) == CONNECTION_BAD ? PGRES_POLLING_FAILED : PGRES_POLLING_WRITING;
  while (state != PGRES_POLLING_OK) {
    if (state == PGRES_POLLING_FAILED) {
      throw CliError(WithoutTrailingNewline(PQerrorMessage(raw)));
    }
    if (!AwaitSocket(raw, state == PGRES_POLLING_READING ? POLLIN : POLLOUT, deadline)) {
      ThrowSilence();
    }
    state = PQconnectPoll(raw);
  }
  PQsetNoticeReceiver(raw, DropNotice, nullptr);
  connection.set_deadline(deadline);
  return connection;
}

QueryResult Connection::Await() {
  QueryResult result(nullptr);
  for (;;) {
    while (PQisBusy(get()) != 0) {
      if (!AwaitSocket(get(), POLLIN, *deadline_)) {
        given_up_ = true;
        ThrowSilence();
      }
      if (PQconsumeInput(get()) == 0) {
        throw CliError(WithoutTrailingNewline(PQerrorMessage(get())));
      }
    }
    PGresult* next = PQgetResult(get());
    if (next == nullptr) break;
    // Of several statements, the first that fails counts, as in PQexec.
    if (PQresultStatus(result.get()) != PGRES_FATAL_ERROR || result.get() == nullptr) {
      result = QueryResult(next);
    } else {
      PQclear(next);
    }
  }
  if (result.get() == nullptr) throw CliError(WithoutTrailingNewline(PQerrorMessage(get())));
  return result;
}

QueryResult Connection::Execute(const std::string& sql) {
  if (!deadline_) return Checked(get(), PQexec(get(), sql.c_str()));
  if (given_up_) ThrowSilence();
  if (PQsendQuery(get(), sql.c_str()) == 0) {
    throw CliError(WithoutTrailingNewline(PQerrorMessage(get())));
  }
  return Checked(get(), Await());
}

QueryResult Connection::Execute(const std::string& sql,
                                const std::vector<const char*>& parameters) {
  const int count = static_cast<int>(parameters.size());
  if (!deadline_) {
    return Checked(get(), PQexecParams(get(), sql.c_str(), count, nullptr, parameters.data(),
                                       nullptr, nullptr, 0));
  }
  if (given_up_) ThrowSilence();
  if (PQsendQueryParams(get(), sql.c_str(), count, nullptr, parameters.data(), nullptr, nullptr,
                        0) == 0) {
    throw CliError(WithoutTrailingNewline(PQerrorMessage(get())));
  }
  return Checked(get(), Await());
}

void Connection::BeginCopy(const std::string& copy_statement) {
  QueryResult result(PQexec(get(), copy_statement.c_str()));
  if (PQresultStatus(result.get()) != PGRES_COPY_IN) ThrowResultError(get(), result.get());
}

void Connection::PutCopy(std::string_view data) {
  // PQputCopyData takes an int, so larger data is sent in parts.
  constexpr std::size_t kPiece = std::size_t{1} << 28;
  while (!data.empty()) {
    const std::string_view piece = data.substr(0, kPiece);
    if (PQputCopyData(get(), piece.data(), static_cast<int>(piece.size())) != 1) {
      throw CliError(WithoutTrailingNewline(PQerrorMessage(get())));
    }
    data.remove_prefix(piece.size());
  }
}

long long Connection::EndCopy() {
  if (PQputCopyEnd(get(), nullptr) != 1) {
    throw CliError(WithoutTrailingNewline(PQerrorMessage(get())));
  }
  QueryResult result(PQgetResult(get()));
  while (PGresult* rest = PQgetResult(get())) PQclear(rest);
  if (PQresultStatus(result.get()) != PGRES_COMMAND_OK) ThrowResultError(get(), result.get());
  return result.affected();
}

void Connection::AbortCopy(const std::string& reason) noexcept {
  PQputCopyEnd(get(), reason.c_str());
  while (PGresult* result = PQgetResult(get())) PQclear(result);
}

}  // namespace millrace
