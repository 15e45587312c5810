#include "ingest/copy_sender.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <memory>

#include "client/error.h"
#include "client/text.h"
#include "ingest/binary_records.h"
#include "ingest/binary_row.h"

namespace millrace::cli {
namespace {

using Answer = std::unique_ptr<PGresult, void (*)(PGresult*)>;

// A line before the records, which COPY skips as a header. Because of it the server knows before
// the first record that lines end with a line feed. Only then does it count the line feeds inside
// quotes; otherwise the line number of an error would be wrong.
constexpr std::string_view kHeaderLine = "h\n";
constexpr std::size_t kSliceBytes = 256 << 10;
// After rows that the server has refused in binary form, so many batches are sent as CSV: bad rows
// are often close together.
constexpr int kPatience = 16;
// A batch that the server has given up because of another transaction is sent so often.
constexpr int kMostTries = 5;

std::string Field(const PGresult* answer, int code) {
  const char* text = PQresultErrorField(answer, code);
  return text == nullptr ? "" : text;
}

std::string TrimEnd(std::string text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
  return text;
}

// Reads the line number from "COPY events, line 17, column country: "x"", in any language of the
// server's messages, and puts what follows it into `rest`. -1 if the context names no line of this
// relation: a shard's own COPY, for example, counts other lines.
std::int64_t ParseContextLine(const std::string& context, const std::string& relation,
                              std::string* rest) {
  const std::string prefix = "COPY " + relation + ", ";
  std::size_t at = context.find(prefix);
  if (at == std::string::npos || (at > 0 && context[at - 1] != '\n')) return -1;
  at = context.find_first_of("0123456789\n", at + prefix.size());
  if (at == std::string::npos || context[at] == '\n') return -1;
  std::int64_t line = -1;
  const char* end = context.data() + context.size();
  const auto [after, error] = std::from_chars(context.data() + at, end, line);
  if (error != std::errc()) return -1;
  *rest = std::string(after, std::find(after, end, '\n'));
  return line;
}

std::string Literal(PGconn* server, const std::string& text) {
  const std::unique_ptr<char, void (*)(void*)> literal(
      PQescapeLiteral(server, text.data(), text.size()), &PQfreemem);
  if (literal == nullptr) throw CliError(PQerrorMessage(server));
  return literal.get();
}

std::string CopyStatement(PGconn* server, const TargetTable& table, const CopyFormat& format) {
  if (format.binary) {
    return fmt::format("COPY {} {} FROM STDIN (FORMAT binary)", table.name.Quoted(),
                       QuoteColumnList(format.columns));
  }
  std::string copy = fmt::format("COPY {} {} FROM STDIN (FORMAT csv, HEADER true, ENCODING 'UTF8'",
                                 table.name.Quoted(), QuoteColumnList(format.columns));
  const Dialect standard;
  if (format.dialect.delimiter != standard.delimiter) {
    copy += ", DELIMITER " + Literal(server, std::string(1, format.dialect.delimiter));
  }
  if (format.dialect.quote != standard.quote) {
    copy += ", QUOTE " + Literal(server, std::string(1, format.dialect.quote));
  }
  if (!format.dialect.null_text.empty()) {
    copy += ", NULL " + Literal(server, format.dialect.null_text);
  }
  if (!format.force_null.empty()) copy += ", FORCE_NULL " + QuoteColumnList(format.force_null);
  return copy + ")";
}

// Whether an error is none of the rows or of their form: a lock, a cancelled statement, a server
// that shuts down or is full, a read-only one, or a right that is missing.
bool IsOfNoForm(const std::string& sqlstate) {
  const std::string_view group = std::string_view(sqlstate).substr(0, 2);
  return group == "25" || group == "40" || group == "53" || group == "57" || sqlstate == "55P03" ||
         sqlstate == "42501";
}

// Whether times without a zone are in UTC for the session, or will be by the format.
bool ReadsUtc(PGconn* server, const CopyFormat& format) {
  const char* const session = PQparameterStatus(server, "TimeZone");
  const std::string_view zone = !format.time_zone.empty() ? std::string_view(format.time_zone)
                                : session != nullptr      ? std::string_view(session)
                                                          : std::string_view();
  return zone == "UTC" || zone == "Etc/UTC" || zone == "GMT";
}

}  // namespace

bool CopyResult::BlamesData() const {
  if (outcome != Outcome::kRefused || sqlstate.size() != 5) return false;
  const std::string_view group = std::string_view(sqlstate).substr(0, 2);
  // Data exception, integrity constraint, check option, RAISE in a trigger, a row too large.
  for (const char* known : {"22", "23", "44", "P0", "54"}) {
    if (group == known) return true;
  }
  // What the standard leaves to programs, and PostgreSQL does not use: a trigger has raised it.
  const bool free = (group[0] >= '5' && group[0] <= '9') || (group[0] >= 'I' && group[0] <= 'Z');
  constexpr std::string_view kServers[] = {"53", "55", "57", "58", "72", "XX"};
  return free && std::find(std::begin(kServers), std::end(kServers), group) == std::end(kServers);
}

CopyResult FailureOf(Connection& connection, const PGresult* answer, const std::string& relation,
                     std::int64_t first_line) {
  CopyResult result;
  result.outcome = CopyResult::Outcome::kRefused;
  result.sqlstate = Field(answer, PG_DIAG_SQLSTATE);
  result.message = Field(answer, PG_DIAG_MESSAGE_PRIMARY);
  if (result.message.empty()) result.message = TrimEnd(PQerrorMessage(connection.get()));
  const std::string detail = Field(answer, PG_DIAG_MESSAGE_DETAIL);
  if (!detail.empty()) result.message += fmt::format(" ({})", detail);
  std::string rest;
  const std::int64_t line = ParseContextLine(Field(answer, PG_DIAG_CONTEXT), relation, &rest);
  if (line >= first_line) result.line = line - first_line;
  if (rest.starts_with(", ")) result.message += rest;
  std::replace(result.message.begin(), result.message.end(), '\n', ' ');
  return result;
}

CopyResult CopyRows(Connection& connection, const TargetTable& table, const CopyFormat& format,
                    std::string_view records, std::int64_t rows) {
  PGconn* const server = connection.get();
  CopyResult result;
  const std::string copy = CopyStatement(server, table, format);
  const Answer begun(PQexec(server, copy.c_str()), &PQclear);
  if (PQresultStatus(begun.get()) != PGRES_COPY_IN) {
    return FailureOf(connection, begun.get(), table.relation);
  }
  // The server counts from 1, and counts the header line.
  const std::int64_t first_line = format.binary ? 1 : 2;

  const auto put = [server](std::string_view data) {
    return PQputCopyData(server, data.data(), static_cast<int>(data.size())) == 1;
  };
  bool sent = put(format.binary ? BinaryHeader() : kHeaderLine);
  for (std::size_t at = 0; sent && at < records.size(); at += kSliceBytes) {
    sent = put(records.substr(at, kSliceBytes));
  }
  sent = sent && (!format.binary || put(BinaryTrailer())) && PQputCopyEnd(server, nullptr) == 1;

  std::int64_t counted = -1;
  while (const Answer answer{PQgetResult(server), &PQclear}) {
    if (PQresultStatus(answer.get()) == PGRES_COMMAND_OK) {
      counted = std::atoll(PQcmdTuples(answer.get()));
    } else if (result.message.empty()) {
      result = FailureOf(connection, answer.get(), table.relation, first_line);
    }
    if (PQstatus(server) == CONNECTION_BAD) break;
  }
  if (!result.message.empty()) return result;
  if (!sent || counted < 0) {
    result.message = TrimEnd(PQerrorMessage(server));
    result.outcome = CopyResult::Outcome::kRefused;
    return result;
  }
  if (counted != rows) {
    result.message =
        fmt::format("{} sent but the server counted {}: a trigger or rule may skip rows",
                    FormatCount(rows, "row was", "rows were"), FormatCount(counted));
    result.outcome = CopyResult::Outcome::kRefused;
    return result;
  }
  return result;
}

CopySender::CopySender(const std::string& conninfo)
    : connection_(Connection::Open(conninfo)),
      may_be_binary_(connection_.Execute("SHOW default_transaction_isolation").Value(0, 0) ==
                     "read committed") {}

bool CopySender::Command(const char* sql, CopyResult* result) {
  const Answer answer(PQexec(connection_.get(), sql), &PQclear);
  if (PQresultStatus(answer.get()) == PGRES_COMMAND_OK) return true;
  *result = FailureOf(connection_, answer.get(), "");
  return false;
}

bool CopySender::Record(const RecordStatement& record, CopyResult* result) {
  std::vector<const char*> parameters;
  for (const std::string& each : record.parameters) parameters.push_back(each.c_str());
  const Answer answer(
      PQexecParams(connection_.get(), record.sql.c_str(), static_cast<int>(parameters.size()),
                   nullptr, parameters.data(), nullptr, nullptr, 0),
      &PQclear);
  if (PQresultStatus(answer.get()) == PGRES_COMMAND_OK) {
    if (record.refusal.empty() || std::string_view(PQcmdTuples(answer.get())) != "0") return true;
    result->message = record.refusal;
    return false;
  }
  *result = FailureOf(connection_, answer.get(), "");
  result->message = "cannot write down what is loaded: " + result->message;
  // No row is bad.
  result->sqlstate.clear();
  return false;
}

CopyResult CopySender::Refuse(CopyResult result) {
  result.outcome = CopyResult::Outcome::kRefused;
  const Answer answer(PQexec(connection_.get(), "ROLLBACK"), &PQclear);
  return result;
}

bool CopySender::HasLayout(const TargetTable& table) {
  try {
    return HasSameLayout(connection_, table);
  } catch (const CliError&) {
    return false;
  }
}

bool CopySender::WriteBinary(const TargetTable& table, const CopyFormat& format,
                             std::string_view records) {
  if (!may_be_binary_) return false;
  binary_.clear();
  return AppendBinaryRecords(table, format, ReadsUtc(connection_.get(), format), records, &binary_);
}

CopyResult CopySender::Send(const TargetTable& table, const CopyFormat& format,
                            std::string_view records, std::int64_t rows,
                            const RecordStatement* record) {
  for (int tries = 1;; ++tries) {
    CopyResult result = TryForms(table, format, records, rows, record);
    const bool met_another = result.outcome == CopyResult::Outcome::kRefused &&
                             (result.sqlstate == "40001" || result.sqlstate == "40P01");
    if (!met_another || tries == kMostTries) return result;
  }
}

CopyResult CopySender::TryForms(const TargetTable& table, const CopyFormat& format,
                                std::string_view records, std::int64_t rows,
                                const RecordStatement* record) {
  if (batches_before_binary_ > 0) {
    --batches_before_binary_;
  } else if (WriteBinary(table, format, records)) {
    CopyFormat binary_format{format.columns, true};
    binary_format.time_zone = format.time_zone;
    CopyResult result = Try(table, binary_format, binary_, rows, record);
    if (result.outcome != CopyResult::Outcome::kRefused ||
        PQstatus(connection_.get()) != CONNECTION_OK || IsOfNoForm(result.sqlstate)) {
      return result;
    }
    batches_before_binary_ = kPatience;
  }
  return Try(table, format, records, rows, record);
}

CopyResult CopySender::Try(const TargetTable& table, const CopyFormat& format,
                           std::string_view records, std::int64_t rows,
                           const RecordStatement* record) {
  PGconn* const server = connection_.get();
  CopyResult result;
  std::string begin = "BEGIN";
  if (!format.time_zone.empty()) {
    begin += "; SET LOCAL TimeZone = " + Literal(server, format.time_zone);
  }
  if (!Command(begin.c_str(), &result)) return Refuse(std::move(result));
  // First, so that a batch that was loaded before is refused for that reason.
  if (record != nullptr && !Record(*record, &result)) return Refuse(std::move(result));

  result = CopyRows(connection_, table, format, records, rows);
  if (result.outcome != CopyResult::Outcome::kCommitted) return Refuse(std::move(result));
  if (format.binary && !HasLayout(table)) return Refuse(std::move(result));
  if (!Command("COMMIT", &result)) {
    // If the server did not answer the COMMIT, only the server knows.
    if (PQstatus(server) == CONNECTION_BAD && result.sqlstate.empty()) {
      result.outcome = CopyResult::Outcome::kUnknown;
    }
    return result;
  }
  return result;
}

}  // namespace millrace::cli
