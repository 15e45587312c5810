#include "client/conninfo.h"

#include <fmt/format.h>

#include <memory>
#include <set>
#include <string_view>

#include "client/connection.h"
#include "client/error.h"

namespace millrace {
namespace {

using Options = std::unique_ptr<PQconninfoOption, void (*)(PQconninfoOption*)>;

// libpq's test for a string that is not just the name of a database.
bool IsConninfo(std::string_view text) {
  return text.starts_with("postgresql://") || text.starts_with("postgres://") ||
         text.find('=') != std::string_view::npos;
}

// All that have a value, but for those that `without` names.
std::string Join(const PQconninfoOption* options, const std::set<std::string>& without,
                 const std::string& password) {
  std::string conninfo;
  for (const PQconninfoOption* o = options; o->keyword != nullptr; ++o) {
    if (o->val == nullptr || without.contains(o->keyword)) continue;
    conninfo += fmt::format("{}={} ", o->keyword, QuoteConninfo(o->val));
  }
  return password.empty() ? conninfo : conninfo + "password=" + QuoteConninfo(password);
}

}  // namespace

std::string QuoteConninfo(const std::string& value) {
  std::string quoted = "'";
  for (const char c : value) {
    if (c == '\'' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted + "'";
}

std::string WithPassword(const std::string& conninfo, const std::string& password) {
  const std::string text = IsConninfo(conninfo) ? conninfo : "dbname=" + QuoteConninfo(conninfo);
  const Options options(PQconninfoParse(text.c_str(), nullptr), &PQconninfoFree);
  // libpq's message would show a part of the string.
  if (options == nullptr) throw CliError("this is not a connection string: --conninfo");
  return Join(options.get(), {"password"}, password);
}

std::string ConninfoOf(const Connection& connection, const std::string& host,
                       const std::string& port) {
  const Options options(PQconninfo(connection.get()), &PQconninfoFree);
  if (options == nullptr) throw CliError("out of memory");
  const char* password = PQpass(connection.get());
  // The service is in the other values already.
  std::set<std::string> without = {"password", "service"};
  std::string where;
  if (!host.empty()) {
    without.insert({"host", "hostaddr", "port"});
    where = fmt::format("host={} port={} ", QuoteConninfo(host), port);
  }
  return where + Join(options.get(), without, password != nullptr ? password : "");
}

}  // namespace millrace
