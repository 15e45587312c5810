#include "ingest/row_inserter.h"

#include <fmt/format.h>

#include <memory>

#include "client/error.h"

namespace millrace::cli {
namespace {

constexpr const char* kStatement = "millrace_insert";

void Expect(PGconn* server, PGresult* result) {
  const std::unique_ptr<PGresult, void (*)(PGresult*)> answer(result, &PQclear);
  if (PQresultStatus(result) == PGRES_COMMAND_OK) return;
  std::string message = result == nullptr ? "" : PQresultErrorMessage(result);
  if (message.empty()) message = PQerrorMessage(server);
  while (message.ends_with('\n')) message.pop_back();
  throw CliError("the event was not inserted: " + message);
}

}  // namespace

RowInserter::RowInserter(Connection& connection, const TargetTable& table,
                         const std::vector<std::string>& columns)
    : connection_(connection), columns_(columns.size()) {
  std::string parameters;
  for (std::size_t i = 1; i <= columns_; ++i) {
    parameters += fmt::format("{}${}", i == 1 ? "" : ", ", i);
  }
  const std::string insert = fmt::format("INSERT INTO {} {} VALUES ({})", table.name.Quoted(),
                                         QuoteColumnList(columns), parameters);
  Expect(connection_.get(), PQprepare(connection_.get(), kStatement, insert.c_str(), 0, nullptr));
}

void RowInserter::Insert(const std::vector<const char*>& values) {
  Expect(connection_.get(),
         PQexecPrepared(connection_.get(), kStatement, static_cast<int>(columns_), values.data(),
                        nullptr, nullptr, 0));
}

void RowInserter::Insert(const ClickEvent& event) {
  const std::string time(writer_.FormatTime(event.event_time));
  const std::string customer = std::to_string(event.customer_id);
  const std::string type(event.event_type);
  const std::string country(event.country);
  const std::string browser(event.browser);
  const std::string device = std::to_string(event.device_id);
  const std::string session = std::to_string(event.session_id);
  Insert({time.c_str(), customer.c_str(), type.c_str(), country.c_str(), browser.c_str(),
          device.c_str(), session.c_str()});
}

}  // namespace millrace::cli
