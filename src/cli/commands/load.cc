// `millrace load`: CSV files into the events table.

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

void Run(const Arguments& arguments) {
  const std::string conninfo = ResolveConninfo(arguments.connection);
  const LoadReport report = LoadFiles(conninfo, arguments.load);
  if (report.already > 0) {
    fmt::print(stderr, "{} rows were in already, {} were loaded now.\n",
               FormatCount(report.already), FormatCount(report.loaded));
  }
  if (report.rejected > 0) {
    RecordRejects(conninfo, report, arguments.load);
    fmt::print(stderr, "{} rows were rejected; {} has them, with line and reason.\n",
               FormatCount(report.rejected), arguments.load.rejects_file);
  }
}

void AddInputOptions(CLI::App* command, LoadOptions& load) {
  command->add_option("files", load.files, "CSV files; - is standard input")->required();
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
  command->add_flag("--resume", load.resume,
                    "Resume a load that was interrupted: rows that the database has recorded as "
                    "loaded are compared with the files and not loaded again. If nothing is "
                    "recorded, everything is loaded; a file that has changed is refused");
  command->add_flag("--quiet,-q", load.quiet, "Do not show progress");
}

}  // namespace

void AddLoadCommand(CLI::App& app) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command = app.add_subcommand("load", "Load CSV files into the events table by COPY");
  AddInputOptions(command, arguments->load);
  AddLoadOptions(command, arguments->load);
  AddConnectionOptions(*command, arguments->connection);
  command->callback([arguments] { Run(*arguments); });
}

}  // namespace millrace::cli
