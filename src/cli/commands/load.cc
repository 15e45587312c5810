// `millrace load`: files into a table.

#include "cli/commands/load.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cstdio>
#include <map>
#include <memory>
#include <string>

#include "cli/commands/commands.h"
#include "client/connection.h"
#include "client/error.h"
#include "client/output.h"
#include "ingest/dialect.h"
#include "ingest/json_object.h"
#include "ingest/load_files.h"
#include "server/options.h"

namespace millrace::cli {
namespace {

struct Arguments {
  ConnectionOptions connection;
  LoadOptions load;
};

// For the dashboard's operations view. The load is done, so it does not fail if the server has no
// Millrace, or the role may not write there.
void RecordRejects(const std::string& conninfo, const LoadReport& report, const LoadOptions& load) {
  try {
    Connection connection = Connection::Open(conninfo);
    connection.Execute("INSERT INTO millrace.reject (file, rows) VALUES ($1, $2)",
                       {fmt::format("{}", fmt::join(load.files, ", ")).c_str(),
                        std::to_string(report.rejected).c_str()});
  } catch (const CliError&) {
  }
}

void SayHowItWasRead(const LoadReport& report) {
  if (report.times_without_zone > 0) {
    const bool one = report.times_without_zone == 1;
    fmt::print(stderr, "{} time{} had no zone and {} read as {}; --time-zone names another.\n",
               FormatCount(report.times_without_zone), one ? "" : "s", one ? "was" : "were",
               report.session_zone);
  }
  if (!report.unknown_fields.empty()) {
    fmt::print(stderr, "Fields that are in no column and were left out: {}{}\n",
               fmt::join(report.unknown_fields, ", "),
               report.unknown_fields.size() < kMostUnknownFields ? "" : ", and others");
  }
  if (!report.names_not_found.empty()) {
    fmt::print(stderr, "No row has a field {} (--map, --skip)\n",
               fmt::join(report.names_not_found, ", "));
  }
}

}  // namespace

std::pair<std::string, std::string> SplitMap(const std::string& text, const std::string& option) {
  const std::size_t at = text.rfind('=');
  if (at == std::string::npos || at + 1 == text.size()) {
    throw CLI::ValidationError(option, "write FIELD=COLUMN, not " + text);
  }
  return {text.substr(0, at), text.substr(at + 1)};
}

// A sign before the first % ends a name.
std::pair<std::string, std::string> SplitTimeFormat(const std::string& text) {
  const std::size_t at = text.find('=');
  if (at == std::string::npos || text.find('%') < at) return {"", text};
  return {text.substr(0, at), text.substr(at + 1)};
}

void AddReadingOptions(CLI::App* command, LoadOptions& load) {
  command
      ->add_option("--format", load.format,
                   "auto: a file whose first character is { has lines of JSON, others are CSV")
      ->transform(
          CLI::CheckedTransformer(std::map<std::string, FileFormat>{{"auto", FileFormat::kAuto},
                                                                    {"csv", FileFormat::kCsv},
                                                                    {"json", FileFormat::kJson}})
              .description(""))
      ->type_name("auto|csv|json")
      ->default_str("auto");
  command
      ->add_option_function<std::string>(
          "--delimiter",
          [&load](const auto& text) { load.dialect.delimiter = ParseDelimiter(text); },
          "What separates fields: one character, or tab")
      ->type_name("CHAR")
      ->default_str(",");
  command
      ->add_option_function<std::string>(
          "--quote", [&load](const auto& text) { load.dialect.quote = ParseQuote(text); },
          "What encloses fields; none: nothing does, and a line is a row")
      ->type_name("CHAR|none")
      ->default_str("\"");
  command
      ->add_option("--encoding", load.dialect.encoding,
                   "As PostgreSQL names it (latin1, win1252, sjis) or utf-16 [default: UTF-8, or "
                   "what a byte order mark says]")
      ->type_name("NAME");
  command
      ->add_option("--null", load.dialect.null_text,
                   "A field that is this text, without quotes, is NULL [default: an empty field]")
      ->type_name("TEXT");
  command->add_flag("--empty-as-null", load.empty_as_null,
                    "Also \"\" is NULL, and with --null an empty field, in columns of numbers, "
                    "times, booleans, addresses, uuid and json");
  command
      ->add_option("--time-zone", load.time_zone,
                   "The zone of times that name none, as Europe/Berlin [default: that of the "
                   "session]")
      ->type_name("ZONE");
  command
      ->add_option_function<std::vector<std::string>>(
          "--time-format",
          [&load](const auto& texts) {
            for (const std::string& text : texts)
              load.time_formats.push_back(SplitTimeFormat(text));
          },
          "How times are written: seconds, milliseconds, microseconds or nanoseconds since 1970, "
          "or a pattern "
          "such as '%d.%m.%Y %H:%M:%S'. COLUMN=FORMAT for one column of the table; may be repeated")
      ->allow_extra_args(false)
      ->type_name("FORMAT");
  command
      ->add_option("--skip-lines", load.skip_lines,
                   "Lines to leave out at the beginning of each file, before the header")
      ->check(CLI::Range(std::int64_t{0}, std::int64_t{1'000'000}).description(""))
      ->type_name("N");
}

namespace {

void AddInputOptions(CLI::App* command, LoadOptions& load) {
  command
      ->add_option("files", load.files,
                   "Files of CSV or JSON lines, also packed by gzip or zstd; - is standard input")
      ->required();
  command
      ->add_option("--table", load.table, "The table, as name, schema.name or \"Quoted\".\"Name\"")
      ->capture_default_str();
  command
      ->add_option("--header", load.header,
                   "Whether the first row has the names of the columns. auto: it has if all its "
                   "fields are columns of the table")
      ->transform(
          CLI::CheckedTransformer(std::map<std::string, HeaderMode>{{"auto", HeaderMode::kAuto},
                                                                    {"yes", HeaderMode::kYes},
                                                                    {"no", HeaderMode::kNo}})
              .description(""))
      ->type_name("auto|yes|no")
      ->default_str("auto");
  command
      ->add_option("--columns", load.columns,
                   "The files' columns, as a,b,c [default: those of the header; without one "
                   "event_time, customer_id, event_type, country, browser, device_id, session_id, "
                   "with event_id before them if there are eight]")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->type_name("NAMES");
  command
      ->add_option_function<std::vector<std::string>>(
          "--map",
          [&load](const auto& texts) {
            for (const std::string& text : texts) load.map.push_back(SplitMap(text, "--map"));
          },
          "A column of the files that has another name in the table. A field b of an object a of "
          "JSON is a.b; may be repeated")
      ->allow_extra_args(false)
      ->type_name("FILE_COLUMN=TABLE_COLUMN");
  command
      ->add_option("--skip", load.skip, "A column of the files that is not loaded; may be repeated")
      ->allow_extra_args(false)
      ->type_name("FILE_COLUMN");
  CLI::Option* ignore = command->add_flag_callback(
      "--ignore-ids", [&load] { load.ids = IdMode::kIgnore; },
      "Ignore the files' ids in a column that the server fills from a sequence and that rollups "
      "follow; the server gives new ids. Without this and --keep-ids, files with such a column are "
      "refused");
  command
      ->add_flag_callback(
          "--keep-ids", [&load] { load.ids = IdMode::kKeep; },
          "Load such ids as they are. Rollups do not count ids below their watermark, so rebuild "
          "them afterwards. Also set the sequence past the highest id, or the same ids are given "
          "again")
      ->excludes(ignore);
  command
      ->add_option("--max-record-bytes", load.max_record_bytes,
                   "The longest row to accept, with a unit, such as 64MB; at most 1GB")
      ->transform(CLI::AsSizeValue(false).description(""))
      ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{1} << 30).description(""))
      ->type_name("SIZE")
      ->default_str("64MB");
}

}  // namespace

void AddLoadOptions(CLI::App* command, LoadOptions& load) {
  command->add_option("--jobs,-j", load.jobs, "Connections that load at the same time")
      ->check(CLI::Range(1, 64))
      ->capture_default_str();
  command
      ->add_option("--batch-rows", load.batch_rows,
                   "Rows per transaction [default: 100000; 500000 if Citus distributes the table]")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{10'000'000}));
  command
      ->add_option("--on-error", load.reject,
                   "stop: stop at the first bad row; its batch is not loaded, and the message says "
                   "which rows are loaded. reject: write bad rows to --rejects and load the others")
      ->transform(
          CLI::CheckedTransformer(std::map<std::string, bool>{{"stop", false}, {"reject", true}})
              .description(""))
      ->type_name("stop|reject")
      ->default_str("stop");
  command
      ->add_option("--rejects", load.rejects_file,
                   "With --on-error reject: a new CSV file, with file, line, reason and record of "
                   "each bad row")
      ->capture_default_str();
  CLI::Option* resume = command->add_flag_callback(
      "--resume", [&load] { load.loaded_before = LoadedBefore::kResume; },
      "Resume a load that was interrupted: rows that the database has recorded as loaded are "
      "compared with the files and not loaded again. If nothing is recorded, everything is loaded; "
      "a file that has changed is refused");
  command
      ->add_flag_callback(
          "--again", [&load] { load.loaded_before = LoadedBefore::kLoadAgain; },
          "Load files and batches also if they were loaded before; without this they are refused")
      ->excludes(resume);
  command->add_flag("--quiet,-q", load.quiet, "Do not show progress");
}

void SayWhatWasLoaded(const std::string& conninfo, const LoadOptions& load,
                      const LoadReport& report) {
  if (report.already > 0) {
    fmt::print(stderr, "{} in already, {} loaded now.\n",
               FormatCount(report.already, "row was", "rows were"),
               FormatCount(report.loaded, "was", "were"));
  }
  SayHowItWasRead(report);
  if (report.rejected > 0) {
    RecordRejects(conninfo, report, load);
    fmt::print(stderr, "{} rejected; {} has {}, with line and reason.\n",
               FormatCount(report.rejected, "row was", "rows were"), load.rejects_file,
               report.rejected == 1 ? "it" : "them");
  }
}

void AddLoadCommand(CLI::App& app) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command = app.add_subcommand("load", "Load files of CSV or JSON into a table by COPY");
  AddInputOptions(command, arguments->load);
  AddReadingOptions(command, arguments->load);
  AddLoadOptions(command, arguments->load);
  AddConnectionOptions(*command, arguments->connection);
  command->callback([arguments] {
    const std::string conninfo = ResolveConninfo(arguments->connection);
    SayWhatWasLoaded(conninfo, arguments->load, LoadFiles(conninfo, arguments->load));
  });
}

}  // namespace millrace::cli
