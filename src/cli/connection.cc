#include "cli/connection.h"

#include <cstdlib>
#include <utility>

#include "cli/error.h"

namespace millrace::cli {
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
  throw CliError(message, way_out);
}

QueryResult Checked(PGconn* connection, PGresult* raw) {
  QueryResult result(raw);
  switch (PQresultStatus(raw)) {
    case PGRES_TUPLES_OK:
    case PGRES_COMMAND_OK:
    case PGRES_EMPTY_QUERY:
      return result;
    default:
      ThrowResultError(connection, raw);
  }
}

}  // namespace

std::string_view QueryResult::Value(int row, int column) const {
  return {PQgetvalue(result_.get(), row, column),
          static_cast<std::size_t>(PQgetlength(result_.get(), row, column))};
}

long long QueryResult::affected() const {
  return std::strtoll(PQcmdTuples(result_.get()), nullptr, 10);
}

Connection Connection::Open(const std::string& conninfo, bool show_notices) {
  // The last of two values of a keyword counts: what the caller sets comes after our default.
  const char* const keywords[] = {"application_name", "dbname", nullptr};
  const char* const values[] = {"millrace", conninfo.c_str(), nullptr};
  Connection connection(PQconnectdbParams(keywords, values, 1));
  PGconn* raw = connection.get();
  if (raw == nullptr) throw CliError("out of memory");
  if (PQstatus(raw) != CONNECTION_OK) {
    throw CliError(WithoutTrailingNewline(PQerrorMessage(raw)));
  }
  if (!show_notices) PQsetNoticeReceiver(raw, DropNotice, nullptr);
  return connection;
}

QueryResult Connection::Execute(const std::string& sql) {
  return Checked(get(), PQexec(get(), sql.c_str()));
}

QueryResult Connection::Execute(const std::string& sql,
                                const std::vector<const char*>& parameters) {
  return Checked(get(), PQexecParams(get(), sql.c_str(), static_cast<int>(parameters.size()),
                                     nullptr, parameters.data(), nullptr, nullptr, 0));
}

void Connection::BeginCopy(const std::string& copy_statement) {
  QueryResult result(PQexec(get(), copy_statement.c_str()));
  if (PQresultStatus(result.get()) != PGRES_COPY_IN) ThrowResultError(get(), result.get());
}

void Connection::PutCopy(std::string_view data) {
  // PQputCopyData takes an int: larger pieces go in parts.
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

}  // namespace millrace::cli
