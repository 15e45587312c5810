// The program `gendata`: sends click events into a table, slowly enough to watch, with the command
// line of the workshop. That has two options -p: the password, then the port.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "client/connection.h"
#include "client/conninfo.h"
#include "client/error.h"
#include "client/output.h"
#include "client/secret_options.h"
#include "ingest/csv.h"
#include "ingest/input_file.h"
#include "ingest/pacer.h"
#include "ingest/row_inserter.h"
#include "ingest/stop_signal.h"
#include "ingest/units.h"

namespace millrace::cli {
namespace {

constexpr std::size_t kMaxRecordBytes = 16 << 20;

struct Arguments {
  std::string host, user, database, password;
  SecretSource password_source;
  std::vector<std::string> p;  // every -p, in order
  std::optional<int> port;
  std::string table = "events";
  double rate = 5;
  std::int64_t rows = 0;
  std::optional<std::uint64_t> seed;
  std::vector<std::string> files;
  bool quiet = false;
};

std::optional<int> AsPort(const std::string& text) {
  int port = 0;
  const char* end = text.data() + text.size();
  const auto [after, error] = std::from_chars(text.data(), end, port);
  if (error != std::errc() || after != end || port < 1 || port > 65'535) return std::nullopt;
  return port;
}

// Finds the port and the password among the -p of the command line.
//
// If there are two, the one that is a port number is the port, and the second if both are. If there
// is one, it is the password, unless it is a port number and the password is known from elsewhere.
void ResolveP(Arguments* arguments) {
  std::vector<std::string>& p = arguments->p;
  if (p.size() > 2) throw CliError("-p is given more than twice", "See gendata --help.", 2);
  const bool have_password = !arguments->password.empty() || std::getenv("PGPASSWORD") != nullptr;
  if (p.size() == 2) {
    std::size_t port = 1;
    if (!AsPort(p[1]).has_value()) port = 0;
    if (!AsPort(p[port]).has_value() || arguments->port.has_value()) {
      throw CliError("of two -p, one must be the port, and then -P must not be given",
                     "-p PASSWORD -p PORT", 2);
    }
    arguments->port = AsPort(p[port]);
    arguments->password = p[1 - port];
  } else if (p.size() == 1) {
    if (AsPort(p[0]).has_value() && have_password && !arguments->port.has_value()) {
      arguments->port = AsPort(p[0]);
    } else {
      arguments->password = p[0];
    }
  }
}

// What is not given is left to libpq: PGHOST and the like, ~/.pgpass, the defaults.
std::string Conninfo(const Arguments& arguments) {
  std::string conninfo = "application_name=gendata";
  if (std::getenv("PGSSLMODE") == nullptr) conninfo += " sslmode=prefer";
  const auto add = [&conninfo](const char* key, const std::string& value) {
    if (!value.empty()) conninfo += fmt::format(" {}={}", key, QuoteConninfo(value));
  };
  add("host", arguments.host);
  add("user", arguments.user);
  add("dbname", arguments.database);
  add("password", arguments.password);
  if (arguments.port.has_value()) add("port", std::to_string(*arguments.port));
  return conninfo;
}

// Sends rows at the rate, prints each, and stops when the time is over.
class Sender {
 public:
  explicit Sender(const Arguments& arguments)
      : arguments_(arguments),
        connection_(Connection::Open(Conninfo(arguments))),
        table_(FindTargetTable(connection_, QualifiedName::Parse(arguments.table))),
        pacer_(arguments.rate) {}

  // Both return false when it is time to stop.
  bool SendGenerated() {
    ClickstreamOptions options;
    options.seed = arguments_.seed.value_or(static_cast<std::uint64_t>(NowMicros()));
    Clickstream stream(options);
    ClickEventWriter writer;
    RowInserter inserter(connection_, table_,
                         table_.MatchAll(ClickEventColumns(), "the events of gendata"));
    std::string line;
    while (Wait()) {
      const ClickEvent event = stream.Next(NowMicros());
      inserter.Insert(event);
      line.clear();
      writer.AppendCsv(event, &line);
      if (!Sent(line)) return false;
    }
    return false;
  }

  bool Replay(const std::string& path) {
    InputFile input(path);
    CsvReader reader([&](char* buffer, std::size_t size) { return input.Read(buffer, size); },
                     kMaxRecordBytes);
    std::optional<RowInserter> inserter;
    CsvRecord record;
    while (true) {
      const CsvReader::Outcome outcome = reader.Next(&record);
      if (StopRequested()) return false;
      if (outcome == CsvReader::Outcome::kEnd) return true;
      const std::string where = fmt::format("{}:{}", InputName(path), record.first_line);
      if (outcome != CsvReader::Outcome::kRecord) {
        throw CliError(where + ": a quote is opened and never closed, or the row is too long");
      }
      const std::vector<CsvField> fields = SplitCsvRecord(record.text);
      if (!inserter.has_value()) {
        const bool header = !table_.Match(fields[0].value).empty();
        columns_ = Columns(fields, header, where);
        inserter.emplace(connection_, table_, columns_);
        if (header) continue;
      }
      if (!Wait()) return false;
      InsertFields(*inserter, fields, where);
      if (!Sent(std::string(record.text) + "\n")) return false;
    }
  }

  std::int64_t sent() const { return sent_; }

 private:
  std::vector<std::string> Columns(const std::vector<CsvField>& fields, bool header,
                                   const std::string& where) const {
    std::vector<std::string> names;
    if (header) {
      for (const CsvField& field : fields) names.push_back(field.value);
    } else {
      names = ClickEventColumns();
      if (fields.size() == names.size() + 1) names.insert(names.begin(), "event_id");
    }
    std::vector<std::string> columns = table_.MatchAll(names, where);
    if (std::find(columns.begin(), columns.end(), table_.id_column) != columns.end()) {
      throw CliError(
          fmt::format("{}: the ids of column {} are the server's to draw", where, table_.id_column),
          "Leave the column out; `millrace load --ignore-ids` does that.");
    }
    return columns;
  }

  void InsertFields(RowInserter& inserter, const std::vector<CsvField>& fields,
                    const std::string& where) const {
    if (fields.size() != columns_.size()) {
      throw CliError(fmt::format("{}: {} fields where {} are expected", where, fields.size(),
                                 columns_.size()));
    }
    std::vector<const char*> values;
    for (const CsvField& field : fields) {
      if (field.value.find('\0') != std::string::npos) {
        throw CliError(where + ": a field holds a zero byte");
      }
      values.push_back(field.value.empty() && !field.quoted ? nullptr : field.value.c_str());
    }
    try {
      inserter.Insert(values);
    } catch (const CliError& e) {
      throw CliError(where + ": " + e.what(), e.way_out());
    }
  }

  // Waits until the next event is due; false if it must not be sent any more.
  bool Wait() {
    if (arguments_.rows > 0 && sent_ >= arguments_.rows) return false;
    return SleepUntil(pacer_.When(sent_));
  }

  // Prints what was committed. False if nobody reads it any more.
  bool Sent(const std::string& line) {
    ++sent_;
    if (arguments_.quiet) return true;
    return std::fwrite(line.data(), 1, line.size(), stdout) == line.size() &&
           std::fflush(stdout) == 0;
  }

  const Arguments& arguments_;
  Connection connection_;
  TargetTable table_;
  Pacer pacer_;
  std::vector<std::string> columns_;
  std::int64_t sent_ = 0;
};

void Run(Arguments arguments) {
  if (arguments.password_source.given()) {
    arguments.password = ReadSecret(arguments.password_source, "password");
  }
  ResolveP(&arguments);
  for (const std::string& path : arguments.files) CheckReadable(path);
  InstallStopSignals();
  Sender sender(arguments);
  const auto so_far = [&] {
    return fmt::format("{} committed in {}.", FormatCount(sender.sent(), "event is", "events are"),
                       arguments.table);
  };
  try {
    if (arguments.files.empty()) sender.SendGenerated();
    for (const std::string& path : arguments.files) {
      if (!sender.Replay(path)) break;
    }
  } catch (const CliError& e) {
    throw CliError(e.what(), e.way_out().empty() ? so_far() : e.way_out() + "\n" + so_far());
  }
  fmt::print(stderr, "{}\n", so_far());
}

void AddOptions(CLI::App& app, Arguments& arguments) {
  // -h means the host here, as in the workshop.
  app.set_help_flag("--help", "Print this help and exit");
  app.add_option("-h,--host", arguments.host, "Server [default: PGHOST or the local socket]");
  app.add_option("-u,-U,--user", arguments.user, "Role to log in as [default: PGUSER]");
  app.add_option("-d,--database,--dbname", arguments.database, "Database [default: PGDATABASE]");
  app.add_option("-p", arguments.p,
                 "Password and port. If it is given twice, the value that is a port number is the "
                 "port; if both are, the second is. If it is given once, it is the password, "
                 "unless it is a port number and the password comes from elsewhere. `ps` does not "
                 "show it")
      ->expected(1)
      ->take_all();
  app.add_option("-P,--port", arguments.port, "Port [default: PGPORT or 5432]")
      ->check(CLI::Range(1, 65'535));
  CLI::Option* password =
      app.add_option("--password", arguments.password, "Password. `ps` does not show it");
  AddSecretOptions(app, "--password", "the password", arguments.password_source);
  for (const char* other : {"--password-file", "--password-command"}) {
    app.get_option(other)->excludes(password);
  }
  app.add_option("--table", arguments.table,
                 "The table, as name, schema.name or \"Quoted\".\"Name\"")
      ->capture_default_str();
  app.add_option("--rate", arguments.rate, "Events per second")
      ->check(CLI::Range(0.001, 1e6))
      ->capture_default_str();
  app.add_option("--rows", arguments.rows, "Stop after so many events; 0: continue until stopped")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  app.add_option("--seed", arguments.seed,
                 "The same seed gives the same events [default: a new seed each time]");
  app.add_flag("-q,--quiet", arguments.quiet, "Do not print the events");
  app.add_option("files", arguments.files,
                 "CSV files to replay instead, with or without a header; - is standard input");
}

// Hides the values of -p and --password from `ps`.
void HideWords(int argc, char** argv) {
  bool hidden = false;  // the next argument is a value
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (hidden) {
      ShowArgumentAs(argv[i], "***");
      hidden = false;
      continue;
    }
    if (argument == "--") return;
    // -q is the one letter that can stand before it.
    const std::size_t p = argument.starts_with("--") ? std::string::npos : argument.find('p');
    const bool is_p = p != std::string::npos && argument.find_first_not_of("-q") == p;
    hidden = argument == "--password" || (is_p && p + 1 == argument.size());
    if (is_p && !hidden) ShowArgumentAs(argv[i], argument.substr(0, p + 1) + "***");
    constexpr const char* kLong = "--password=";
    if (argument.starts_with(kLong)) ShowArgumentAs(argv[i], std::string(kLong) + "***");
  }
}

}  // namespace
}  // namespace millrace::cli

int main(int argc, char** argv) {
  using namespace millrace;
  using namespace millrace::cli;
  std::signal(SIGPIPE, SIG_IGN);
  CLI::App app{
      "Insert click events into a table, each committed at once and printed, 5 a second.\n"
      "  gendata -u citus -p PASSWORD -h HOST -p 5432 -d citus",
      "gendata"};
  Arguments arguments;
  AddOptions(app, arguments);
  std::vector<std::string> words = TakeArguments(argc, argv);
  HideWords(argc, argv);
  std::reverse(words.begin(), words.end());  // as CLI11 wants them
  try {
    app.parse(std::move(words));
    Run(arguments);
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? 0 : 2;
  } catch (const CliError& e) {
    fmt::print(stderr, "gendata: {}\n", e.what());
    if (!e.way_out().empty()) fmt::print(stderr, "{}\n", e.way_out());
    return e.exit_code();
  } catch (const std::exception& e) {
    fmt::print(stderr, "gendata: {}\n", e.what());
    return 1;
  }
  return 0;
}
